//! Runs the demo: submits extensions, receives callbacks, updates the board.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use eqp_simulator::demo::{EXTENSIONS, INFECTED, REJECTED_ONCE, RELEASED};
use eqp_simulator::{Sent, SentKind};
use eqp_store::{CallbackDisposition, Disposition, Event, EventFilter, Reader};
use eqp_types::{Flow, SubmissionId};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::board::Board;
use super::progress::{TrackKind, in_words};
use super::report::Observed;
use super::screen::{CallbackLine, Screen};
use super::setup::Setup;
use super::vendor::Vendor;
use crate::failure::{Exit, Failure, Result};

/// The time limit of the demo.
const DEADLINE: Duration = Duration::from_mins(2);
/// The time limit for the projection of a callback, after which the callback is shown without its event.
const PROJECTION_DEADLINE: Duration = Duration::from_secs(2);
const PROJECTION_POLL: Duration = Duration::from_millis(3);

/// The time for which the database may be down before the demo fails.
const OUTAGE_DEADLINE: Duration = Duration::from_secs(20);
const OUTAGE_POLL: Duration = Duration::from_millis(100);

/// A submission that waits for the scan of its files.
#[derive(Debug)]
struct Draft {
    title: &'static str,
    submission: SubmissionId,
    files: Vec<String>,
}

/// A running demo.
pub(super) struct Storyline<'a> {
    setup: &'a Setup,
    reader: Reader,
    screen: &'a Screen,
    begun: Instant,
    observed: Observed,
    /// Files whose malware scan has ended, according to callbacks.
    scanned: HashSet<String>,
    /// Drafts that wait for the scan of their files, before which the Marketplace does not accept a submission.
    drafts: Vec<Draft>,
    /// The submission to resubmit after its rejection.
    to_resubmit: Option<SubmissionId>,
    kinds: Vec<SentKind>,
}

impl<'a> Storyline<'a> {
    pub(super) fn new(setup: &'a Setup, screen: &'a Screen, begun: Instant) -> Self {
        let observed = Observed {
            board: Board::default(),
            latencies: Vec::new(),
            first_callback: Duration::ZERO,
            total: Duration::ZERO,
        };
        let reader = setup.reader();
        Self {
            setup,
            reader,
            screen,
            begun,
            observed,
            scanned: HashSet::new(),
            drafts: Vec::new(),
            to_resubmit: None,
            kinds: Vec::new(),
        }
    }

    /// Runs until all reviews have ended.
    pub(super) async fn run(mut self) -> Result<Observed> {
        let mut sent = self.setup.simulator().subscribe_sent();
        let mut events = self.reader.tail(EventFilter { after_seq: Some(0), ..EventFilter::default() }).await?;
        self.screen.callbacks_begin();
        let vendor = Vendor::prepare(self.setup.client(), self.setup.folder()).await?;
        self.create_all(&vendor).await?;

        let deadline = tokio::time::sleep(DEADLINE);
        tokio::pin!(deadline);
        while !self.is_over() {
            tokio::select! {
                () = &mut deadline => return Err(too_slow()),
                answered = sent.recv() => {
                    self.answered(answered).await?;
                    self.submit_what_is_scanned(&vendor).await?;
                }
                event = events.next() => match event {
                    Ok(Some(event)) => self.happened(&event, &vendor).await?,
                    Ok(None) => {}
                    // Postgres is restarted, and the next call tries again.
                    Err(error) if error.is_retryable() => {}
                    Err(error) => return Err(error.into()),
                },
            }
            self.screen.draw(&self.observed.board);
        }
        self.observed.total = self.begun.elapsed();
        Ok(self.observed)
    }

    async fn create_all(&mut self, vendor: &Vendor<'_>) -> Result {
        for extension in EXTENSIONS {
            let file = vendor.upload(extension).await?;
            self.observed.board.add(extension.title, file.as_str());
            let submission = vendor.create(extension, &file).await?;
            self.observed.board.created(extension.title, submission.as_str());
            self.screen.vendor(self.begun.elapsed(), &format!("{} uploaded", extension.title));
            self.screen.draw(&self.observed.board);
            if extension.title == REJECTED_ONCE.title {
                self.to_resubmit = Some(submission.clone());
            }
            let files = vendor.listing().map(str::to_owned).chain([file.to_string()]).collect();
            self.drafts.push(Draft { title: extension.title, submission, files });
        }
        Ok(())
    }

    /// Submits the drafts whose files are all scanned.
    async fn submit_what_is_scanned(&mut self, vendor: &Vendor<'_>) -> Result {
        let is_ready = |draft: &Draft| draft.files.iter().all(|file| self.scanned.contains(file));
        let (ready, waiting) = std::mem::take(&mut self.drafts).into_iter().partition(is_ready);
        self.drafts = waiting;
        for Draft { title, submission, .. } in ready {
            vendor.submit(&submission).await?;
            self.screen.vendor(self.begun.elapsed(), &format!("{title} submitted"));
        }
        Ok(())
    }

