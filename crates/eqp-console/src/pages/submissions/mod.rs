//! The page of a submission: `/submissions/{id}`.

pub(super) mod content;
mod timeline;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use eqp_types::{Environment, MageId};
use maud::{Markup, html};
use serde::Deserialize;

use super::context::PageContext;
use super::layout::{self, Live, Title};
use super::parts::{Tone, body, counted, identifier, mark, segment, utc, visible};
use super::query::PageQuery;
use super::state::PagesState;
use crate::api::events::detail::ReportedEvent;
use crate::api::reviews::{ReviewQuery, SubmissionReviews};
use crate::extract::PathParameters;
use crate::problem::Problem;
use crate::status::{SubmissionReview, TimelineKind, VersionSource};

pub(super) fn routes() -> Router<PagesState> {
    Router::new().route("/submissions/{id}", get(show))
}

/// The parts of a submission that are shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    /// The kind of entries of the timeline.
    kind: Option<TimelineKind>,
    environment: Option<Environment>,
    mage_id: Option<MageId>,
}

async fn show(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    PageQuery(selection): PageQuery<Selection>,
) -> Result<Response, Problem> {
    let mut query = ReviewQuery::default();
    (query.environment, query.mage_id) = (selection.environment, selection.mage_id.clone());
    let found = page.client().submission_reviews(&id, &query).await?;
    let found = found.ok_or_else(|| Problem::not_found(format!("no report about submission {id} is stored")))?;
    match &found.reviews[..] {
        [only] => one(&page, only, &selection).await,
        _ => Ok(choice(&page, &id, &found)),
    }
}

async fn one(page: &PageContext, review: &SubmissionReview, selection: &Selection) -> Result<Response, Problem> {
    let report = match review.event_seq {
        Some(seq) => page.client().event(seq).await?,
        None => None,
    };
    let title = Title::new(review.sentence.clone())
        .tab(format!("{} · {}", review.state.in_words(), review.product()))
        .live(Live::Changes(summary(review)));
    let main = html! {
        (content::product(review.state, &review.product()))
        @if review.is_unconfirmed {
            p { (mark(Tone::Attention, "unconfirmed")) ": the API has contradicted the last callback, or cannot tell which status came last." }
        }
        (content::store(review.store_version.as_deref(), review.is_in_store))
        (facts(review))
        @if let Some(text) = without_callbacks(review) { p.muted { (text) } }
        (next(review))
        @if !review.reasons.is_empty() { (content::reasons(&review.reasons, content::Audience::Vendor)) }
        @if let Some(report) = &report { (raw_report(report)) }
        (content::tracks(&review.tracks, page.now()))
        (timeline::show(page, review, selection))
        (timeline::notes(review, page.now()))
    };
    Ok(layout::page(page, title, main))
}

/// Lets the user choose between accounts that use the same ID.
fn choice(page: &PageContext, id: &str, found: &SubmissionReviews) -> Response {
    let accounts = counted(found.reviews.len() as u64, "account");
    let main = html! {
        p { "Each of these accounts has a submission with the ID " (identifier(id)) "." }
        ul {
            @for review in &found.reviews {
                @let environment = review.environment.to_string();
                li {
                    a.target href=(page.link(&[("environment", &environment), ("mage_id", review.mage_id.as_str())])) {
                        (visible(&review.product())) " of " (review.mage_id) " in " (environment)
                    }
                    ": " (visible(&review.sentence))
                }
            }
        }
    };
    layout::page(page, Title::new(format!("{accounts} have this submission")).tab(id), main)
}

fn facts(review: &SubmissionReview) -> Markup {
    html! {
        dl {
            dt { "Submission" } dd { (identifier(&review.submission_id)) }
            @if let Some(item) = &review.item_id { dt { "Item" } dd { (identifier(item)) } }
            @if let Some(name) = &review.name { dt { "Title" } dd { (visible(name)) } }
            dt { "Account" } dd { (identifier(review.mage_id.as_str())) " in " (review.environment) }
            dt { "Links" }
            dd {
                a href={ "/events?resource_id=" (segment(&review.submission_id)) } { "Events" }
                @if let Some(seq) = review.event_seq { ", " a href={ "/events/" (seq) } { "the report of this state" } }
                @if let Some(source) = &review.source { (source_links(source)) }
            }
        }
    }
}

/// Shows the pages of other hosts about the source code, as far as they are known.
fn source_links(source: &VersionSource) -> Markup {
    let link = |page: &str, text: &str| html! { ", " a href=(page) rel="noreferrer" { (visible(text)) } };
    html! {
        @if let Some(page) = &source.repository { (link(page, "repository")) }
        @match (&source.tag, &source.tag_page) {
            (Some(tag), Some(page)) => (link(page, &format!("files at the tag {tag}"))),
            (Some(tag), None) => { ", tag " (identifier(tag)) },
            (None, _) => {}
        }
        @if let Some(page) = &source.runs_page { (link(page, "CI runs of the tag")) }
    }
}

/// Says that no callback has arrived, if that is so.
fn without_callbacks(review: &SubmissionReview) -> Option<String> {
    if review.last_callback_at.is_some() {
        return None;
    }
    let read = review.read_at.map_or_else(|| "from the API".to_owned(), |at| format!("from the API at {}", utc(at)));
    Some(format!("No callback has arrived for this submission; what you see was read {read}."))
}

fn next(review: &SubmissionReview) -> Markup {
    html! {
        section.card aria-labelledby="next" {
            h2 id="next" { "What to do next" }
            p { (visible(&review.next.text)) }
            @if let Some(command) = &review.next.command { p { (identifier(command)) } }
        }
    }
}

/// Shows the bytes of the report from which the state comes.
fn raw_report(report: &ReportedEvent) -> Markup {
    let bytes = match (&report.callback, &report.api_read) {
        (Some(callback), _) => Some(("Body of the callback", &callback.body)),
        (None, Some(read)) => Some(("Response of the API", &read.body)),
        (None, None) => None,
    };
    html! {
        @if let Some((label, bytes)) = bytes {
            details {
                summary { "Raw report of this state" }
                (body(label, bytes.bytes()))
            }
        }
    }
}

/// Returns a text that changes when the submission does.
fn summary(review: &SubmissionReview) -> String {
    let newest = review.timeline.first().map_or(0, |entry| entry.at.unix_timestamp());
    let repeats: u64 = review.timeline.iter().map(|entry| entry.repeats).sum();
    format!("{}:{}:{}:{newest}:{repeats}", review.state, review.since.unix_timestamp(), review.timeline.len())
}
