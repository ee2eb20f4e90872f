//! The parts of the page of a submission that people outside see as well.

use eqp_types::FailedReport;
use maud::{Markup, html};
use time::{Duration, OffsetDateTime};

use super::super::overview::tone;
use super::super::parts::{Tone, age, mark, moment, visible};
use crate::status::{RejectionReason, ReviewStep, ReviewStepState, ReviewTrack, VersionState, status_in_words};

/// Shows the state and the product.
pub(in crate::pages) fn product(state: VersionState, product: &str) -> Markup {
    html! { p.lead { (mark(tone(state), state.in_words())) ": " strong { (visible(product)) } } }
}

/// Shows the version in the store.
pub(in crate::pages) fn store(version: Option<&str>, is_in_store: bool) -> Markup {
    html! {
        p {
            @match (version, is_in_store) {
                (Some(version), _) => { "The store has " (visible(version)) "." },
                (None, true) => "A version is in the store.",
                (None, false) => "No version is in the store.",
            }
        }
    }
}

/// The readers of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Audience {
    /// People with a token.
    Vendor,
    /// People with a link.
    Outside,
}

/// Answers whether the findings of a tool of the Marketplace were found before the submission. The check runs where the archive is built,
/// and its reports are not stored here.
fn found_before(tool: &str) -> &'static str {
    match tool {
        "Code sniffer" => {
            "it cannot be known here: eqp packages check runs the same tool where the archive is built, unless it is not installed or skipped"
        }
        "Marketing review" | "Manual QA" => "no, only people at the Marketplace find it",
        "Varnish" | "Copy-paste detector" => "no, only the Marketplace runs this test",
        _ => "it cannot be known here: the check runs where the archive is built",
    }
}

/// Shows the reasons for a rejection, one list for each tool.
pub(in crate::pages) fn reasons(reasons: &[RejectionReason], audience: Audience) -> Markup {
    html! {
        section {
            h2 { "Reasons" }
            ol {
                @for reason in reasons {
                    li {
                        strong { @if reason.tool.is_empty() { "Test" } @else { (visible(&reason.tool)) } }
                        ul {
                            @for finding in &reason.findings {
                                li {
                                    @if let Some(place) = &finding.place { code { (visible(place)) } " " }
                                    @if let Some(url) = FailedReport::attachment(&finding.message) {
                                        a href=(url) rel="noopener noreferrer" { "Adobe's attachment" }
                                        " (" (visible(url)) ")"
                                    } @else {
                                        (visible(&finding.message))
                                    }
                                }
                            }
                        }
                        @if audience == Audience::Vendor {
                            p.muted { "Found before submission? " (found_before(&reason.tool)) "." }
                        }
                    }
                }
            }
        }
    }
}

/// Shows the steps of each flow.
pub(in crate::pages) fn tracks(tracks: &[ReviewTrack], now: OffsetDateTime) -> Markup {
    html! {
        section {
            h2 { "Steps" }
            @for track in tracks {
                h3 { (visible(&heading(&track.flow))) @if track.is_unconfirmed { " (unconfirmed)" } }
                @if track.steps.is_empty() {
                    p { "It has not begun." }
                } @else {
                    ol.steps { @for one in &track.steps { li { (step(one, now)) } } }
                }
            }
        }
    }
}

fn heading(flow: &str) -> String {
    match flow {
        "technical" => "Technical review".to_owned(),
        "marketing" => "Marketing review".to_owned(),
        "malware" => "Malware scan of the archive".to_owned(),
        other => other.replace('_', " "),
    }
}

fn step(step: &ReviewStep, now: OffsetDateTime) -> Markup {
    let (tone, word) = match step.state {
        ReviewStepState::Done => (Tone::Done, "done"),
        ReviewStepState::Current => (Tone::Progress, "in progress"),
        ReviewStepState::Failed => (Tone::Bad, "failed"),
        ReviewStepState::NotBegun => (Tone::Neutral, "not begun"),
    };
    let status = step.status.as_ref().map(|status| visible(&status_in_words(status)));
    // The status of a result says more than that it is done, and that of a step that is done says nothing more.
    let word = status.as_deref().filter(|_| step.is_result()).unwrap_or(word);
    let status = status.as_deref().filter(|_| step.state == ReviewStepState::Current && !step.is_result());
    let spent = step.seconds.map(|seconds| age(Duration::seconds(seconds.try_into().unwrap_or(i64::MAX))));
    html! {
        (visible(&step.name)) ": " (mark(tone, word))
        @if let Some(status) = status { " (" (status) ")" }
        @if let Some(at) = step.entered_at { ", entered " (moment(at, now)) }
        @if let Some(spent) = spent { ", took " (spent) @if step.state == ReviewStepState::Current { " so far" } }
        @if let Some(typical) = step.typical_in_words() { ", typically " (typical) }
    }
}
