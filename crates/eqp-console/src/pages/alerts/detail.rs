//! One alert, with what a person can do about it.

use axum::response::Response;
use maud::{Markup, html};

use super::super::context::PageContext;
use super::super::form::form;
use super::super::layout::{self, Title};
use super::super::parts::{Table, identifier, moment, visible};
use super::{severity, state};
use crate::api::alerts::model::{Alert, AlertDetail, NotificationState};
use crate::extract::{PathParameters, whole_number};
use crate::principal::Scope;
use crate::problem::Problem;

/// The times for which an alert can be snoozed, in seconds, with their labels.
const SNOOZE: &[(&str, &str)] =
    &[("86400", "1 day"), ("259200", "3 days"), ("604800", "1 week"), ("2592000", "30 days")];

pub(super) async fn show(page: PageContext, PathParameters([id]): PathParameters<1>) -> Result<Response, Problem> {
    detail(&page, whole_number(&id, "alert")?).await
}

/// Shows an alert.
pub(super) async fn detail(page: &PageContext, id: i64) -> Result<Response, Problem> {
    let found = page.client().alert(id).await?;
    let alert = &found.alert;
    let word = match (alert.resolved_at, alert.acknowledged_at) {
        (Some(_), _) => "Resolved",
        (None, Some(_)) => "Acknowledged",
        (None, None) => "Open",
    };
    let title = Title::new(format!("{word}: {}", alert.title)).tab(format!("{word} · {}", alert.title));
    let main = html! {
        p { (severity(alert.severity)) ", " (state(alert, page.now())) }
        p.lead { (visible(&alert.lost)) }
        p { (visible(&alert.meaning)) }
        p { "First check: " (identifier(&alert.first_check)) }
        p { (visible(&alert.resolves)) }
        (facts(alert))
        @if page.may(Scope::Operate) { (actions(page, alert)) }
        (history(page, &found))
    };
    Ok(layout::page(page, title, main))
}

fn facts(alert: &Alert) -> Markup {
    html! {
        dl {
            dt { "Alert" } dd { (identifier(&alert.id.to_string())) }
            dt { "Condition" } dd { (visible(&alert.kind)) }
            @if let (Some(environment), Some(account)) = (alert.environment, &alert.mage_id) {
                dt { "Account" } dd { (identifier(account.as_str())) " in " (environment) }
            }
            @if !alert.key.is_empty() { dt { "Subject" } dd { (identifier(&alert.key)) } }
        }
    }
}

fn actions(page: &PageContext, alert: &Alert) -> Markup {
    let path = |verb: &str| format!("/alerts/{}/{verb}", alert.id);
    let by = "The note begins with this name. The history names your token.";
    let is_open = alert.resolved_at.is_none();
    html! {
        h2 { "Actions" }
        div.forms {
            @if is_open {
                (form(page, &path("acknowledge"), |form| html! {
                    h3 { "Acknowledge" }
                    p.hint { "You take care of it. Reminders no longer list it." }
                    (form.text("by", "Your name", Some(by)))
                    (form.long_text("note", "Note", None))
                    (form.submit("Acknowledge"))
                }))
                (form(page, &path("snooze"), |form| html! {
                    h3 { "Snooze" }
                    p.hint { "Reminders do not list it for this time." }
                    (form.choice("seconds", "For", &SNOOZE.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect::<Vec<_>>()))
                    (form.text("by", "Your name", Some(by)))
                    (form.submit("Snooze"))
                }))
            }
            (form(page, &path("notes"), |form| html! {
                h3 { "Add a note" }
                (form.long_text("note", "Note", None))
                (form.text("by", "Your name", Some(by)))
                (form.submit("Add the note"))
            }))
            @if is_open {
                (form(page, &path("resolve"), |form| html! {
                    h3 { "Resolve" }
                    p.hint { "It is opened again for a new cause, and for some kinds if its condition still holds a day later." }
                    (form.long_text("note", "Note", None))
                    (form.text("by", "Your name", Some(by)))
                    (form.submit("Resolve"))
                }))
            }
        }
    }
}

fn history(page: &PageContext, found: &AlertDetail) -> Markup {
    let now = page.now();
    let mut changes =
        Table::new("Everything that happened to this alert, newest first", &["When", "Change", "By", "Note"]);
    for change in found.changes.iter().rev() {
        let by = change.by.as_deref().unwrap_or("the program");
        changes.row([
            moment(change.at, now),
            html! { (change.change) },
            html! { (visible(by)) },
            html! { @if let Some(note) = &change.note { (visible(note)) } },
        ]);
    }
    let mut sent = Table::new("Messages about it", &["Change", "Subscription", "State", "Last attempt"]);
    for one in &found.notifications {
        let state = if one.state == NotificationState::NotSent { "not sent".to_owned() } else { one.state.to_string() };
        sent.row([
            html! { (one.change) },
            html! {
                a href={ "/subscriptions/" (super::super::parts::segment(&one.subscription)) } { (visible(&one.subscription)) }
                @if one.is_fallback { " (fallback)" }
            },
            html! {
                @match one.delivery {
                    Some(delivery) => a href={ "/deliveries/" (delivery) } { (state) },
                    None => (state),
                }
            },
            html! { @if let Some(at) = one.attempted_at { (moment(at, now)) } },
        ]);
    }
    html! {
        h2 { "History" }
        (changes.show())
        @if !sent.is_empty() {
            h2 { "Notifications" }
            (sent.show())
        }
    }
}
