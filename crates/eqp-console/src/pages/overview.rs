//! The overview: where every product stands, and what needs the user.

use std::fmt::Write as _;

use axum::response::Response;
use eqp_types::Environment;
use maud::{Markup, html};

use super::context::PageContext;
use super::form::NoFields;
use super::layout::{self, Live, Title};
use super::parts::{Table, Tone, age, date, identifier, mark, segment, visible};
use super::query::PageQuery;
use crate::api::reviews::ReviewTimes;
use crate::api::status::StatusQuery;
use crate::problem::Problem;
use crate::status::{ProductStatus, SetupState, Status, VersionLine, VersionState};

/// Shows the groups of products in the order of `eqp status`.
pub(super) async fn show(page: PageContext, PageQuery(NoFields {}): PageQuery<NoFields>) -> Result<Response, Problem> {
    let status = page.client().status(&StatusQuery::default()).await?;
    let now = page.now();
    let (heading, rest) = heading(&status);
    let title = Title::new(heading).tab("Overview").live(Live::Changes(summary(&status)));
    let times = page.client().review_times(None).await?;
    let main = html! {
        @if let Some(rest) = rest { p.lead { (rest) } }
        p.muted { (visible(&status.title())) ", " (status.source_and_age()) }
        @if let Some(warning) = status.warning() {
            p.summary role="alert" {
                (warning) @if let Some(stale) = &status.stale { ": " (visible(&stale.cause)) }
            }
        }
        @if !status.setup.is_empty() { (setup(&status)) }
        (group("Needs you", &status, &status.needs_you))
        (group("Stuck", &status, &status.stuck))
        (group("In review", &status, &status.in_review))
        @if !status.due.is_empty() { (due(&status)) }
        @if !status.fine.is_empty() {
            section {
                h2 { "Fine" }
                (fine(&status))
            }
        }
        @if let Some(channel) = &status.channel {
            section {
                h2 { "Connection to the Marketplace" }
                p { (visible(&channel.sentence(now))) }
                p { a href="/health" { "State of the installation" } }
            }
        }
        @if !times.products.is_empty() { (review_times(&times)) }
    };
    Ok(layout::page(&page, title, main))
}

/// Returns the heading, and the text below it: a heading of two sentences is too long for narrow screens.
fn heading(status: &Status) -> (String, Option<String>) {
    if !status.is_empty() && !status.is_all_well() {
        return (status.counts().join(", "), None);
    }
    let headline = status.headline();
    match headline.split_once(". ") {
        Some((first, rest)) => (format!("{first}."), Some(rest.to_owned())),
        None => (headline, None),
    }
}

/// The most products of a group that are shown.
const SHOWN: usize = 100;

fn group(heading: &str, status: &Status, products: &[ProductStatus]) -> Markup {
    html! {
        @if !products.is_empty() {
            section {
                h2 { (heading) @if let Some(mark) = status.mark() { " (" (mark) ")" } }
                ul.cards { @for product in products.iter().take(SHOWN) { li { (card(status, product)) } } }
                (more(products.len()))
            }
        }
    }
}

fn card(status: &Status, product: &ProductStatus) -> Markup {
    html! {
        article.card {
            h3 { (visible(&status.label_of(product))) }
            @for line in &product.lines { (version(line)) }
            @if let Some(next) = &product.next {
                p { "Next: " (visible(&next.text)) }
                p { (identifier(&next.command)) }
            }
            p.muted {
                @match &product.store_version {
                    Some(version) => { "The store has " (visible(version)) "." },
                    None if product.is_in_store => "A version is in the store.",
                    None => "No version is in the store.",
                }
            }
        }
    }
}

fn version(line: &VersionLine) -> Markup {
    let name = line.version.as_deref().unwrap_or("a version");
    html! {
        p {
            (mark(tone(line.state), name)) " "
            a href=(target(line)) { (visible(&line.sentences.join("; "))) }
            " " (date(line.since))
            @if line.is_unconfirmed { " (unconfirmed)" }
        }
        @if let Some(reason) = &line.reason { p { (visible(reason)) } }
    }
}

/// Returns the page of a version. A file whose submission is not known has no other page than its events.
fn target(line: &VersionLine) -> String {
    let id = segment(&line.resource_id);
    let is_file = !line.flows.is_empty() && line.flows.iter().all(|flow| flow.flow == "malware");
    if is_file { format!("/events?resource_id={id}") } else { format!("/submissions/{id}") }
}

