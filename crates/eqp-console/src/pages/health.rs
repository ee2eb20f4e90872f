//! The state of the installation: `/health`.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use eqp_store::AlertSeverity;
use maud::{Markup, html};
use time::{Duration, OffsetDateTime};

use super::context::PageContext;
use super::layout::{self, Live, Title};
use super::parts::{Table, Tone, age, counted, identifier, length, mark, moment, utc, visible};
use super::state::PagesState;
use crate::api::accounts::{Account, AccountList};
use crate::api::alerts::model::AlertFilter;
use crate::api::health::{EndpointHealth, Health, ReceiverHealth};
use crate::problem::Problem;

/// The remaining lifetime of a certificate from which on it needs attention, as for alerts.
const CERTIFICATE: Duration = Duration::days(30);
/// The age of something that waits from which on it needs attention.
const WAITING: Duration = Duration::minutes(1);

pub(super) fn routes() -> Router<PagesState> {
    Router::new().route("/health", get(show))
}

async fn show(page: PageContext) -> Result<Response, Problem> {
    let client = page.client();
    let (health, accounts) = (client.health().await?, client.accounts().await?);
    let alerts = client.alerts(&AlertFilter::default()).await?.alerts;
    let urgent = alerts.iter().filter(|alert| alert.severity == AlertSeverity::Page && alert.acknowledged_at.is_none());
    let problems = problems(&health, &accounts, urgent.count() as u64, page.now());
    let heading = match problems.len() {
        0 => "Everything works".to_owned(),
        1 => "1 part needs attention".to_owned(),
        count => format!("{count} parts need attention"),
    };
    let title = Title::new(heading).tab("Health").live(Live::Changes(problems.join("; ")));
    let main = html! {
        @if !problems.is_empty() {
            ul { @for problem in &problems { li { (mark(Tone::Attention, problem)) } } }
        }
        h2 { "Receivers" }
        (receivers(&health.receivers, page.now()))
        h2 { "Endpoints" }
        (endpoints(&health.endpoints, page.now()))
        h2 { "Accounts" }
        (reconciliation(&accounts, page.now()))
        h2 { "Events and deliveries" }
        (queues(&health, page.now()))
        h2 { "Database" }
        (database(&health))
        h2 { "Configuration of this process" }
        (configuration(&health))
    };
    Ok(layout::page(&page, title, main))
}

/// Returns what needs attention, the most important first. `urgent` is the number of open alerts for which a person is paged, and that nobody
/// has acknowledged.
fn problems(health: &Health, accounts: &AccountList, urgent: u64, now: OffsetDateTime) -> Vec<String> {
    let mut problems = Vec::new();
    if urgent > 0 {
        problems.push(format!("{} open with the severity page", counted(urgent, "alert")));
    }
    let running = health.receivers.iter().filter(|receiver| receiver.is_running);
    if running.clone().next().is_none() {
        problems.push("no receiver is running".to_owned());
    }
    let spooled: u64 = health.receivers.iter().map(|receiver| receiver.spool_callbacks).sum();
    if spooled > 0 {
        problems.push(format!("{} in the spool, not in the database", counted(spooled, "callback")));
    }
    let expiry = running.filter_map(|receiver| receiver.certificate_expires_at).min();
    match expiry {
        Some(at) if at <= now => problems.push(format!("a certificate expired {} ago", age(now - at))),
        Some(at) if at - now < CERTIFICATE => problems.push(format!("a certificate expires in {}", age(at - now))),
        _ => {}
    }
    if let Some(oldest) = health.projection.oldest_at.filter(|oldest| now - *oldest > WAITING) {
        problems.push(format!("callbacks have been waiting for their projection for {}", age(now - oldest)));
    }
    if let Some(seconds) =
        health.deliveries.overdue_seconds.filter(|seconds| i128::from(*seconds) > i128::from(WAITING.whole_seconds()))
    {
        problems.push(format!(
            "a delivery has been due for {}: does a process with the role deliver run?",
            length(seconds)
        ));
    }
    if health.deliveries.down > 0 {
        problems.push(format!("{} down", counted(health.deliveries.down, "handler")));
    }
    if health.deliveries.paused > 0 {
        problems.push(format!("{} paused", counted(health.deliveries.paused, "subscription")));
    }
    for endpoint in &health.endpoints {
        if let Some(registration) = endpoint.registration.as_ref().filter(|one| !one.is_consistent) {
            problems.push(format!("endpoint {} has drifted: {}", endpoint.name, registration.state.replace('_', " ")));
        }
    }
    for account in &accounts.accounts {
        if let Some(error) = account.last_reconcile.as_ref().and_then(|run| run.error.as_ref()) {
            problems.push(format!("the last reconciliation of {} failed: {error}", account.mage_id.as_str()));
        }
    }
    problems
}

