//! Runs the demo: submits extensions, receives callbacks, updates the board.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use eqp_simulator::demo::{EXTENSIONS, INFECTED, REJECTED_ONCE, RELEASED};
use eqp_simulator::{Sent, SentKind};
use eqp_store::{CallbackDisposition, Disposition, Event, EventFilter, EventKind, Reader};
use eqp_types::{Flow, SubmissionId};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::board::Board;
use super::deliveries::STATUSES;
use super::progress::{TrackKind, in_words};
use super::receivers::{Arrived, ChatPlace};
use super::report::{Delivered, Observed};
use super::screen::{CallbackLine, Screen};
use super::setup::{OUTAGE_DEADLINE, OUTAGE_POLL, Setup};
use super::vendor::Vendor;
use crate::failure::{Exit, Failure, Result};

/// The time limit of the demo.
const DEADLINE: Duration = Duration::from_mins(2);
/// The time limit for the projection of a callback, after which the callback is shown without its event.
const PROJECTION_DEADLINE: Duration = Duration::from_secs(2);
const PROJECTION_POLL: Duration = Duration::from_millis(3);

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
    expected: Expected,
}

/// The deliveries that must arrive before the demo ends.
#[derive(Debug, Default)]
struct Expected {
    webhooks: usize,
    replies: usize,
    /// The chat waits for details, which could not be read.
    lacks_details: bool,
}

impl<'a> Storyline<'a> {
    pub(super) fn new(setup: &'a Setup, screen: &'a Screen, begun: Instant) -> Self {
        let observed = Observed {
            board: Board::default(),
            latencies: Vec::new(),
            delivered: Delivered::default(),
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
            expected: Expected::default(),
        }
    }

    /// Runs until all reviews have ended.
    pub(super) async fn run(mut self) -> Result<Observed> {
        let mut sent = self.setup.simulator().subscribe_sent();
        let mut events = self.reader.tail(EventFilter { after_seq: Some(0), ..EventFilter::default() }).await?;
        self.screen.callbacks_begin();
        let vendor = Vendor::prepare(self.setup.client(), self.setup.folder()).await?;
        let mut arrived = self.setup.deliveries().arrived().await;
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
                Some(arrived) = arrived.recv() => self.delivered(&arrived),
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
        let submissions: Vec<_> = self.drafts.iter().map(|draft| draft.submission.clone()).collect();
        self.expected.lacks_details |= !self.setup.read_details(submissions).await;
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
        self.expect_delivery(event, outcome).await?;
        let is_rejection = flow.as_str() == "marketing" && outcome == "rejected";
        if is_rejection && let Some(submission) = self.to_resubmit.take_if(|submission| submission.as_str() == subject)
        {
            vendor.resubmit(&submission).await?;
            let what = format!("{} improved and submitted to marketing again", REJECTED_ONCE.title);
            self.screen.vendor(self.begun.elapsed(), &what);
        }
        Ok(())
    }

    /// Counts the deliveries of an event, and reads the reasons for a rejection, for which the chat waits.
    async fn expect_delivery(&mut self, event: &Event, status: &str) -> Result {
        if !STATUSES.contains(&status) {
            return Ok(());
        }
        self.expected.webhooks += 1;
        if event.kind != EventKind::Submission {
            return Ok(());
        }
        self.expected.replies += 1;
        if status == "rejected"
            && let Some(Ok(submission)) = event.resource_id.clone().map(SubmissionId::new)
        {
            self.expected.lacks_details |= !self.setup.read_details([submission]).await;
        }
        Ok(())
    }

    /// Counts and shows what arrived at the webhook or in the chat.
    fn delivered(&mut self, arrived: &Arrived) {
        let delivered = &mut self.observed.delivered;
        let line = match arrived {
            Arrived::Webhook { subject, accepted: false, .. } => {
                delivered.failed += 1;
                format!("webhook answers 503, retried later: {subject}")
            }
            Arrived::Webhook { subject, attempt, .. } => {
                delivered.webhooks += 1;
                delivered.retried += usize::from(*attempt > 1);
                let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                format!("webhook: {subject}{again}")
            }
            Arrived::Chat { place: ChatPlace::First, .. } => {
                delivered.threads += 1;
                return;
            }
            Arrived::Chat { place: ChatPlace::Edit, .. } => return,
            Arrived::Chat { text, place: ChatPlace::Reply } => {
                delivered.replies += 1;
                format!("chat: {text}")
            }
        };
        self.screen.delivery(self.begun.elapsed(), &line);
    }

    /// Returns whether everything was delivered, also after a retry.
    fn all_is_delivered(&self) -> bool {
        let delivered = &self.observed.delivered;
        delivered.retried > 0
            && delivered.webhooks >= self.expected.webhooks
            && (self.expected.lacks_details || delivered.replies >= self.expected.replies)
    }

    /// Returns whether all reviews have ended and every unusual callback was sent.
    fn is_over(&self) -> bool {
        let is = |title, kind, wanted| self.observed.board.outcome(title, kind) == Some(wanted);
        is(RELEASED.title, TrackKind::Store, "released_to_store")
            && is(REJECTED_ONCE.title, TrackKind::Store, "released_to_store")
            && is(INFECTED.title, TrackKind::Scan, "failed")
            && [SentKind::Duplicate, SentKind::Late, SentKind::Unknown].iter().all(|kind| self.kinds.contains(kind))
            && self.every_callback_is_shown()
            && self.all_is_delivered()
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
