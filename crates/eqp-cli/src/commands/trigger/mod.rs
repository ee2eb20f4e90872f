//! `eqp trigger`: sends one callback to a receiver, and shows the response.

mod event;
mod target;

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use eqp_simulator::{CallbackAnswer, SendResult};
use serde::Serialize;
use serde_json::Value;

use self::event::{EventOptions, events};
use self::target::{ResolvedTarget, TargetOptions};
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};
use crate::shutdown;

/// The value of EVENT that lists the documented events.
const LIST: &str = "list";

/// Send one callback to a receiver, as the Marketplace would, and show the response
///
/// EVENT is one of the documented events, which `eqp trigger list` lists. Flags set its fields; by default, they have
/// the values of the example in the Marketplace's documentation. --data sends the bytes of a file instead. The callback
/// is sent to an endpoint of the local database, with its stored password, or to any URL, with --user and a password.
/// Only URLs of this machine may use plain HTTP. The callback becomes an event, but the receiver does not count it as
/// one from Adobe.
#[derive(Args, Debug)]
#[command(
    override_usage = "eqp trigger [OPTIONS] <EVENT>\n       eqp trigger [OPTIONS] --data <FILE>",
    after_help = "\
Examples:
  eqp trigger list
  eqp trigger malware_scan_complete --file 2309480238.238475.0 --to main
  eqp trigger eqp_status_update --submission s5w9k703ru \\
      --flow marketing --status rejected
  eqp trigger eqp_status_update --first-form --to main \\
      --at https://127.0.0.1:8443/callbacks/main
  eqp trigger --data callback.json --to https://eqp.example.com/hook \\
      --user key --password-file password.txt"
)]
pub(crate) struct Trigger {
    /// Event to send, or `list`
    #[arg(value_name = "EVENT", required_unless_present = "data", conflicts_with = "data")]
    event: Option<String>,
    /// File to send byte for byte (- for standard input)
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Show the callback and its destination, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    fields: EventOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// A callback with its destination.
struct CallbackPlan {
    destination: ResolvedTarget,
    body: Vec<u8>,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TriggerDryRun<'a> {
    /// The URL that the callback would be sent to.
    url: &'a str,
    /// The user name.
    username: Option<&'a str>,
    /// The body.
    would_send: &'a str,
}

/// The answer to a callback as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TriggerReport<'a> {
    /// The URL that the callback was sent to.
    url: &'a str,
    /// The user name.
    username: Option<&'a str>,
    /// The body.
    sent: &'a str,
    /// The HTTP status of the answer; null if there was none.
    status: Option<u16>,
    /// The body of the answer: JSON, or text if it is not JSON.
    answer: Value,
    /// The time from the request to the answer, in milliseconds.
    latency_ms: f64,
}

/// The events that can be sent, as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct KnownEvents<'a> {
    /// The events.
    events: Vec<KnownEvent<'a>>,
}

/// An event that can be sent.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct KnownEvent<'a> {
    /// Its code.
    event: &'a str,
    /// A description.
    about: &'a str,
}

impl Plan for CallbackPlan {
    fn show(self, output: Output) -> Result {
        let ResolvedTarget { target, username, .. } = &self.destination;
        let body = String::from_utf8_lossy(&self.body);
        if output.is_json() {
            return output.json(&TriggerDryRun {
                url: target.url().as_str(),
                username: username.as_deref(),
                would_send: &body,
            });
        }
        let user = username.as_ref().map_or_else(String::new, |name| format!(" as {}", escaped(name)));
        output.line(format_args!("would send to {}{user}:", escaped(target.url().as_str())))?;
        output.line(body.trim_end())
    }

    fn question(&self) -> Question {
        match self.destination.environment {
            Some(environment) => Question::Write(environment, "Send a callback to a receiver".to_owned()),
            None => Question::Nothing,
        }
    }
}

/// Sends a callback.
struct CallbackSend<'a> {
    context: &'a Context,
    trigger: &'a Trigger,
}

impl Change for CallbackSend<'_> {
    type Plan = CallbackPlan;
    type Applied = (CallbackPlan, CallbackAnswer);

    async fn observe(&mut self) -> Result<CallbackPlan> {
        let Trigger { data, target, dry_run, .. } = self.trigger;
        let body = self.trigger.body()?;
        let reads_input = data.as_deref().is_some_and(|file| file.as_os_str() == "-");
        Ok(CallbackPlan {
            destination: target.resolve(self.context, reads_input, Upgrade::unless(*dry_run)).await?,
            body,
        })
    }

    async fn apply(self, plan: CallbackPlan, _: Confirmation) -> Result<(CallbackPlan, CallbackAnswer)> {
        let ResolvedTarget { target, trusted, .. } = &plan.destination;
        let answer = target.send(trusted, plan.body.clone()).await.map_err(|error| {
            Failure::usage("the callback was not sent")
                .because(&error)
                .next("pass --ca with a certificate in PEM format")
        })?;
        Ok((plan, answer))
    }
}