fn receivers(receivers: &[ReceiverHealth], now: OffsetDateTime) -> Markup {
    let mut table = Table::new("Receivers of the last hour", &["Receiver", "State", "Certificate", "Spool"]);
    for one in receivers {
        table.row([
            identifier(&one.id.to_string()),
            html! {
                @if one.is_running { (mark(Tone::Done, "running")) } @else { (mark(Tone::Bad, "stopped")) }
                ", last heartbeat " (moment(one.heartbeat_at, now))
            },
            html! {
                @match one.certificate_expires_at {
                    Some(at) if at <= now => { (mark(Tone::Bad, "expired")) " " (moment(at, now)) }
                    Some(at) => { "expires " (moment(at, now)) }
                    None => "plain HTTP, behind a proxy",
                }
            },
            html! {
                @if one.spool_callbacks == 0 { "empty" } @else {
                    (mark(Tone::Attention, &counted(one.spool_callbacks, "callback")))
                    @if let Some(at) = one.spool_oldest_at { ", the oldest arrived " (moment(at, now)) }
                }
            },
        ]);
    }
    html! { @if table.is_empty() { p { "No receiver has run in the last hour." } } @else { (table.show()) } }
}

fn endpoints(endpoints: &[EndpointHealth], now: OffsetDateTime) -> Markup {
    let columns = &["Endpoint", "Account", "URL", "Registration", "Last callback"];
    let mut table = Table::new("Endpoints in use", columns);
    for one in endpoints {
        table.row([
            html! { (visible(&one.name)) },
            html! { (one.mage_id.as_str()) " in " (one.environment) },
            identifier(&one.url),
            html! {
                @match &one.registration {
                    None => (mark(Tone::Neutral, "not compared yet")),
                    Some(found) => {
                        @let word = found.state.replace('_', " ");
                        (mark(if found.is_consistent { Tone::Done } else { Tone::Attention }, &word))
                        @if !found.is_consistent { ", drifted since " (moment(found.since, now)) }
                        ", compared " (moment(found.checked_at, now))
                    }
                }
            },
            html! {
                @match one.last_callback_at {
                    Some(at) => (moment(at, now)),
                    None => "none from Adobe yet",
                }
            },
        ]);
    }
    html! {
        @if table.is_empty() {
            p { "There is no endpoint yet. Create one with " code { "eqp callbacks add --name NAME --url https://…" } "." }
        } @else { (table.show()) }
    }
}

fn reconciliation(accounts: &AccountList, now: OffsetDateTime) -> Markup {
    let mut table = Table::new("Comparison of accounts with the Marketplace", &["Account", "Access key", "Last run"]);
    for Account { environment, mage_id, key, last_reconcile, .. } in &accounts.accounts {
        table.row([
            html! { (identifier(mage_id.as_str())) " in " (environment) },
            html! { (key.as_str()) },
            html! {
                @match last_reconcile {
                    None => "never",
                    Some(run) => {
                        (moment(run.finished_at.unwrap_or(run.started_at), now))
                        @if run.finished_at.is_none() { ", still running" }
                        @if let Some(error) = &run.error { ", " (mark(Tone::Bad, "failed")) ": " (visible(error)) }
                    }
                }
            },
        ]);
    }
    html! { @if table.is_empty() { p { "There is no account yet." } } @else { (table.show()) } }
}

fn queues(health: &Health, now: OffsetDateTime) -> Markup {
    let (projection, deliveries) = (&health.projection, &health.deliveries);
    html! {
        dl {
            dt { "Not projected yet" }
            dd {
                @match projection.pending_batches {
                    0 => "nothing",
                    1 => "1 batch",
                    batches => { (batches) " batches" },
                }
                @if let Some(at) = projection.oldest_at { ", the oldest arrived " (moment(at, now)) }
            }
            dt { "Not matched yet" } dd { (counted(deliveries.unmatched, "event")) }
            dt { "Longest due delivery" }
            dd { @match deliveries.overdue_seconds { Some(seconds) => (length(seconds)), None => "none" } }
            dt { "Subscriptions" }
            dd { (deliveries.paused) " paused, " (deliveries.down) " down (" a href="/deliveries" { "deliveries" } ")" }
        }
    }
}

fn database(health: &Health) -> Markup {
    let database = &health.database;
    html! {
        dl {
            dt { "Postgres" } dd { (visible(&database.version)) }
            dt { "Answered in" } dd { (database.answered_in_ms) " ms" }
            dt { "Size" } dd { (database.size_bytes / 1_000_000) " MB" }
            dt { "Migration" } dd { (database.migration) }
            @if let Some(instance) = database.instance { dt { "Installation" } dd { (identifier(&instance.to_string())) } }
            dt { "Clock" } dd { (utc(database.now)) }
        }
    }
}

fn configuration(health: &Health) -> Markup {
    html! {
        dl {
            dt { "Version" } dd { (health.version) }
            @for setting in &health.configuration {
                dt { (visible(&setting.name)) } dd { (visible(&setting.value)) }
            }
        }
    }
}
