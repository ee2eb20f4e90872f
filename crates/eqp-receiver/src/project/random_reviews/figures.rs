//! Compares the results of many reviews with the oracle.

use fastrand::Rng;

use super::memory::{Memory, project};
use super::review::{Change, FLOWS};
use eqp_store::{CallbackDisposition, Disposition};

/// The results of many reviews.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) reviews: usize,
    /// Reviews in which a received status is missing in the history.
    pub(super) missed: usize,
    /// Reviews in which the history, ordered by time, lacks a received step.
    pub(super) skipped: usize,
    /// Reviews in which some flow does not end in its last status.
    pub(super) wrong: usize,
    /// Reviews in which such a flow is not marked as ambiguous.
    pub(super) wrong_and_not_ambiguous: usize,
    /// Reviews with a track that is marked as ambiguous at the end.
    pub(super) ambiguous: usize,
    /// Events that were caused by callbacks that had been received before.
    pub(super) from_redelivery: usize,
    pub(super) late: usize,
}

impl Figures {
    pub(super) fn add(&mut self, memory: &Memory, heard: &[Change], truth: [&'static str; 3]) {
        self.reviews += 1;
        let (mut missed, mut skipped) = (false, false);
        for (at, flow) in FLOWS.iter().enumerate() {
            let (heard, reported) = (heard_of(at, heard), memory.reported(flow));
            missed |= heard.iter().any(|status| !reported.iter().any(|reported| reported == status));
            skipped |= !is_subsequence(&heard, &reported);
        }
        self.missed += usize::from(missed);
        self.skipped += usize::from(skipped);
        let wrong: Vec<_> = FLOWS
            .iter()
            .zip(truth)
            .filter_map(|(flow, truth)| memory.track(flow).filter(|track| track.state.status != truth))
            .collect();
        self.wrong += usize::from(!wrong.is_empty());
        self.wrong_and_not_ambiguous += usize::from(wrong.iter().any(|track| !track.state.ambiguous));
        self.ambiguous +=
            usize::from(FLOWS.iter().any(|flow| memory.track(flow).is_some_and(|track| track.state.ambiguous)));
        self.late += memory.events.iter().filter(|event| event.disposition == Some(Disposition::Late)).count();
    }

    pub(super) fn redeliver(&mut self, rng: &mut Rng, memory: &mut Memory, bodies: &[String]) {
        let (events, callbacks) = (memory.events.len(), memory.projected.len());
        let mut again = bodies.to_vec();
        rng.shuffle(&mut again);
        project(rng, memory, &again);
        self.from_redelivery += memory.events.len() - events;
        assert!(memory.projected[callbacks..].iter().all(|one| one.disposition == CallbackDisposition::Duplicate));
        assert!(memory.projected[callbacks..].iter().all(|one| one.duplicate_of.is_some()));
    }
}

/// Returns the statuses of a flow at each second of a received callback, without repetitions.
fn heard_of(flow: usize, heard: &[Change]) -> Vec<&'static str> {
    let mut heard = heard.to_vec();
    heard.sort_by_key(|change| change.second);
    let mut statuses: Vec<_> = heard.iter().map(|change| change.snapshot[flow]).collect();
    statuses.dedup();
    statuses
}

fn is_subsequence(part: &[&str], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|status| whole.any(|reported| reported == status))
}
