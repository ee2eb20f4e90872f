//! The rule: what is new, and what is a copy.
//!
//! Callbacks have no id, come more than once, out of order, or never, and in the older form without a time. The rule
//! sees one observation at a time, with the state of its track and what its history holds around the observation's
//! time; the cases below are its table. Row 0 (the whole notice repeats an earlier one) is decided before, in `fold`.
//!
//! What no rule can know: without times a delayed copy looks like a new entry into a state.

use eqp_types::{Flow, Timestamp, canonical_outcome, review_rank};

use crate::read::Mark;

/// The state of a track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// What is now.
    pub(crate) outcome: String,
    /// Since when, if that is known.
    pub(crate) modified_at: Option<Timestamp>,
    /// The latest time at which any notice spoke of the track.
    pub(crate) seen_until: Option<Timestamp>,
    /// Several outcomes bear the time `seen_until`.
    pub(crate) tied: bool,
}

/// What a notice says about one track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation<'a> {
    pub(crate) flow: &'a Flow,
    /// In canonical spelling.
    pub(crate) outcome: &'a str,
    pub(crate) modified_at: Option<Timestamp>,
    /// The notice is about this flow; otherwise it only mentions its state.
    pub(crate) named: bool,
}

/// The outcomes of a track's timed events around the time of an observation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Around<'a> {
    /// An event bears this very time and outcome.
    pub(crate) exact: bool,
    /// Of the last event before the time.
    pub(crate) before: Option<&'a str>,
    /// Of the last event at or before the time.
    pub(crate) up_to: Option<&'a str>,
    /// Of the first event after the time.
    pub(crate) after: Option<&'a str>,
}

/// What an observation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It tells what is known.
    Copy,
    /// It repeats what was before, for the second in which something else became the status: one of them came last.
    AmbiguousCopy,
    /// It tells something new.
    Event {
        mark: Mark,
        /// It becomes the state.
        moved: bool,
    },
}

const MOVES: Ruling = Ruling::Event { mark: Mark::None, moved: true };
const AGAIN: Ruling = Ruling::Event { mark: Mark::Again, moved: true };
const LATE: Ruling = Ruling::Event { mark: Mark::Late, moved: false };

/// Judges one observation. `others_moved`: another track was moved by the same notice.
pub(crate) fn decide(
    now: Option<&State>,
    observation: Observation<'_>,
    around: Around<'_>,
    others_moved: bool,
) -> Ruling {
    let Some(now) = now else { return MOVES };
    match observation.modified_at {
        Some(at) => decide_timed(now, observation, at, around, others_moved),
        None => decide_untimed(now, observation),
    }
}

fn decide_timed(
    now: &State,
    observation: Observation<'_>,
    at: Timestamp,
    around: Around<'_>,
    others_moved: bool,
) -> Ruling {
    let outcome = observation.outcome;
    let is_now = now.outcome == outcome;
    let at_seen_until = now.seen_until == Some(at);

    if around.exact || (at_seen_until && is_now) {
        return Ruling::Copy;
    }
    if now.seen_until.is_none_or(|seen| at > seen) {
        let entered_again = observation.named && now.modified_at.is_some() && !others_moved;
        return match (is_now, entered_again) {
            (true, true) => AGAIN,
            (true, false) => Ruling::Copy,
            (false, _) => MOVES,
        };
    }
    if at_seen_until && now.modified_at.is_some() {
        if !observation.named && around.before == Some(outcome) {
            return Ruling::AmbiguousCopy;
        }
        // A code that is not documented has no rank, and none is less than any.
        let moved = review_rank(observation.flow, outcome) > review_rank(observation.flow, &now.outcome);
        return Ruling::Event { mark: Mark::Tied, moved };
    }
    if around.up_to == Some(outcome) || around.after == Some(outcome) { Ruling::Copy } else { LATE }
}

fn decide_untimed(now: &State, observation: Observation<'_>) -> Ruling {
    if now.outcome == observation.outcome {
        return Ruling::Copy;
    }
    let ranks = (review_rank(observation.flow, observation.outcome), review_rank(observation.flow, &now.outcome));
    match ranks {
        // A file is scanned once, so its scan cannot go back.
        (Some(told), Some(reached)) if *observation.flow == Flow::Malware && told < reached => LATE,
        _ => MOVES,
    }
}

