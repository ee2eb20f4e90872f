//! Describes the state of a submission, and what to do next. No I/O.

use time::OffsetDateTime;

use super::super::group::OneVersion;
use super::super::model::{FlowLine, VersionLine, VersionState};
use super::super::words;
use super::model::ReviewNext;

const DAY: u64 = 24 * 60 * 60;

/// Describes the state as a sentence, such as `Rejected by technical review, 2 hours ago.`
pub(super) fn of_state(line: &VersionLine, now: OffsetDateTime) -> String {
    let ago = match words::age(line.since, now) {
        Some(_) => format!("{} ago", words::age_in_words(line.since, now)),
        None => format!("on {}", words::date(line.since)),
    };
    let lasting = match words::age(line.since, now) {
        Some(_) => format!("for {}", words::age_in_words(line.since, now)),
        None => format!("since {}", words::date(line.since)),
    };
    let stage = slowest(line).and_then(|flow| flow.stage);
    match line.state {
        VersionState::Rejected => format!("Rejected by {}, {ago}.", rejecting(&line.flows)),
        VersionState::OnlyAtPackagist => format!("Only at Packagist {lasting}."),
        VersionState::RemovalDue => "Removal from the store is due.".to_owned(),
        VersionState::RemovedByAdobe => format!("Removed from the store by Adobe, {ago}."),
        VersionState::CanceledByAdobe => format!("Canceled by Adobe, {ago}."),
        VersionState::Stuck => match stage {
            Some(stage) => format!("Stuck in {stage} {lasting}."),
            None => format!("Stuck in review {lasting}."),
        },
        VersionState::InReview => match stage {
            Some(stage) => format!("In review: {stage} {lasting}."),
            None => format!("In review {lasting}."),
        },
        VersionState::Approved => format!("Approved, {ago}; it waits for its launch."),
        VersionState::Recalled => format!("Recalled from review, {ago}."),
        VersionState::Draft => format!("Draft, last changed {ago}."),
        VersionState::InStore => format!("In the store {lasting}."),
        VersionState::Removed => format!("Removed from the store by the developer, {ago}."),
        VersionState::Canceled => format!("Canceled by the developer, {ago}."),
    }
}

/// Returns the flow whose stage decides the state of a version in review.
fn slowest(line: &VersionLine) -> Option<&FlowLine> {
    let waits = || line.flows.iter().filter(|flow| flow.stage.is_some());
    waits().find(|flow| flow.since == line.since).or_else(|| waits().next())
}

fn rejecting(flows: &[FlowLine]) -> &'static str {
    let is_rejected = |name: &str| flows.iter().any(|flow| flow.flow == name && flow.status == "rejected");
    match (is_rejected("technical"), is_rejected("marketing")) {
        (true, true) => "both reviews",
        (false, true) => "marketing review",
        _ => "technical review",
    }
}

/// Returns what to do next. `has_reasons`: the reasons for a rejection are shown beside it.
pub(super) fn next(version: &OneVersion, has_reasons: bool, now: OffsetDateTime) -> ReviewNext {
    let wait = |text: String| ReviewNext { text, command: None };
    let run = |text: String, command: &str| ReviewNext { text, command: Some(command.to_owned()) };
    let line = &version.line;
    match line.state {
        VersionState::Rejected if version.is_superseded => {
            wait("Nothing: a higher version is in review or in the store.".to_owned())
        }
        VersionState::Rejected if has_reasons => {
            run("Fix the reasons below, then release a new version.".to_owned(), "eqp release")
        }
        VersionState::InReview => wait(waiting(line, now)),
        VersionState::Draft | VersionState::Recalled => run("Submit it when it is ready.".to_owned(), "eqp release"),
        VersionState::Approved => {
            wait("Wait. It is approved, and the Marketplace launches it on its launch date.".to_owned())
        }
        _ => match &version.next {
            Some(next) => run(sentence(&next.text), &next.command),
            None if line.state == VersionState::InStore => wait("Nothing: this version is in the store.".to_owned()),
            None => wait("Nothing: this submission has ended.".to_owned()),
        },
    }
}