impl Trigger {
    pub(crate) async fn run(self, context: &Context) -> Result {
        if self.event.as_deref() == Some(LIST) {
            return show_events(context);
        }
        let send = CallbackSend { context, trigger: &self };
        let Some((plan, answer)) = change::run(context, send, self.dry_run).await? else { return Ok(()) };
        show(context, &plan.destination, &plan.body, &answer)?;
        check_answer(&answer)
    }

    fn body(&self) -> Result<Vec<u8>> {
        if let Some(event) = &self.event {
            return self.fields.body(event).map(String::into_bytes);
        }
        let path = self.data.as_deref().unwrap_or_else(|| "-".as_ref());
        let failed = |error: std::io::Error| {
            Failure::usage(format!("cannot read the callback from {}", path.display())).because(&error)
        };
        if path.as_os_str() == "-" {
            return shutdown::read_input(|| {
                let mut body = Vec::new();
                std::io::stdin().read_to_end(&mut body)?;
                Ok(body)
            })?
            .map_err(failed);
        }
        std::fs::read(path).map_err(failed)
    }
}

fn show_events(context: &Context) -> Result {
    if context.output.is_json() {
        let events = events().map(|(event, about)| KnownEvent { event, about }).collect();
        return context.output.json(&KnownEvents { events });
    }
    events().try_for_each(|(code, about)| context.output.line(format_args!("{code:<22}  {about}")))
}

/// Prints the response and its duration.
fn show(context: &Context, resolved: &ResolvedTarget, body: &[u8], answer: &CallbackAnswer) -> Result {
    let milliseconds = answer.latency.as_secs_f64() * 1000.0;
    let text = String::from_utf8_lossy(&answer.body);
    let status = if let SendResult::Answered(status) = answer.result { Some(status) } else { None };
    if context.output.is_json() {
        let text_or_json = serde_json::from_slice(&answer.body).unwrap_or_else(|_| Value::String(text.to_string()));
        return context.output.json(&TriggerReport {
            url: resolved.target.url().as_str(),
            username: resolved.username.as_deref(),
            sent: &String::from_utf8_lossy(body),
            status,
            answer: text_or_json,
            latency_ms: (milliseconds * 1000.0).round() / 1000.0,
        });
    }
    let Some(status) = status else { return Ok(()) };
    context.output.line(format_args!("{status} in {milliseconds:.1} ms from {}", resolved.target.url()))?;
    if text.is_empty() { Ok(()) } else { context.output.line(text.trim_end()) }
}

/// Returns the failure that the receiver's response implies, if any.
fn check_answer(answer: &CallbackAnswer) -> Result {
    match &answer.result {
        SendResult::Answered(200..=299) => Ok(()),
        SendResult::Answered(401 | 403) => {
            Err(Failure::new(Exit::NotAuthorised, "the receiver rejected the user name and password")
                .next("check --user and the password, or pass --to with an endpoint of the local database"))
        }
        SendResult::Answered(404) => {
            Err(Failure::new(Exit::NotFound, "the receiver has no endpoint at this path").next("check the path of the URL"))
        }
        SendResult::Answered(400) if has_id(&answer.body) => {
            Err(Failure::new(Exit::Failed, "the receiver stored the callback, but cannot read its body (400)"))
        }
        SendResult::Answered(status) => Err(Failure::new(
            Exit::Failed,
            format!("the receiver answered {status}, and may not have stored the callback"),
        )),
        SendResult::TimedOut => Err(Failure::new(Exit::TimedOut, "the receiver did not answer in time")
            .next("the Marketplace would time out too; check the receiver's log")),
        SendResult::Failed(why) => Err(Failure::new(Exit::Unreachable, "the receiver cannot be reached")
            .why(why.clone())
            .next("check that the receiver is running (`eqp serve`), that the address is correct, and that --ca contains the CA of its certificate")),
        _ => Err(Failure::new(Exit::Failed, "the callback was not sent")),
    }
}

/// Returns whether the response contains a callback ID. Our receiver returns it once the callback is stored, even if
/// the body is not JSON.
fn has_id(answer: &[u8]) -> bool {
    serde_json::from_slice::<Value>(answer).is_ok_and(|answer| answer["id"].is_string())
}
