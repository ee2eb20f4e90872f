//! What is found in many reviews, beside what the oracle knows.

use fastrand::Rng;

use super::memory::{Memory, project};
use super::review::{Change, FLOWS};
use crate::read::{Mark, Verdict};

/// What was found in many reviews.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) reviews: usize,
    /// Reviews in which an outcome that was heard is nowhere in the history.
    pub(super) missed: usize,
    /// Reviews in which the history, put in the order of time, lacks a step that was heard.
    pub(super) skipped: usize,
    /// Reviews in which some flow ends in a state that is not its last.
    pub(super) wrong: usize,
    /// … of which not every one is marked tied.
    pub(super) wrong_and_not_tied: usize,
    /// Reviews with a track marked tied at the end.
    pub(super) tied: usize,
    /// Events that came of callbacks that were heard before.
    pub(super) from_redelivery: usize,
    pub(super) late: usize,
}

impl Figures {
    pub(super) fn add(&mut self, memory: &Memory, heard: &[Change], truth: [&'static str; 3]) {
        self.reviews += 1;
        let (mut missed, mut skipped) = (false, false);
        for (at, flow) in FLOWS.iter().enumerate() {
            let (heard, told) = (heard_of(at, heard), memory.told(flow));
            missed |= heard.iter().any(|outcome| !told.iter().any(|told| told == outcome));
            skipped |= !is_subsequence(&heard, &told);
        }
        self.missed += usize::from(missed);
        self.skipped += usize::from(skipped);
        let wrong: Vec<_> = FLOWS
            .iter()
            .zip(truth)
            .filter_map(|(flow, truth)| memory.track(flow).filter(|track| track.state.outcome != truth))
            .collect();
        self.wrong += usize::from(!wrong.is_empty());
        self.wrong_and_not_tied += usize::from(wrong.iter().any(|track| !track.state.tied));
        self.tied += usize::from(FLOWS.iter().any(|flow| memory.track(flow).is_some_and(|track| track.state.tied)));
        self.late += memory.events.iter().filter(|event| event.mark == Mark::Late).count();
    }

    pub(super) fn redeliver(&mut self, chance: &mut Rng, memory: &mut Memory, bodies: &[String]) {
        let (events, callbacks) = (memory.events.len(), memory.outcomes.len());
        let mut again = bodies.to_vec();
        chance.shuffle(&mut again);
        project(chance, memory, &again);
        self.from_redelivery += memory.events.len() - events;
        assert!(memory.outcomes[callbacks..].iter().all(|outcome| outcome.verdict == Verdict::Copy));
        assert!(memory.outcomes[callbacks..].iter().all(|outcome| outcome.copy_of.is_some()));
    }
}

/// What the oracle says was heard of a flow: its outcome at each second heard of, repetitions left out.
fn heard_of(flow: usize, heard: &[Change]) -> Vec<&'static str> {
    let mut heard = heard.to_vec();
    heard.sort_by_key(|change| change.second);
    let mut outcomes: Vec<_> = heard.iter().map(|change| change.snapshot[flow]).collect();
    outcomes.dedup();
    outcomes
}

fn is_subsequence(part: &[&str], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|outcome| whole.any(|told| told == outcome))
}
