//! The course of the demo: the vendor acts, callbacks come in, events move the board.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use eqp_receiver::{Event, EventFilter, Mark, Reader, Verdict};
use eqp_simulator::{Sent, SentKind};
use eqp_types::{Flow, SubmissionId};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::board::Board;
use super::house::House;
use super::screen::{CallbackLine, Screen};
use super::track_line::{Lane, in_words};
use super::vendor::{EXTENSIONS, INFECTED, REJECTED_ONCE, RELEASED, Vendor};
use crate::failure::{Exit, Failure, Outcome};

/// Longer than any show at a sensible speed: an error is better than a screen that stands still.
const DEADLINE: Duration = Duration::from_mins(2);
/// How long projection may take until the screen tells of a callback without it.
const PROJECTION_DEADLINE: Duration = Duration::from_secs(2);
const PROJECTION_POLL: Duration = Duration::from_millis(3);

/// How long the database may be away: one that has died is started again.
const OUTAGE_DEADLINE: Duration = Duration::from_secs(20);
const OUTAGE_POLL: Duration = Duration::from_millis(100);

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) board: Board,
    /// From the begin of each send to its answer.
    pub(super) latencies: Vec<Duration>,
    /// From the start of the program to the first callback on the screen.
    pub(super) first_callback: Duration,
    /// From the start of the program to the end of the last review.
    pub(super) total: Duration,
}

/// A submission that waits for the scan of its files.
#[derive(Debug)]
struct Draft {
    title: &'static str,
    submission: SubmissionId,
    files: Vec<String>,
}

/// The running show.
pub(super) struct Show<'a> {
    house: &'a House,
    reader: Reader,
    screen: &'a Screen,
    begun: Instant,
    seen: Seen,
    /// Files whose malware scan has ended, as callbacks say.
    scanned: HashSet<String>,
    /// Drafts that wait for the scan of their files: the Marketplace takes no submission before.
    drafts: Vec<Draft>,
    /// The submission that has to be submitted again once its rejection is heard.
    to_resubmit: Option<SubmissionId>,
    kinds: Vec<SentKind>,
}

impl<'a> Show<'a> {
    pub(super) fn new(house: &'a House, screen: &'a Screen, begun: Instant) -> Self {
        let seen = Seen {
            board: Board::default(),
            latencies: Vec::new(),
            first_callback: Duration::ZERO,
            total: Duration::ZERO,
        };
        let reader = house.reader();
        Self {
            house,
            reader,
            screen,
            begun,
            seen,
            scanned: HashSet::new(),
            drafts: Vec::new(),
            to_resubmit: None,
            kinds: Vec::new(),
        }
    }

