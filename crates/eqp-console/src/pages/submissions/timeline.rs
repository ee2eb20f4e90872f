//! The timeline of a submission, with its filter, and the notes.

use maud::{Markup, html};
use time::OffsetDateTime;

use super::super::context::PageContext;
use super::super::parts::{counted, moment, segment, visible};
use super::Selection;
use crate::status::{SubmissionReview, TimelineEntry, TimelineKind};

/// Shows everything that happened, newest first, or the entries of the selected kind.
pub(super) fn show(page: &PageContext, review: &SubmissionReview, selection: &Selection) -> Markup {
    let is_shown = |entry: &&TimelineEntry| selection.kind.is_none_or(|kind| kind == entry.kind);
    let entries: Vec<_> = review.timeline.iter().filter(is_shown).collect();
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline, newest first" }
            (filter(review, selection))
            @if entries.is_empty() {
                p { @if selection.kind.is_some() { "Nothing of this kind happened." } @else { "Nothing is known." } }
            } @else {
                ol.timeline { @for one in entries { li { (entry(one, page.now())) } } }
            }
            @if !review.is_timeline_complete { p.muted { "Older entries are not shown." } }
        }
    }
}

fn filter(review: &SubmissionReview, selection: &Selection) -> Markup {
    let selected = selection.kind.map(|kind| kind.to_string());
    html! {
        form.filters method="get" action={ "/submissions/" (segment(&review.submission_id)) } aria-label="Filter of the timeline" {
            @if let Some(environment) = selection.environment { input type="hidden" name="environment" value=(environment); }
            @if let Some(account) = &selection.mage_id { input type="hidden" name="mage_id" value=(account); }
            div.field {
                label for="filter-kind" { "Kind" }
                select id="filter-kind" name="kind" {
                    option value="" { "any" }
                    @for kind in TimelineKind::VALUES { option value=(kind) selected[selected.as_deref() == Some(*kind)] { (kind) } }
                }
            }
            div.actions { button type="submit" { "Filter" } }
        }
    }
}

fn entry(entry: &TimelineEntry, now: OffsetDateTime) -> Markup {
    html! {
        (moment(entry.at, now)) " "
        span.mark { (entry.kind) } ": "
        @match target(entry) {
            Some(target) => a href=(target) { (visible(&entry.text)) },
            None => (visible(&entry.text)),
        }
        @if let Some(remark) = &entry.remark { ", " (visible(remark)) }
        @if let Some(by) = &entry.by { ", by " (visible(by)) }
        @if entry.repeats > 0 { span.muted { ", same report again " (counted(entry.repeats, "time")) } }
    }
}

/// Returns the page about an entry.
fn target(entry: &TimelineEntry) -> Option<String> {
    let alert = entry.alert.map(|alert| format!("/alerts/{alert}"));
    let delivery = entry.delivery.map(|delivery| format!("/deliveries/{delivery}"));
    alert.or(delivery).or_else(|| entry.event_seq.map(|seq| format!("/events/{seq}")))
}

/// Shows the notes of people on the alerts about the submission.
pub(super) fn notes(review: &SubmissionReview, now: OffsetDateTime) -> Markup {
    let notes: Vec<_> = review.timeline.iter().filter(|entry| entry.kind == TimelineKind::Note).collect();
    html! {
        section {
            h2 { "Notes" }
            @if notes.is_empty() {
                p { "There are no notes on alerts about this submission." }
            } @else {
                ul {
                    @for note in notes {
                        li {
                            "“" (visible(&note.text)) "”"
                            @if let Some(by) = &note.by { ", by " (visible(by)) }
                            ", " (moment(note.at, now))
                        }
                    }
                }
            }
        }
    }
}
