//! The list of alerts.

use std::fmt::Write as _;

use axum::response::Response;
use maud::{Markup, html};
use time::OffsetDateTime;

use super::super::context::PageContext;
use super::super::layout::{self, Live, Title};
use super::super::parts::{identifier, moment, visible};
use super::super::query::PageQuery;
use super::{severity, state};
use crate::api::alerts::model::{Alert, AlertFilter, AlertList};
use crate::problem::Problem;

/// Shows the open alerts and, with `all`, those that were resolved recently.
pub(super) async fn list(page: PageContext, PageQuery(filter): PageQuery<AlertFilter>) -> Result<Response, Problem> {
    let list = page.client().alerts(&filter).await?;
    let counts = list.counts;
    let heading =
        format!("{} open, {} acknowledged, {} resolved in 30 days", counts.open, counts.acknowledged, counts.resolved);
    let title = Title::new(heading).tab(format!("{} open · Alerts", counts.open)).live(Live::Changes(summary(&list)));
    let now = page.now();
    let main = html! {
        @if list.alerts.is_empty() {
            p.lead { "No alert is open." }
        }
        ul.cards { @for alert in &list.alerts { li { (card(alert, now)) } } }
        @if !list.not_proven.is_empty() {
            h2 { "Not proven yet" }
            ul {
                @for one in &list.not_proven {
                    li {
                        "Endpoint " (visible(&one.endpoint)) ", registered " (moment(one.registered_at, now))
                        ": no callback from Adobe has arrived."
                    }
                }
            }
        }
        p {
            @if filter.all {
                a.target href=(page.link(&[("all", "")])) { "Show only those that are not resolved" }
            } @else {
                a.target href=(page.link(&[("all", "true")])) { "Also show those that were resolved in the last 30 days" }
            }
        }
    };
    Ok(layout::page(&page, title, main))
}

fn card(alert: &Alert, now: OffsetDateTime) -> Markup {
    html! {
        article.card {
            h2 { (severity(alert.severity)) " " a href={ "/alerts/" (alert.id) } { (visible(&alert.title)) } }
            p.muted { (state(alert, now)) }
            p { (visible(&alert.lost)) " " (visible(&alert.meaning)) }
            p { "First check: " (identifier(&alert.first_check)) }
            p { (visible(&alert.resolves)) }
            @if let Some(note) = &alert.note { p { "Note: “" (visible(note)) "”" } }
        }
    }
}

/// Returns a text that changes when an alert does.
fn summary(list: &AlertList) -> String {
    let mut summary = format!("{:?}", list.not_proven.len());
    for alert in &list.alerts {
        let changed = [Some(alert.updated_at), alert.acknowledged_at, alert.snoozed_until, alert.resolved_at];
        let changed: i64 = changed.into_iter().flatten().map(OffsetDateTime::unix_timestamp).sum();
        // Writing to a string cannot fail.
        let _ = write!(summary, " {}:{changed}:{}", alert.id, alert.note.as_ref().map_or(0, String::len));
    }
    summary
}