    /// Runs to the end of all reviews.
    pub(super) async fn run(mut self) -> Outcome<Seen> {
        let mut sent = self.house.simulator().subscribe_sent();
        let mut events = self.reader.tail(EventFilter { after_seq: Some(0), ..EventFilter::default() }).await?;
        self.screen.callbacks_begin();
        let vendor = Vendor::prepare(self.house.client(), self.house.folder()).await?;
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
                    // It is started again, and the next call looks again.
                    Err(error) if error.is_retryable() => {}
                    Err(error) => return Err(error.into()),
                },
            }
            self.screen.draw(&self.seen.board);
        }
        self.seen.total = self.begun.elapsed();
        Ok(self.seen)
    }

    async fn create_all(&mut self, vendor: &Vendor<'_>) -> Outcome {
        for extension in EXTENSIONS {
            let file = vendor.upload(extension).await?;
            self.seen.board.add(extension.title, file.as_str());
            let submission = vendor.create(extension, &file).await?;
            self.seen.board.created(extension.title, submission.as_str());
            self.screen.vendor(self.begun.elapsed(), &format!("{} uploaded", extension.title));
            self.screen.draw(&self.seen.board);
            if extension.title == REJECTED_ONCE.title {
                self.to_resubmit = Some(submission.clone());
            }
            let files = vendor.listing().map(str::to_owned).chain([file.to_string()]).collect();
            self.drafts.push(Draft { title: extension.title, submission, files });
        }
        Ok(())
    }

    /// Submits the drafts whose files are all scanned.
    async fn submit_what_is_scanned(&mut self, vendor: &Vendor<'_>) -> Outcome {
        let is_ready = |draft: &Draft| draft.files.iter().all(|file| self.scanned.contains(file));
        let (ready, waiting) = std::mem::take(&mut self.drafts).into_iter().partition(is_ready);
        self.drafts = waiting;
        for Draft { title, submission, .. } in ready {
            vendor.submit(&submission).await?;
            self.screen.vendor(self.begun.elapsed(), &format!("{title} submitted"));
        }
        Ok(())
    }

    /// A callback was answered: waits for what the receiver makes of it and tells.
    async fn answered(&mut self, sent: Result<Sent, RecvError>) -> Outcome {
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
        if self.seen.latencies.is_empty() {
            self.seen.first_callback = after;
        }
        self.seen.latencies.push(sent.latency);
        if sent.flow == Some(Flow::Malware) {
            self.scanned.insert(sent.subject.clone());
        }
        self.kinds.push(sent.kind);
        let says = match (&sent.flow, &sent.outcome) {
            (Some(flow), Some(outcome)) => {
                let label = Lane::of(flow.as_str()).map_or("another flow", Lane::label);
                format!("{label} {}", in_words(outcome))
            }
            _ => String::new(),
        };
        self.screen.callback(&CallbackLine {
            after,
            event: &sent.event,
            says: &says,
            title: self.seen.board.title_of(&sent.subject).unwrap_or("listing"),
            answered_in: sent.latency,
            note: note.as_deref(),
        });
        Ok(())
    }

    /// What is special about a callback, as the receiver decided.
    async fn note(&self, id: Uuid) -> Outcome<Option<String>> {
        let asked = Instant::now();
        let verdict = loop {
            let stored = patiently(async || self.reader.callback(id).await).await?;
            match stored.and_then(|stored| stored.verdict) {
                None if asked.elapsed() < PROJECTION_DEADLINE => tokio::time::sleep(PROJECTION_POLL).await,
                verdict => break verdict,
            }
        };
        Ok(match verdict {
            Some(Verdict::Event) => {
                let filter = EventFilter { callback_id: Some(id), ..EventFilter::default() };
                let events = patiently(async || self.reader.events(&filter).await).await?;
                if events.iter().any(|event| event.outcome.as_deref() == Some("released_to_store")) {
                    Some("in the store".to_owned())
                } else {
                    let marked = events.iter().map(|event| event.mark).find(|mark| *mark != Mark::None);
                    marked.map(|mark| mark.to_string())
                }
            }
            Some(Verdict::Unknown) => Some("unknown code".to_owned()),
            Some(other) => Some(other.to_string()),
            None => Some("not projected yet".to_owned()),
        })
    }

    async fn happened(&mut self, event: &Event, vendor: &Vendor<'_>) -> Outcome {
        let (Some(subject), Some(flow), Some(outcome)) = (&event.subject, &event.flow, &event.outcome) else {
            return Ok(());
        };
        if !event.moved {
            return Ok(());
        }
        self.seen.board.moved(subject, flow.as_str(), outcome);
        let is_rejection = flow.as_str() == "marketing" && outcome == "rejected";
        if is_rejection && let Some(submission) = self.to_resubmit.take_if(|submission| submission.as_str() == subject)
        {
            vendor.resubmit(&submission).await?;
            let what = format!("{} improved and submitted to marketing again", REJECTED_ONCE.title);
            self.screen.vendor(self.begun.elapsed(), &what);
        }
        Ok(())
    }

    /// All reviews have ended, and every oddity was sent.
    fn is_over(&self) -> bool {
        let is = |title, lane, wanted| self.seen.board.outcome(title, lane) == Some(wanted);
        is(RELEASED.title, Lane::Store, "released_to_store")
            && is(REJECTED_ONCE.title, Lane::Store, "released_to_store")
            && is(INFECTED.title, Lane::Scan, "failed")
            && [SentKind::Copy, SentKind::Late, SentKind::Unknown].iter().all(|kind| self.kinds.contains(kind))
            && self.every_send_was_told()
    }

    /// The line about the last callback is on the screen too.
    fn every_send_was_told(&self) -> bool {
        u64::try_from(self.kinds.len()).is_ok_and(|told| told >= self.house.simulator().sent_count())
    }
}

/// Asks the database; where it is away, once more a moment later.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, eqp_receiver::Error>) -> Outcome<T> {
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

/// The id under which the receiver keeps a callback, as it answered the sender.
fn answered_id(answer: &[u8]) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Answer {
        id: Uuid,
    }
    serde_json::from_slice(answer).ok().map(|Answer { id }| id)
}

fn too_slow() -> Failure {
    Failure::new(Exit::TimedOut, "the reviews of the demo did not end")
        .next("run it again with --speed 30, and with -v to see what happens")
}
