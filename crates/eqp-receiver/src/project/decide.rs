//! The rule that decides which observations are new and which are duplicates. It is pure: no I/O and no clock.
//!
//! Callbacks have no ID, arrive more than once, out of order or never, and in the older form without a time. The rule
//! looks at one observation with a time T at a time, with the state of its track (the status *now*, its time, *seen until*)
//! and the events of the track next to T:
//!
//! | | observation with a time T | decision |
//! |---|---|---|
//! | A | from an API read, other status | corrected, whatever T is; *seen until* becomes T, even if it was later |
//! | A | from an API read, status is now | duplicate; the track is confirmed and no longer ambiguous |
//! | 0 | an earlier callback about this resource has the same time and statuses | duplicate (decided in `fold`) |
//! | 1 | an event of this track has this time and status, or T = seen until and the status is now | duplicate |
//! | 2 | T > seen until, status is now | duplicate; if explicit, now has a time, and no other track changed: reentered |
//! | 3 | T > seen until, other status | applied |
//! | 4 | T = seen until, other status, now has a time | ambiguous: the status further along is applied; an implied one that repeats the last event before T is a duplicate, and the track becomes ambiguous |
//! | 5 | T < seen until, or now has no time | duplicate if the last event up to T or the first after T has this status; else late |
//!
//! | | observation without a time | decision |
//! |---|---|---|
//! | 6 | status is now | duplicate |
//! | 7 | a file scan that is less far along than now | late |
//! | 8 | anything else | applied |
//!
//! Row A also applies to an API read without a time, which leaves *seen until* unchanged. A read that began before the last
//! report about the resource was received is discarded (in `fold`), because it may be outdated.
//!
//! The rule cannot be right in all cases: without times, a delayed duplicate looks like a return to an earlier status. The next
//! API read corrects it.

use eqp_store::internal::TrackState;
use eqp_types::{Flow, Timestamp, review_rank};
use time::OffsetDateTime;

use eqp_store::Disposition;

/// The part of a status report about one track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation<'a> {
    pub(crate) flow: &'a Flow,
    /// In canonical spelling.
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
    /// It repeats what was reported for the same time.
    Repeated,
    /// It reports what is already known.
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
const CORRECTED: Decision = Decision::Event { disposition: Disposition::Corrected, applied: true };
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
        return Decision::Repeated;
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

/// Decides about one observation of an API read: row A.
pub(crate) fn decide_read(now: Option<&TrackState>, observation: Observation<'_>) -> Decision {
    match now {
        None => APPLIED,
        Some(now) if now.status == observation.status => Decision::Duplicate,
        Some(_) => CORRECTED,
    }
}

/// Returns the state of a track after this decision.
pub(crate) fn settle(now: Option<TrackState>, observation: Observation<'_>, decision: Decision) -> TrackState {
    let at = observation.modified_at;
    let Some(mut state) = now else {
        return first_state(observation);
    };
    let is_later = at.is_some() && at > state.seen_until;
    match decision {
        Decision::Event { disposition, applied } => {
            if applied {
                observation.status.clone_into(&mut state.status);
                state.modified_at = at;
                state.confirmed_at = None;
                state.unconfirmed = false;
            }
            if applied || disposition == Disposition::Ambiguous {
                state.ambiguous = disposition == Disposition::Ambiguous;
            }
        }
        Decision::Duplicate if is_later => {
            state.modified_at = state.modified_at.or(at);
            state.ambiguous = false;
            state.unconfirmed = false;
        }
        Decision::Duplicate | Decision::Repeated => {}
        Decision::AmbiguousDuplicate => state.ambiguous = true,
    }
    if is_later {
        state.seen_until = at;
        state.history_until = state.history_until.max(at);
    }
    state
}

/// How an API read relates to the track that it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// When the answer was received.
    pub(crate) received_at: OffsetDateTime,
    /// Whether the status now comes from a callback. The read began after that callback was received.
    pub(crate) after_callback: bool,
}

/// Returns the state of a track after this decision about an API read.
pub(crate) fn settle_read(
    now: Option<TrackState>,
    observation: Observation<'_>,
    decision: Decision,
    read: Reading,
) -> TrackState {
    let at = observation.modified_at;
    let mut state = match now {
        None => first_state(observation),
        Some(mut state) if matches!(decision, Decision::Event { .. }) => {
            // Nothing has changed since the callback, and yet the API reports another status. Two statuses in the same second explain
            // this. Otherwise one of the two is wrong.
            state.unconfirmed = read.after_callback && !state.ambiguous && at.is_some() && at <= state.seen_until;
            observation.status.clone_into(&mut state.status);
            state.modified_at = at;
            state.seen_until = at.or(state.seen_until);
            state
        }
        Some(mut state) => {
            if at > state.seen_until {
                state.modified_at = state.modified_at.or(at);
                state.seen_until = at;
            }
            state.unconfirmed = false;
            state
        }
    };
    state.ambiguous = false;
    state.confirmed_at = (!state.unconfirmed).then_some(read.received_at);
    state.history_until = state.history_until.max(state.seen_until);
    state
}

fn first_state(observation: Observation<'_>) -> TrackState {
    let at = observation.modified_at;
    TrackState {
        status: observation.status.to_owned(),
        modified_at: at,
        seen_until: at,
        ambiguous: false,
        confirmed_at: None,
        unconfirmed: false,
        history_until: at,
    }
}

#[cfg(test)]
mod tests;
