//! Marks: a shape and a word, which a color only supports.

use maud::{Markup, html};

use super::visible;
use crate::status::status_in_words;

/// The meaning of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Rejected or failed.
    Bad,
    /// Stuck, unconfirmed, or waiting for a person.
    Attention,
    /// In progress.
    Progress,
    /// In the store.
    InStore,
    /// Done, which needs no color.
    Done,
    /// Nothing of the above.
    Neutral,
}

impl Tone {
    fn shape(self) -> &'static str {
        match self {
            Self::Bad => "✗",
            Self::Attention => "▲",
            Self::Progress => "●",
            Self::InStore => "★",
            Self::Done => "✓",
            Self::Neutral => "–",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Bad => "mark bad",
            Self::Attention => "mark attention",
            Self::Progress => "mark progress",
            Self::InStore => "mark in-store",
            Self::Done | Self::Neutral => "mark",
        }
    }

    /// Returns the tone of a status of the Marketplace, in any flow.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "rejected" | "failed" | "admin_removed_from_store" | "canceled_by_admin" => Self::Bad,
            "released_to_store" => Self::InStore,
            "approved" | "passed" | "approved_with_modifications_pending" => Self::Done,
            "queued"
            | "in_progress"
            | "in-progress"
            | "in_automation"
            | "awaiting_manual_qa"
            | "in_manual_qa"
            | "awaiting_marketing_review"
            | "in_marketing_review" => Self::Progress,
            _ => Self::Neutral,
        }
    }
}

/// Shows a word with the mark of its meaning.
pub(crate) fn mark(tone: Tone, word: &str) -> Markup {
    html! { span class=(tone.class()) { span.shape aria-hidden="true" { (tone.shape()) } "\u{a0}" (visible(word)) } }
}

/// Shows a status of the Marketplace.
pub(crate) fn status_mark(status: &str) -> Markup {
    mark(Tone::of_status(status), &status_in_words(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_shape_and_a_word() {
        assert_eq!(
            status_mark("in_manual_qa").into_string(),
            "<span class=\"mark progress\"><span class=\"shape\" aria-hidden=\"true\">●</span>\u{a0}in manual QA</span>"
        );
        assert_eq!(Tone::of_status("<script>"), Tone::Neutral);
        assert!(status_mark("<script>").into_string().contains("&lt;script&gt;"));
    }
}