/// Returns the meaning of a state.
pub(super) fn tone(state: VersionState) -> Tone {
    match state {
        VersionState::Rejected
        | VersionState::OnlyAtPackagist
        | VersionState::RemovalDue
        | VersionState::RemovedByAdobe
        | VersionState::CanceledByAdobe => Tone::Bad,
        VersionState::Stuck => Tone::Attention,
        VersionState::InReview | VersionState::Approved => Tone::Progress,
        VersionState::InStore => Tone::InStore,
        _ => Tone::Neutral,
    }
}

/// Names products, at most as many as are shown of a group.
fn named(products: &[String]) -> String {
    let names = products[..products.len().min(SHOWN)].join(", ");
    match products.len().saturating_sub(SHOWN) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// Lists the dates that have passed or are near, with the products that they are about.
fn due(status: &Status) -> Markup {
    html! {
        section {
            h2 { "Due" @if let Some(mark) = status.mark() { " (" (mark) ")" } }
            ul.cards {
                @for due in status.due.iter().take(SHOWN) {
                    li {
                        article.card {
                            p { (mark(Tone::Attention, &visible(&due.sentence))) }
                            p { (visible(&named(&due.products))) }
                            @if let Some(next) = &due.next { p { (identifier(&next.command)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Lists the products that are fine, with their versions in the store. Each leads to its submissions.
fn fine(status: &Status) -> Markup {
    html! {
        ul {
            @for product in status.fine.iter().take(SHOWN) {
                li {
                    a.target href={ "/find?text=" (segment(&product.label)) } { (visible(&status.label_of(product))) }
                    @if let Some(version) = &product.store_version { " " (visible(version)) }
                }
            }
        }
        (more(status.fine.len()))
    }
}

/// Refers to the products of a group that are not shown.
fn more(products: usize) -> Markup {
    html! {
        @if let Some(more) = products.checked_sub(SHOWN).filter(|more| *more > 0) {
            p { "And " (more) " more: " (identifier("eqp status")) }
        }
    }
}

/// Shows the steps until the first callback arrives.
fn setup(status: &Status) -> Markup {
    html! {
        section {
            h2 { "Before the first callback" }
            ol {
                @for step in &status.setup {
                    li {
                        (visible(&step.step.to_string())) ": "
                        (mark(setup_tone(step.state), &visible(&step.detail)))
                    }
                }
            }
        }
    }
}

/// Shows how long the reviews of each product took. The bars only repeat what the text says.
fn review_times(times: &ReviewTimes) -> Markup {
    let longest = times.products.iter().map(|product| product.median_seconds).max().unwrap_or_default().max(1);
    let mut table =
        Table::new("Time in review per product over 12 months", &["Product", "Median", "Half took between", "Reviews"]);
    let duration = |seconds: u64| age(time::Duration::seconds(seconds.try_into().unwrap_or(i64::MAX)));
    for product in &times.products {
        table.row([
            html! { (visible(&product.sku)) @if product.environment == Environment::Sandbox { " (sandbox)" } },
            html! {
                (duration(product.median_seconds)) " "
                meter.bar min="0" max=(longest) value=(product.median_seconds) aria-hidden="true" {}
            },
            html! { (duration(product.p25_seconds)) " and " (duration(product.p75_seconds)) },
            html! { (product.reviews) },
        ]);
    }
    html! {
        section {
            h2 { "Time in review" }
            (table.show())
        }
    }
}

fn setup_tone(state: SetupState) -> Tone {
    match state {
        SetupState::Done => Tone::Done,
        SetupState::Missing => Tone::Attention,
        SetupState::Unknown => Tone::Neutral,
    }
}

/// Returns a text that changes when a product does.
fn summary(status: &Status) -> String {
    let mut summary = status.counts().join(" ");
    for line in status.products().flat_map(|product| &product.lines) {
        // Writing to a string cannot fail.
        let _ = write!(summary, " {}:{}:{}", line.resource_id, line.state, line.since.unix_timestamp());
    }
    for due in &status.due {
        let _ = write!(summary, " {}", due.sentence);
    }
    summary
}
