//! The rule that decides which observations are new and which are duplicates. It is pure: no I/O and no clock.
//!
//! Callbacks have no ID, arrive more than once, out of order or never, and in the older format without a time. The rule
//! decides about one observation with a time T, with the state of its track (the status *now*, its time, *seen until*)
//! and the events of the track next to T:
//!
//! | | observation with a time T | decision |
//! |---|---|---|
//! | 0 | an earlier callback about this resource has the same time and statuses | duplicate (decided in `fold`) |
//! | 1 | an event of this track has this time and status, or T = seen until and the status is now | duplicate |
//! | 2 | T > seen until, status is now | duplicate; if explicit, now has a time, and no other track changed: reentered |
//! | 3 | T > seen until, other status | applied |
//! | 4 | T = seen until, other status, now has a time | ambiguous: the status later in the review is applied; an implied one that repeats the last event before T is a duplicate, and the track becomes ambiguous |
//! | 5 | T < seen until, or now has no time | duplicate if the last event up to T or the first after T has this status; else late |
//!
//! | | observation without a time | decision |
//! |---|---|---|
//! | 6 | status is now | duplicate |
//! | 7 | the status of a file that is earlier in the scan than now | late |
//! | 8 | anything else | applied |
//!
//! The rule cannot be right in all cases: without times, a delayed duplicate looks like a return to an earlier status.

use eqp_store::internal::TrackState;
use eqp_types::{Flow, Timestamp, review_rank};

use eqp_store::Disposition;

/// The part of a status report about one track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation<'a> {
    pub(crate) flow: &'a Flow,
    /// The status in canonical spelling.
    pub(crate) status: &'a str,
    pub(crate) modified_at: Option<Timestamp>,
    /// Whether the report is about this flow. Otherwise its status is implied.
    pub(crate) explicit: bool,
}

/// The timed events of a track next to the time of an observation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Neighbours<'a> {
    /// Whether an event has this time and status.
    pub(crate) exact: bool,
    /// The status of the last event before the time.
    pub(crate) before: Option<&'a str>,
    /// The status of the last event at or before the time.
    pub(crate) up_to: Option<&'a str>,
    /// The status of the first event after the time.
    pub(crate) after: Option<&'a str>,
}

/// The decision about an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It reports nothing new.
    Duplicate,
    /// It repeats the status before T, in the same second in which another status was applied. Either may be the latest.
    AmbiguousDuplicate,
    /// It reports something new.
    Event {
        disposition: Disposition,
        /// Whether it becomes the status of the track.
        applied: bool,
    },
}

const APPLIED: Decision = Decision::Event { disposition: Disposition::Applied, applied: true };
const REENTERED: Decision = Decision::Event { disposition: Disposition::Reentered, applied: true };
const LATE: Decision = Decision::Event { disposition: Disposition::Late, applied: false };

/// Decides about one observation. `now` is the state of its track, and `others_changed` whether the same report has changed
/// another track.
pub(crate) fn decide(
    now: Option<&TrackState>,
    observation: Observation<'_>,
    neighbours: Neighbours<'_>,
    others_changed: bool,
) -> Decision {
    // Rows 3 and 8: the first observation of a track.
    let Some(now) = now else { return APPLIED };
    match observation.modified_at {
        Some(at) => decide_timed(now, observation, at, neighbours, others_changed),
        None => decide_untimed(now, observation),
    }
}

fn decide_timed(
    now: &TrackState,
    observation: Observation<'_>,
    at: Timestamp,
    neighbours: Neighbours<'_>,
    others_changed: bool,
) -> Decision {
    let status = observation.status;
    let is_now = now.status == status;
    let at_seen_until = now.seen_until == Some(at);

    // Row 1.
    if neighbours.exact || (at_seen_until && is_now) {
        return Decision::Duplicate;
    }
    // Rows 2 and 3.
    if now.seen_until.is_none_or(|seen| at > seen) {
        let is_reentered = observation.explicit && now.modified_at.is_some() && !others_changed;
        return match (is_now, is_reentered) {
            (true, true) => REENTERED,
            (true, false) => Decision::Duplicate,
            (false, _) => APPLIED,
        };
    }
    // Row 4.
    if at_seen_until && now.modified_at.is_some() {
        if !observation.explicit && neighbours.before == Some(status) {
            return Decision::AmbiguousDuplicate;
        }
        // An undocumented status has no rank, which is less than any rank.
        let applied = review_rank(observation.flow, status) > review_rank(observation.flow, &now.status);
        return Decision::Event { disposition: Disposition::Ambiguous, applied };
    }
    // Row 5.
    if neighbours.up_to == Some(status) || neighbours.after == Some(status) { Decision::Duplicate } else { LATE }
}

fn decide_untimed(now: &TrackState, observation: Observation<'_>) -> Decision {
    // Row 6.
    if now.status == observation.status {
        return Decision::Duplicate;
    }
    let ranks = (review_rank(observation.flow, observation.status), review_rank(observation.flow, &now.status));
    match ranks {
        // Row 7: a file is scanned once, so its scan cannot go back to an earlier status.
        (Some(reported), Some(reached)) if *observation.flow == Flow::Malware && reported < reached => LATE,
        // Row 8.
        _ => APPLIED,
    }
}

/// Returns the state of a track after this decision.
pub(crate) fn settle(now: Option<TrackState>, observation: Observation<'_>, decision: Decision) -> TrackState {
    let at = observation.modified_at;
    let Some(mut state) = now else {
        return TrackState { status: observation.status.to_owned(), modified_at: at, seen_until: at, ambiguous: false };
    };
    let is_later = at.is_some() && at > state.seen_until;
    match decision {
        Decision::Event { disposition, applied } => {
            if applied {
                observation.status.clone_into(&mut state.status);
                state.modified_at = at;
            }
            if applied || disposition == Disposition::Ambiguous {
                state.ambiguous = disposition == Disposition::Ambiguous;
            }
        }
        Decision::Duplicate if is_later => {
            state.modified_at = state.modified_at.or(at);
            state.ambiguous = false;
        }
        Decision::Duplicate => {}
        Decision::AmbiguousDuplicate => state.ambiguous = true,
    }
    if is_later {
        state.seen_until = at;
    }
    state
}

#[cfg(test)]
mod tests;