/// Says how long the current stage usually takes, such as `Wait. Manual QA of your submissions has taken 4 to 7 days; today is day 3.`
fn waiting(line: &VersionLine, now: OffsetDateTime) -> String {
    let Some((flow, stage)) = slowest(line).and_then(|flow| Some((flow, flow.stage?))) else {
        return "Wait. The Marketplace is reviewing it.".to_owned();
    };
    let waited = (now - flow.since).whole_seconds().max(0).unsigned_abs();
    let so_far = if waited >= DAY || flow.typical_seconds.is_some_and(|[_, most]| most >= DAY) {
        format!("today is day {}", waited / DAY + 1)
    } else {
        format!("so far it has taken {}", words::age_in_words(flow.since, now))
    };
    let stage = capitalized(&stage.to_string());
    match flow.typical_seconds {
        Some(typical) => {
            format!("Wait. {stage} of your submissions has taken {}; {so_far}.", words::range_in_words(typical))
        }
        None => format!("Wait. {stage} is in progress; {so_far}. Its usual duration is known after 5 reviews."),
    }
}

fn sentence(text: &str) -> String {
    format!("{}.", capitalized(text))
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use eqp_sync::Stage;
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);

    fn version(state: VersionState, age: Duration, typical: Option<[u64; 2]>) -> OneVersion {
        let since = NOW - age;
        let flow = |flow: &str, status: &str, stage| FlowLine {
            flow: flow.to_owned(),
            status: status.to_owned(),
            stage,
            since,
            typical_seconds: typical,
        };
        let flows = match state {
            VersionState::InReview | VersionState::Stuck => {
                vec![flow("overall", "in_progress", None), flow("technical", "in_manual_qa", Some(Stage::ManualQa))]
            }
            _ => vec![flow("technical", "rejected", None)],
        };
        let line = VersionLine {
            version: Some("1.5.0".to_owned()),
            resource_id: "s1".to_owned(),
            state,
            since,
            typical_seconds: typical,
            is_unconfirmed: false,
            sentences: Vec::new(),
            flows,
            reason: None,
        };
        OneVersion { line, next: None, is_superseded: false, is_in_store: false, store_version: None }
    }

    #[test]
    fn the_state_is_one_sentence_with_its_age() {
        for (state, age, expected) in [
            (VersionState::Rejected, Duration::hours(2), "Rejected by technical review, 2 hours ago."),
            (VersionState::InReview, Duration::days(3), "In review: manual QA for 3 days."),
            (VersionState::Stuck, Duration::days(19), "Stuck in manual QA for 19 days."),
            (VersionState::InStore, Duration::days(100), "In the store since 21 Aug 2026."),
        ] {
            assert_eq!(of_state(&version(state, age, None).line, NOW), expected);
        }
    }

    #[test]
    fn the_next_step_is_one_command_or_a_wait_with_its_usual_time() {
        let waiting = version(VersionState::InReview, Duration::hours(60), Some([4 * DAY, 7 * DAY]));
        let next = next(&waiting, false, NOW);
        assert_eq!(next.text, "Wait. Manual QA of your submissions has taken 4 to 7 days; today is day 3.");
        assert_eq!(next.command, None);
        let unknown = version(VersionState::InReview, Duration::hours(2), None);
        assert_eq!(
            super::next(&unknown, false, NOW).text,
            "Wait. Manual QA is in progress; so far it has taken 2 hours. Its usual duration is known after 5 reviews."
        );
        let rejected = version(VersionState::Rejected, Duration::hours(2), None);
        assert_eq!(super::next(&rejected, true, NOW).command.as_deref(), Some("eqp release"));
        let superseded =
            OneVersion { is_superseded: true, ..version(VersionState::Rejected, Duration::hours(2), None) };
        assert_eq!(super::next(&superseded, true, NOW).command, None);
    }
}