    /// Waits until an answered callback is projected, and shows it.
    async fn answered(&mut self, sent: Result<Sent, RecvError>) -> Result {
        let sent = match sent {
            Ok(sent) => sent,
            Err(RecvError::Lagged(_)) => return Ok(()),
            Err(RecvError::Closed) => return Err(too_slow()),
        };
        let note = match answered_id(&sent.answer) {
            Some(id) => self.note(id).await?,
            None => Some(sent.result.to_string()),
        };
        let after = self.begun.elapsed();
        if self.observed.latencies.is_empty() {
            self.observed.first_callback = after;
        }
        self.observed.latencies.push(sent.latency);
        if sent.flow == Some(Flow::Malware) {
            self.scanned.insert(sent.resource_id.clone());
        }
        self.kinds.push(sent.kind);
        let says = match (&sent.flow, &sent.status) {
            (Some(flow), Some(outcome)) => {
                let label = TrackKind::of(flow.as_str()).map_or("another flow", TrackKind::label);
                format!("{label} {}", in_words(outcome))
            }
            _ => String::new(),
        };
        self.screen.callback(&CallbackLine {
            after,
            event: &sent.event,
            says: &says,
            title: self.observed.board.title_of(&sent.resource_id).unwrap_or("listing"),
            answered_in: sent.latency,
            note: note.as_deref(),
        });
        Ok(())
    }

    /// Returns the remark about a callback, from its disposition.
    async fn note(&self, id: Uuid) -> Result<Option<String>> {
        let asked = Instant::now();
        let verdict = loop {
            let stored = retrying(async || self.reader.callback(id).await).await?;
            match stored.and_then(|stored| stored.disposition) {
                None if asked.elapsed() < PROJECTION_DEADLINE => tokio::time::sleep(PROJECTION_POLL).await,
                verdict => break verdict,
            }
        };
        Ok(match verdict {
            Some(CallbackDisposition::Event) => {
                let filter = EventFilter { callback_id: Some(id), ..EventFilter::default() };
                let events = retrying(async || self.reader.events(&filter).await).await?;
                if events.iter().any(|event| event.status.as_deref() == Some("released_to_store")) {
                    Some("in the store".to_owned())
                } else {
                    let mut dispositions = events.iter().filter_map(|event| event.disposition);
                    dispositions.find(|one| *one != Disposition::Applied).map(|one| one.to_string())
                }
            }
            Some(CallbackDisposition::Unknown) => Some("unknown code".to_owned()),
            Some(other) => Some(other.to_string()),
            None => Some("not projected yet".to_owned()),
        })
    }

    async fn happened(&mut self, event: &Event, vendor: &Vendor<'_>) -> Result {
        let (Some(subject), Some(flow), Some(outcome)) = (&event.resource_id, &event.flow, &event.status) else {
            return Ok(());
        };
        if !event.applied {
            return Ok(());
        }
        self.observed.board.moved(subject, flow.as_str(), outcome);
        let is_rejection = flow.as_str() == "marketing" && outcome == "rejected";
        if is_rejection && let Some(submission) = self.to_resubmit.take_if(|submission| submission.as_str() == subject)
        {
            vendor.resubmit(&submission).await?;
            let what = format!("{} improved and submitted to marketing again", REJECTED_ONCE.title);
            self.screen.vendor(self.begun.elapsed(), &what);
        }
        Ok(())
    }

    /// Returns whether all reviews have ended and every unusual callback was sent.
    fn is_over(&self) -> bool {
        let is = |title, kind, wanted| self.observed.board.outcome(title, kind) == Some(wanted);
        is(RELEASED.title, TrackKind::Store, "released_to_store")
            && is(REJECTED_ONCE.title, TrackKind::Store, "released_to_store")
            && is(INFECTED.title, TrackKind::Scan, "failed")
            && [SentKind::Duplicate, SentKind::Late, SentKind::Unknown].iter().all(|kind| self.kinds.contains(kind))
            && self.every_callback_is_shown()
    }

    /// Returns whether every callback is on the screen.
    fn every_callback_is_shown(&self) -> bool {
        u64::try_from(self.kinds.len()).is_ok_and(|shown| shown >= self.setup.simulator().sent_count())
    }
}

/// Queries the database, and retries while it is unavailable.
async fn retrying<T>(ask: impl AsyncFn() -> Result<T, eqp_store::Error>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(error) if error.is_retryable() && begun.elapsed() < OUTAGE_DEADLINE => {
                tokio::time::sleep(OUTAGE_POLL).await;
            }
            answer => return Ok(answer?),
        }
    }
}

/// Returns the callback ID in the receiver's response.
fn answered_id(answer: &[u8]) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Answer {
        id: Uuid,
    }
    serde_json::from_slice(answer).ok().map(|Answer { id }| id)
}

fn too_slow() -> Failure {
    Failure::new(Exit::TimedOut, "the demo's reviews did not finish in time")
        .next("run it again with --speed 30, and with -v to show the log")
}
