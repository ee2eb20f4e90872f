//! Formats a track as a line of steps: `●━━●━━◉━━○━━○  in manual QA`.
//!
//! The steps are those of a successful review. Any other status (rejected, recalled, or undocumented) ends the line.

use anstyle::{AnsiColor, Style};

use crate::output::Paint;

const DONE: Style = AnsiColor::Green.on_default();
const NOW: Style = AnsiColor::Cyan.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const AHEAD: Style = Style::new().dimmed();

/// A flow that the demo shows, with the steps of a successful review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackKind {
    Scan,
    Technical,
    Marketing,
    Store,
}

impl TrackKind {
    /// Returns the kind of a flow, from its name in events.
    pub(crate) fn of(flow: &str) -> Option<Self> {
        match flow {
            "malware" => Some(Self::Scan),
            "technical" => Some(Self::Technical),
            "marketing" => Some(Self::Marketing),
            "overall" => Some(Self::Store),
            _ => None,
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Technical => "technical",
            Self::Marketing => "marketing",
            Self::Store => "store",
        }
    }

    /// Returns the statuses of a successful review, in order.
    fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Scan => &["in-progress", "passed"],
            Self::Technical => &["draft", "in_automation", "awaiting_manual_qa", "in_manual_qa", "approved"],
            Self::Marketing => &["draft", "awaiting_marketing_review", "in_marketing_review", "approved"],
            Self::Store => &["draft", "in_progress", "approved", "released_to_store"],
        }
    }
}

/// Formats the line of steps of a track with the status `now`, which has reached the step `furthest`.
pub(crate) fn track_line(kind: TrackKind, now: &str, furthest: usize) -> String {
    let steps = kind.steps();
    let last = steps.len() - 1;
    let at = step_of(kind, now);
    // The review stopped at the step that it did not reach.
    let stop = (furthest + 1).min(last);
    let mut line = String::new();
    for step in 0..steps.len() {
        if step > 0 {
            let style = if step <= at.unwrap_or(furthest) { DONE } else { AHEAD };
            line.push_str(&painted(style, "━━"));
        }
        line.push_str(&match at {
            Some(at) if step < at || at == last => painted(DONE, "●"),
            Some(at) if step == at => painted(NOW, "◉"),
            None if step < stop => painted(DONE, "●"),
            None if step == stop => painted(BAD, "✗"),
            _ => painted(AHEAD, "○"),
        });
    }
    let width = 3 * last + 1;
    let padding = " ".repeat(15_usize.saturating_sub(width));
    let style = match at {
        Some(at) if at == last => DONE,
        Some(_) => NOW,
        None => BAD,
    };
    format!("{line}{padding}{}", painted(style, &in_words(now)))
}

/// Returns the index of a status among the steps of a successful review, or `None` if it is not one of them.
pub(crate) fn step_of(kind: TrackKind, outcome: &str) -> Option<usize> {
    kind.steps().iter().position(|step| *step == outcome)
}

/// Formats a status for people.
pub(crate) fn in_words(outcome: &str) -> String {
    match outcome {
        "released_to_store" => "in the store".to_owned(),
        "in_manual_qa" => "in manual QA".to_owned(),
        "awaiting_manual_qa" => "awaiting manual QA".to_owned(),
        "awaiting_marketing_review" => "awaiting review".to_owned(),
        "in_marketing_review" => "in review".to_owned(),
        "in-progress" => "being scanned".to_owned(),
        other => other.replace('_', " "),
    }
}

pub(crate) fn painted(style: Style, text: &str) -> String {
    let style = Paint(style);
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(kind: TrackKind, now: &str, furthest: usize) -> String {
        crate::output::plain(&track_line(kind, now, furthest))
    }

    #[test]
    fn a_review_on_its_way_shows_what_is_done_and_what_is_ahead() {
        assert_eq!(plain(TrackKind::Technical, "awaiting_manual_qa", 2), "●━━●━━◉━━○━━○  awaiting manual QA");
    }

    #[test]
    fn a_review_that_ended_well_is_full() {
        assert_eq!(plain(TrackKind::Store, "released_to_store", 3), "●━━●━━●━━●     in the store");
    }

    #[test]
    fn a_rejection_ends_the_line_at_the_step_that_was_not_reached() {
        assert_eq!(plain(TrackKind::Marketing, "rejected", 2), "●━━●━━●━━✗     rejected");
    }

    #[test]
    fn an_outcome_that_nobody_knows_is_shown_as_it_is() {
        assert_eq!(plain(TrackKind::Store, "on_the_moon", 1), "●━━●━━✗━━○     on the moon");
    }
}