/// The state after an observation that was judged so.
pub(crate) fn settle(now: Option<State>, observation: Observation<'_>, ruling: Ruling) -> State {
    let at = observation.modified_at;
    let Some(mut state) = now else {
        return State { outcome: observation.outcome.to_owned(), modified_at: at, seen_until: at, tied: false };
    };
    let is_later = at.is_some() && at > state.seen_until;
    match ruling {
        Ruling::Event { mark, moved } => {
            if moved {
                observation.outcome.clone_into(&mut state.outcome);
                state.modified_at = at;
            }
            if moved || mark == Mark::Tied {
                state.tied = mark == Mark::Tied;
            }
        }
        Ruling::Copy if is_later => {
            state.modified_at = state.modified_at.or(at);
            state.tied = false;
        }
        Ruling::Copy => {}
        Ruling::AmbiguousCopy => state.tied = true,
    }
    if is_later {
        state.seen_until = at;
    }
    state
}

/// The one spelling in which outcomes are compared and kept.
pub(crate) fn spelled(flow: &Flow, outcome: &str) -> String {
    canonical_outcome(flow, outcome).to_owned()
}

/// That spelling for whichever flow documents the outcome: for filters that name no flow.
pub(crate) fn spelled_in_some_flow(outcome: &str) -> &str {
    let flows = [Flow::Overall, Flow::Technical, Flow::Marketing, Flow::Malware];
    flows.iter().map(|flow| canonical_outcome(flow, outcome)).find(|spelled| *spelled != outcome).unwrap_or(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment, by its second.
    fn second(second: i64) -> Timestamp {
        Timestamp::of(time::OffsetDateTime::from_unix_timestamp(1_600_000_000 + second).unwrap())
    }

    fn state(outcome: &str, modified_at: Option<i64>, seen_until: Option<i64>) -> State {
        State {
            outcome: outcome.into(),
            modified_at: modified_at.map(second),
            seen_until: seen_until.map(second),
            tied: false,
        }
    }

    /// One line of the table: what is now, what is said, what the history holds, what it is.
    struct Case {
        row: u8,
        says: &'static str,
        now: Option<State>,
        flow: Flow,
        outcome: &'static str,
        at: Option<i64>,
        named: bool,
        around: Around<'static>,
        others_moved: bool,
        ruling: Ruling,
    }

    impl Case {
        /// A named observation of the technical flow, which is in manual QA since second 10 and seen until 20.
        fn of(row: u8, says: &'static str) -> Self {
            Self {
                row,
                says,
                now: Some(state("in_manual_qa", Some(10), Some(20))),
                flow: Flow::Technical,
                outcome: "in_manual_qa",
                at: Some(30),
                named: true,
                around: Around::default(),
                others_moved: false,
                ruling: Ruling::Copy,
            }
        }
    }

    const TIED_AND_MOVES: Ruling = Ruling::Event { mark: Mark::Tied, moved: true };
    const TIED_AND_STAYS: Ruling = Ruling::Event { mark: Mark::Tied, moved: false };

    #[allow(clippy::too_many_lines, reason = "a table")]
    fn table() -> Vec<Case> {
        let at = |outcome| Around { up_to: Some(outcome), ..Around::default() };
        vec![
            Case { now: None, ruling: MOVES, ..Case::of(3, "the first word of a track") },
            Case { now: None, at: None, ruling: MOVES, ..Case::of(8, "the first word of a track, untimed") },
            Case {
                outcome: "approved",
                at: Some(15),
                around: Around { exact: true, ..Around::default() },
                ..Case::of(1, "an event has this time and outcome")
            },
            Case { at: Some(20), ..Case::of(1, "what is now, at the time until which it was seen") },
            Case {
                now: Some(state("in_manual_qa", None, Some(20))),
                at: Some(20),
                ..Case::of(1, "what is now without a time, at the time until which it was seen")
            },
            Case { named: false, ..Case::of(2, "what is now, mentioned later") },
            Case { others_moved: true, ..Case::of(2, "what is now, named, but another track moved") },
            Case {
                now: Some(state("in_manual_qa", None, None)),
                ..Case::of(2, "what is now without a time: it gets one")
            },
            Case { ruling: AGAIN, ..Case::of(2, "what is now, named later, and nothing else moved") },
            Case { outcome: "approved", ruling: MOVES, ..Case::of(3, "something else, later") },
            Case { outcome: "draft", named: false, ruling: MOVES, ..Case::of(3, "something less far along, later") },
            Case {
                now: Some(state("in_manual_qa", None, None)),
                outcome: "approved",
                ruling: MOVES,
                ..Case::of(3, "the first time of a track")
            },
            Case {
                outcome: "approved",
                at: Some(20),
                ruling: TIED_AND_MOVES,
                ..Case::of(4, "further along, at the same time")
            },
            Case {
                outcome: "in_automation",
                at: Some(20),
                ruling: TIED_AND_STAYS,
                ..Case::of(4, "less far along, at the same time")
            },
            Case { outcome: "recalled", at: Some(20), ruling: TIED_AND_MOVES, ..Case::of(4, "recalled, the furthest") },
            Case {
                now: Some(state("rejected", Some(20), Some(20))),
                outcome: "approved",
                at: Some(20),
                ruling: TIED_AND_STAYS,
                ..Case::of(4, "approved is less far along than rejected")
            },
            Case {
                now: Some(state("in_progress", Some(20), Some(20))),
                flow: Flow::Overall,
                outcome: "canceled_by_admin",
                at: Some(20),
                ruling: TIED_AND_MOVES,
                ..Case::of(4, "the furthest of a submission as a whole")
            },
            Case {
                now: Some(state("passed", Some(20), Some(20))),
                flow: Flow::Malware,
                outcome: "failed",
                at: Some(20),
                ruling: TIED_AND_MOVES,
                ..Case::of(4, "a failed scan is further along than a passed one")
            },
            Case {
                outcome: "on_the_moon",
                at: Some(20),
                ruling: TIED_AND_STAYS,
                ..Case::of(4, "an unknown outcome loses")
            },
            Case {
                now: Some(state("on_the_moon", Some(20), Some(20))),
                outcome: "draft",
                at: Some(20),
                ruling: TIED_AND_MOVES,
                ..Case::of(4, "an unknown outcome loses to the least")
            },
            Case {
                now: Some(state("on_the_moon", Some(20), Some(20))),
                outcome: "on_mars",
                at: Some(20),
                ruling: TIED_AND_STAYS,
                ..Case::of(4, "of two unknown outcomes the first stays")
            },
            Case {
                outcome: "in_automation",
                at: Some(20),
                named: false,
                around: Around { before: Some("in_automation"), ..Around::default() },
                ruling: Ruling::AmbiguousCopy,
                ..Case::of(4, "mentioned as it was before that time")
            },
            Case {
                outcome: "in_automation",
                at: Some(20),
                around: Around { before: Some("in_automation"), ..Around::default() },
                ruling: TIED_AND_STAYS,
                ..Case::of(4, "named as it was before that time")
            },
            Case {
                outcome: "in_automation",
                at: Some(15),
                around: at("in_automation"),
                ..Case::of(5, "what was then")
            },
            Case {
                outcome: "approved",
                at: Some(15),
                around: Around { after: Some("approved"), ..at("draft") },
                ..Case::of(5, "what was soon after")
            },
            Case {
                outcome: "rejected",
                at: Some(15),
                around: Around { after: Some("approved"), ..at("draft") },
                ruling: LATE,
                ..Case::of(5, "what was not known of then")
            },
            Case {
                outcome: "in_manual_qa",
                at: Some(5),
                ruling: LATE,
                ..Case::of(5, "what is now, long before it is known to have begun")
            },
            Case {
                now: Some(state("in_manual_qa", None, Some(20))),
                outcome: "approved",
                at: Some(20),
                around: at("draft"),
                ruling: LATE,
                ..Case::of(5, "a time that was seen, while what is now has none")
            },
            Case { at: None, ..Case::of(6, "what is now, untimed") },
            Case {
                now: Some(state("passed", None, None)),
                flow: Flow::Malware,
                outcome: "in-progress",
                at: None,
                ruling: LATE,
                ..Case::of(7, "a scan less far along")
            },
            Case {
                now: Some(state("in-progress", None, None)),
                flow: Flow::Malware,
                outcome: "passed",
                at: None,
                ruling: MOVES,
                ..Case::of(8, "a scan further along")
            },
            Case {
                now: Some(state("in-progress", None, None)),
                flow: Flow::Malware,
                outcome: "infected",
                at: None,
                ruling: MOVES,
                ..Case::of(8, "a scan with an unknown outcome")
            },
            Case { outcome: "approved", at: None, ruling: MOVES, ..Case::of(8, "something else, untimed") },
            Case { outcome: "draft", at: None, ruling: MOVES, ..Case::of(8, "a review may go back") },
        ]
    }

    #[test]
    fn the_table_holds() {
        for case in table() {
            let observation = Observation {
                flow: &case.flow,
                outcome: case.outcome,
                modified_at: case.at.map(second),
                named: case.named,
            };
            let ruling = decide(case.now.as_ref(), observation, case.around, case.others_moved);
            assert_eq!(ruling, case.ruling, "row {}: {}", case.row, case.says);
        }
    }

    #[test]
    fn every_row_has_a_case() {
        // Row 0 is about a whole notice; its cases are in `batch`.
        for row in 1..=8 {
            assert!(table().iter().any(|case| case.row == row), "row {row}");
        }
    }

    fn settled(now: &State, outcome: &str, at: Option<i64>, ruling: Ruling) -> State {
        let at = at.map(second);
        settle(Some(now.clone()), Observation { flow: &Flow::Technical, outcome, modified_at: at, named: true }, ruling)
    }

    #[test]
    fn the_state_follows_the_verdict() {
        let now = state("in_manual_qa", Some(10), Some(20));
        assert_eq!(settled(&now, "approved", Some(30), MOVES), state("approved", Some(30), Some(30)));
        assert_eq!(settled(&now, "in_manual_qa", Some(30), AGAIN), state("in_manual_qa", Some(30), Some(30)));
        assert_eq!(settled(&now, "in_manual_qa", Some(30), Ruling::Copy), state("in_manual_qa", Some(10), Some(30)));
        assert_eq!(settled(&now, "rejected", Some(15), LATE), now);
        assert_eq!(settled(&now, "approved", None, MOVES), state("approved", None, Some(20)));
        let untimed = state("in_manual_qa", None, None);
        assert_eq!(settled(&untimed, "in_manual_qa", Some(5), Ruling::Copy), state("in_manual_qa", Some(5), Some(5)));
        let seen = state("in_manual_qa", None, Some(20));
        assert_eq!(
            settled(&seen, "in_manual_qa", Some(20), Ruling::Copy),
            seen,
            "of this time it was not the first word"
        );
    }

    #[test]
    fn a_tie_lasts_until_a_later_notice() {
        let now = state("in_manual_qa", Some(20), Some(20));
        let tied = settled(&now, "approved", Some(20), TIED_AND_MOVES);
        assert_eq!(tied, State { tied: true, ..state("approved", Some(20), Some(20)) });
        assert_eq!(settled(&now, "draft", Some(20), TIED_AND_STAYS), State { tied: true, ..now.clone() });
        assert_eq!(settled(&now, "draft", Some(20), Ruling::AmbiguousCopy), State { tied: true, ..now.clone() });
        assert!(settled(&tied, "draft", Some(15), LATE).tied);
        for (outcome, at) in [("approved", Some(20)), ("draft", Some(15)), ("approved", None)] {
            assert_eq!(settled(&tied, outcome, at, Ruling::Copy), tied, "a copy of {at:?}");
        }
        assert!(!settled(&tied, "approved", Some(21), Ruling::Copy).tied);
        assert!(!settled(&tied, "rejected", Some(21), MOVES).tied);
        assert!(!settled(&tied, "rejected", None, MOVES).tied);
        assert!(!settled(&tied, "approved", Some(21), AGAIN).tied);
    }
}
