//! Derives the steps of a flow from the statuses that it has had. No I/O.

use std::collections::HashMap;

use eqp_store::Event;
use eqp_store::internal::TrackFacts;
use eqp_sync::{Stage, Typical};
use eqp_types::Timestamp;
use time::OffsetDateTime;

use super::super::words;
use super::model::{ReviewStep, ReviewStepState, ReviewTrack};

/// The status of a flow that has not begun.
const DRAFT: &str = "draft";
/// The most steps of a flow that have begun.
const STEPS: usize = 50;

/// The facts that the steps of all flows of a submission depend on.
pub(super) struct StepContext<'a> {
    /// The usual durations of the account.
    pub(super) typical: &'a HashMap<Stage, Typical>,
    pub(super) is_patch: bool,
    /// The review has ended, so that no step follows.
    pub(super) has_ended: bool,
    /// The version is in the store, so that no step is in progress.
    pub(super) is_released: bool,
    pub(super) now: OffsetDateTime,
}

impl StepContext<'_> {
    /// Derives the steps of a flow. `events` are those of the submission, oldest first.
    pub(super) fn track(&self, track: &TrackFacts, events: &[Event]) -> ReviewTrack {
        let of_flow =
            |event: &&Event| event.applied && event.flow.as_ref().is_some_and(|flow| flow.as_str() == track.flow);
        let mut steps: Vec<ReviewStep> = Vec::new();
        for event in events.iter().filter(of_flow) {
            // A draft was not submitted to the flow.
            let Some(status) = event.status.as_ref().filter(|status| *status != DRAFT) else { continue };
            let name = name(status);
            match steps.last_mut().filter(|last| last.name == name) {
                Some(last) => last.status = Some(status.clone()),
                None => steps.push(self.begun(name, status, entered(event))),
            }
        }
        // Events of reprojected or very old reports may be missing; the track is not.
        let is_shown = steps.last().and_then(|last| last.status.as_ref()) == Some(&track.status);
        if !is_shown && track.status != DRAFT {
            let reported = track.modified_at.map(Timestamp::to_utc);
            let entered = reported.map_or(track.received_at, |reported| reported.min(track.received_at));
            steps.push(self.begun(name(&track.status), &track.status, entered));
        }
        let surplus = steps.len().saturating_sub(STEPS);
        steps.drain(..surplus);
        self.finish(&mut steps);
        self.append_following(&track.flow, &mut steps);
        let is_unconfirmed = track.is_unconfirmed || track.is_ambiguous;
        ReviewTrack { flow: track.flow.clone(), status: track.status.clone(), is_unconfirmed, steps }
    }

    fn begun(&self, name: String, status: &str, entered: OffsetDateTime) -> ReviewStep {
        let typical = Stage::of(status).and_then(|stage| self.typical(stage));
        ReviewStep {
            name,
            state: ReviewStepState::Current,
            status: Some(status.to_owned()),
            entered_at: Some(entered),
            seconds: None,
            typical_seconds: typical,
        }
    }

    fn typical(&self, stage: Stage) -> Option<[u64; 2]> {
        self.typical.get(&stage).map(|typical| [typical.p25_seconds, typical.p75_seconds])
    }

    /// Sets the states and durations of the steps that have begun.
    fn finish(&self, steps: &mut [ReviewStep]) {
        for at in 0..steps.len() {
            let next = steps.get(at + 1).and_then(|next| next.entered_at);
            let step = &mut steps[at];
            let status = step.status.as_deref().unwrap_or_default();
            step.state = match status {
                "rejected" | "failed" | "canceled_by_admin" | "admin_removed_from_store" => ReviewStepState::Failed,
                _ if next.is_some() || is_result(status) || self.is_released => ReviewStepState::Done,
                _ => ReviewStepState::Current,
            };
            let until = next.or((step.state == ReviewStepState::Current).then_some(self.now));
            let lasted = step.entered_at.zip(until).map(|(entered, until)| (until - entered).whole_seconds());
            step.seconds = lasted.filter(|_| !is_result(status)).map(|seconds| seconds.max(0).unsigned_abs());
        }
    }

    /// Appends the steps that follow the last one.
    fn append_following(&self, flow: &str, steps: &mut Vec<ReviewStep>) {
        if self.has_ended || steps.last().is_some_and(|last| last.state != ReviewStepState::Current) {
            return;
        }
        let stages: &[Stage] = match flow {
            "technical" if self.is_patch => &[Stage::Automation],
            "technical" => &[Stage::Automation, Stage::ManualQa],
            "marketing" => &[Stage::Marketing],
            "malware" => &[Stage::Scan],
            _ => return,
        };
        let reached = steps.last().and_then(|last| Stage::of(last.status.as_deref()?));
        let following = stages.iter().filter(|stage| reached.is_none_or(|reached| **stage > reached));
        let following: Vec<_> = following.map(|stage| (stage.to_string(), self.typical(*stage))).collect();
        for (name, typical_seconds) in following.into_iter().chain([(ReviewStep::RESULT.to_owned(), None)]) {
            let state = ReviewStepState::NotBegun;
            steps.push(ReviewStep { name, state, status: None, entered_at: None, seconds: None, typical_seconds });
        }
    }
}

