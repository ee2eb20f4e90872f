//! `GET|POST /callbacks` and `POST /callbacks/{number}/resend`: what was sent, and sending

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::files::PAGE;
use super::problem::Problem;
use super::wait::{patience, until};
use super::wish::{Asked, Id, Wish};
use crate::nearest::nearest;
use crate::sent::{SendResult, Sent};
use crate::shared::Shared;

/// Which callbacks are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// Only those with a larger number.
    #[serde(default, rename = "after")]
    number: u64,
    limit: Option<usize>,
    /// Waits so long for the first one.
    wait: Option<String>,
}

/// Callbacks in the order in which their sends ended.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<After>,
) -> Result<Json<Value>, Problem> {
    let patience = patience(asked.wait.as_deref())?;
    let look = || Some(shared.log.after(asked.number, asked.limit.unwrap_or(PAGE))).filter(|sent| !sent.is_empty());
    let sent = until(&shared, patience, look).await.unwrap_or_default();
    Ok(Json(json!({"count": shared.log.count(), "callbacks": sent.iter().map(shown).collect::<Value>()})))
}

/// Sends any body to the registrations of an account.
pub(super) async fn send(State(shared): State<Arc<Shared>>, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["body", "url", "mage_id"])?;
    let body = match wish.value("body") {
        None => return Err(Problem::word("`body` is missing: JSON, or text that is sent as it is")),
        Some(Value::String(text)) => text.clone(),
        Some(json) => json.to_string(),
    };
    let event = serde_json::from_str::<Value>(&body).ok();
    let event = event.as_ref().and_then(|body| body["callback_event"].as_str()).unwrap_or("-").to_owned();
    let (mage_id, url) = (wish.text("mage_id")?, wish.text("url")?);
    let targets = shared.change(|market| {
        let account = match mage_id {
            None => 0,
            Some(mage_id) => {
                let known = || market.accounts.iter().map(|account| account.mage_id.as_str());
                let missing =
                    || Problem::not_found(format!("there is no account {mage_id}")).nearest(nearest(mage_id, known()));
                known().position(|known| known == mage_id).ok_or_else(missing)?
            }
        };
        Ok::<_, Problem>(market.tell_as_is(account, &event, Bytes::from(body), url))
    })?;
    match (targets, url) {
        (0, Some(url)) => Err(Problem::not_found(format!("no callback is registered for {url}"))),
        (0, None) => Err(Problem::not_found("no callback is registered")),
        (targets, _) => Ok(Json(json!({"targets": targets}))),
    }
}

/// Sends a callback once more.
pub(super) async fn resend(State(shared): State<Arc<Shared>>, id: Id) -> Result<Json<Value>, Problem> {
    let number: u64 = id.read("callback")?;
    let sent = shared.log.get(number).ok_or_else(|| Problem::not_found(format!("there is no callback {number}")))?;
    let targets = shared.change(|market| market.send_again(&sent))?;
    Ok(Json(json!({"targets": targets})))
}

fn shown(sent: &Sent) -> Value {
    let (status, failed) = match &sent.result {
        SendResult::Answered(status) => (Some(*status), None),
        SendResult::Failed(why) => (None, Some(why.as_str())),
        SendResult::TimedOut => (None, Some("timed out")),
        SendResult::Dropped => (None, Some("dropped")),
    };
    json!({
        "number": sent.number,
        "at": sent.at.format(&Rfc3339).unwrap_or_default(),
        "kind": sent.kind.as_str(),
        "url": sent.url,
        "callback_event": sent.event,
        "subject": sent.subject,
        "flow": sent.flow,
        "outcome": sent.outcome,
        "body": String::from_utf8_lossy(&sent.body),
        "status": status,
        "failed": failed,
        "answer": String::from_utf8_lossy(&sent.answer),
        "latency_ms": sent.latency.as_secs_f64() * 1000.0,
    })
}
