//! The page of a submission as people outside see it.

use axum::response::Response;
use http::StatusCode;
use maud::html;
use time::OffsetDateTime;

use super::super::context::Visit;
use super::super::layout::{self, Title};
use super::super::parts::{moment, visible};
use super::super::submissions::content;
use super::OPEN;
use crate::status::{RejectionReason, ReviewTrack, SubmissionReview, TimelineKind, VersionState};

/// A submission without anything internal: no account, no notes, no deliveries, no alerts, no names of people, no commands.
pub(super) struct SharedReview {
    sentence: String,
    state: VersionState,
    product: String,
    store_version: Option<String>,
    is_in_store: bool,
    /// The usual duration of the stage at which it waits, in words.
    typical: Option<String>,
    reasons: Vec<RejectionReason>,
    tracks: Vec<ReviewTrack>,
    /// The changes of its statuses, newest first.
    changes: Vec<(OffsetDateTime, String)>,
}

impl From<SubmissionReview> for SharedReview {
    fn from(review: SubmissionReview) -> Self {
        let waits = matches!(review.state, VersionState::InReview | VersionState::Stuck);
        let (typical, product) = (review.typical_in_words().filter(|_| waits), review.product());
        let is_change = |kind: TimelineKind| matches!(kind, TimelineKind::Callback | TimelineKind::Reconciliation);
        let changes = review.timeline.into_iter().filter(|entry| is_change(entry.kind) && !entry.is_late());
        Self {
            sentence: review.sentence,
            state: review.state,
            product,
            store_version: review.store_version,
            is_in_store: review.is_in_store,
            typical,
            reasons: review.reasons,
            tracks: review.tracks,
            changes: changes.map(|entry| (entry.at, entry.text)).collect(),
        }
    }
}

/// Shows a submission.
pub(super) fn page(visit: &Visit, review: &SharedReview) -> Response {
    let tab = format!("{} · {}", review.state.in_words(), review.product);
    let title = Title::new(review.sentence.clone()).tab(tab);
    let main = html! {
        (content::product(review.state, &review.product))
        (content::store(review.store_version.as_deref(), review.is_in_store))
        @if let Some(typical) = &review.typical { p { "This step typically takes " (typical) "." } }
        @if !review.reasons.is_empty() { (content::reasons(&review.reasons, content::Audience::Outside)) }
        (content::tracks(&review.tracks, visit.now))
        section {
            h2 { "Changes, newest first" }
            ol.timeline {
                @for (at, text) in &review.changes { li { (moment(*at, visit.now)) " " (visible(text)) } }
            }
        }
        p.muted { a href=(OPEN) { "Open another link" } }
    };
    layout::outside(visit, StatusCode::OK, &title, &main)
}