/// Returns when the status of an event began, at the latest.
fn entered(event: &Event) -> OffsetDateTime {
    let reported = event.modified_at.filter(|_| !event.clock_doubtful).map(Timestamp::to_utc);
    reported.map_or(event.received_at, |reported| reported.min(event.received_at))
}

/// Returns the name of the step that a status belongs to.
fn name(status: &str) -> String {
    match Stage::of(status) {
        Some(stage) => stage.to_string(),
        None if is_result(status) => ReviewStep::RESULT.to_owned(),
        None => words::status(status),
    }
}

/// Returns whether a status is the result of a flow.
fn is_result(status: &str) -> bool {
    matches!(status, "approved" | "approved_with_modifications_pending" | "rejected" | "passed" | "failed" | "recalled")
}

#[cfg(test)]
mod tests {
    use eqp_store::Origin;
    use eqp_types::{Environment, Flow, MageId};
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);

    fn track(status: &str) -> TrackFacts {
        TrackFacts {
            track: 1,
            flow: "technical".to_owned(),
            status: status.to_owned(),
            modified_at: None,
            received_at: NOW,
            is_ambiguous: false,
            is_unconfirmed: false,
        }
    }

    fn events(statuses: &[(i64, &str)]) -> Vec<Event> {
        let event = |(days, status): &(i64, &str)| {
            serde_json::from_value::<Event>(serde_json::json!({
                "seq": 1, "environment": Environment::Sandbox, "mage_id": MageId::new("M1").unwrap(), "kind": "submission",
                "resource_id": "s1", "item_id": null, "flow": Flow::Technical, "status": status, "modified_at": null,
                "clock_doubtful": false,
                "received_at": (NOW - Duration::days(*days)).format(&time::format_description::well_known::Rfc3339).unwrap(),
                "origin": Origin::Callback, "explicit": true, "disposition": "applied", "applied": true, "reason": null,
                "callback_id": null, "api_read_id": null
            }))
            .unwrap()
        };
        statuses.iter().map(event).collect()
    }

    fn shown(track: &ReviewTrack) -> Vec<(&str, ReviewStepState, Option<u64>)> {
        let days = |seconds: Option<u64>| seconds.map(|seconds| seconds / 86_400);
        track.steps.iter().map(|step| (step.name.as_str(), step.state, days(step.seconds))).collect()
    }

    #[test]
    fn steps_have_a_state_and_a_duration_and_are_followed_by_those_ahead() {
        use ReviewStepState::{Current, Done, Failed, NotBegun};
        let typical = HashMap::new();
        let context =
            |is_patch| StepContext { typical: &typical, is_patch, has_ended: false, is_released: false, now: NOW };
        let begun = events(&[(9, "draft"), (8, "in_automation")]);
        let ahead = context(false).track(&track("in_automation"), &begun);
        assert_eq!(
            shown(&ahead),
            [("automated tests", Current, Some(8)), ("manual QA", NotBegun, None), ("result", NotBegun, None)]
        );
        let patch = context(true).track(&track("in_automation"), &begun);
        assert!(patch.steps.iter().all(|step| step.name != "manual QA"));
        let rejected = events(&[(8, "in_automation"), (7, "awaiting_manual_qa"), (5, "in_manual_qa"), (2, "rejected")]);
        let rejected = context(false).track(&track("rejected"), &rejected);
        assert_eq!(
            shown(&rejected),
            [("automated tests", Done, Some(1)), ("manual QA", Done, Some(5)), ("result", Failed, None)]
        );
        // Without events, the track alone is shown.
        let alone = context(false).track(&track("in_manual_qa"), &[]);
        assert_eq!(shown(&alone), [("manual QA", Current, Some(0)), ("result", NotBegun, None)]);
        let ended = StepContext { has_ended: true, ..context(false) };
        assert_eq!(shown(&ended.track(&track("draft"), &[])), []);
        // One review can go on after the other one has rejected the version.
        assert_eq!(shown(&ended.track(&track("in_manual_qa"), &[])), [("manual QA", Current, Some(0))]);
        let released = StepContext { is_released: true, ..ended };
        assert_eq!(shown(&released.track(&track("in_manual_qa"), &[])), [("manual QA", Done, None)]);
    }
}
