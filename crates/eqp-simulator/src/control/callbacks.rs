//! `GET|POST /callbacks` and `POST /callbacks/{number}/resend`: lists sent callbacks, and sends some.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::files::PAGE;
use super::problem::Problem;
use super::request::{Id, Parameters, RequestBody, patience, until};
use crate::error::nearest;
use crate::sent::{SendResult, Sent};
use crate::shared::Shared;

/// The parameters of the list of callbacks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// Only those with a larger number.
    #[serde(default, rename = "after")]
    number: u64,
    limit: Option<usize>,
    /// The time to wait for the first one.
    wait: Option<String>,
}

/// Lists callbacks in the order in which their requests ended.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Parameters(parameters): Parameters<After>,
) -> Result<Json<Value>, Problem> {
    let patience = patience(parameters.wait.as_deref())?;
    let look =
        || Some(shared.log.after(parameters.number, parameters.limit.unwrap_or(PAGE))).filter(|sent| !sent.is_empty());
    let sent = until(&shared, patience, look).await.unwrap_or_default();
    Ok(Json(json!({"count": shared.log.count(), "callbacks": sent.iter().map(shown).collect::<Value>()})))
}

/// Sends any body to the registrations of an account.
pub(super) async fn send(State(shared): State<Arc<Shared>>, request: RequestBody) -> Result<Json<Value>, Problem> {
    let request = request.only(&["body", "url", "mage_id"])?;
    let body = match request.body().map(RawValue::get) {
        None => return Err(Problem::invalid("`body` is missing; pass JSON, or a string that is sent unchanged")),
        Some(text) if text.starts_with('"') => serde_json::from_str(text)
            .map_err(|error| Problem::unreadable(format!("`body` is not a JSON string: {error}")))?,
        Some(json) => json.to_owned(),
    };
    let members: HashMap<String, &RawValue> = serde_json::from_str(&body).unwrap_or_default();
    let event = members.get("callback_event").and_then(|event| serde_json::from_str(event.get()).ok());
    let event: String = event.unwrap_or_else(|| "-".to_owned());
    let (mage_id, url) = (request.text("mage_id")?, request.text("url")?);
    let targets = shared.change(|marketplace| {
        let account = match mage_id {
            None => 0,
            Some(mage_id) => {
                let known = || marketplace.accounts.iter().map(|account| account.mage_id.as_str());
                let missing =
                    || Problem::not_found(format!("there is no account {mage_id}")).nearest(nearest(mage_id, known()));
                known().position(|known| known == mage_id).ok_or_else(missing)?
            }
        };
        Ok::<_, Problem>(marketplace.send_raw(account, &event, Bytes::from(body), url))
    })?;
    match (targets, url) {
        (0, Some(url)) => Err(Problem::not_found(format!("no callback is registered for {url}"))),
        (0, None) => Err(Problem::not_found("no callback is registered")),
        (targets, _) => Ok(Json(json!({"targets": targets}))),
    }
}

/// Sends a callback again.
pub(super) async fn resend(State(shared): State<Arc<Shared>>, id: Id) -> Result<Json<Value>, Problem> {
    let number: u64 = id.read("callback")?;
    let sent = shared.log.get(number).ok_or_else(|| Problem::not_found(format!("there is no callback {number}")))?;
    let targets = shared.change(|marketplace| marketplace.resend(&sent))?;
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
        "at": sent.at.format(&Rfc3339).expect("the wall clock shows a year of four digits"),
        "kind": sent.kind.as_str(),
        "url": sent.url,
        "callback_event": sent.event,
        "resource_id": sent.resource_id,
        "flow": sent.flow,
        "status": sent.status,
        "body": String::from_utf8_lossy(&sent.body),
        "http_status": status,
        "failed": failed,
        "answer": String::from_utf8_lossy(&sent.answer),
        "latency_ms": sent.latency.as_secs_f64() * 1000.0,
    })
}
