//! `eqp trigger`: sends one callback to a receiver, and shows what it answers.

mod event;
mod target;

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use eqp_simulator::{CallbackAnswer, SendResult};
use serde_json::{Value, json};

use self::event::{EventOptions, events};
use self::target::{Aim, TargetOptions};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// The word in the place of an event that lists them.
const LIST: &str = "list";

/// Send one callback to a receiver, as the Marketplace would, and show the answer
///
/// EVENT is a documented one (eqp trigger list shows them), filled from flags whose defaults are the documentation's
/// example; --data sends a body of your own, byte for byte. It goes to an endpoint of the local database, with the
/// password that is kept there, or to any URL with a user name and password of yours. Over https only, but for this
/// machine itself.
#[derive(Args, Debug)]
#[command(
    override_usage = "eqp trigger [OPTIONS] <EVENT>\n       eqp trigger [OPTIONS] --data <FILE>",
    after_help = "\
Examples:
  eqp trigger list
  eqp trigger malware_scan_complete --file 2309480238.238475.0 --to main
  eqp trigger eqp_status_update --submission s5w9k703ru --flow marketing --status rejected
  eqp trigger eqp_status_update --first-form --to main --at https://127.0.0.1:8443/callbacks/main
  eqp trigger --data callback.json --to https://eqp.example.com/hook --user key \\
      --password-file password.txt"
)]
pub(crate) struct Trigger {
    /// The event, or `list`
    #[arg(value_name = "EVENT", required_unless_present = "data", conflicts_with = "data")]
    event: Option<String>,
    /// File with a body of your own (- for standard input), sent byte for byte
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    #[command(flatten)]
    fields: EventOptions,
    #[command(flatten)]
    target: TargetOptions,
}

impl Trigger {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        if self.event.as_deref() == Some(LIST) {
            return show_events(context);
        }
        let body = self.body()?;
        let reads_input = self.data.as_deref().is_some_and(|file| file.as_os_str() == "-");
        let aim = self.target.aim(context, reads_input).await?;
        if let Some(environment) = aim.environment {
            context.confirmation.ask(environment, "Send a callback to a receiver")?;
        }
        let answer = aim.target.send(&aim.trusted, body.clone()).await.map_err(|error| {
            Failure::usage("the callback was not sent").because(&error).next("name a certificate in PEM form with --ca")
        })?;
        show(context, &aim, &body, &answer)?;
        verdict(&answer)
    }

    fn body(&self) -> Outcome<Vec<u8>> {
        if let Some(event) = &self.event {
            return self.fields.body(event).map(String::into_bytes);
        }
        let path = self.data.as_deref().unwrap_or_else(|| "-".as_ref());
        let failed = |error: std::io::Error| {
            Failure::usage(format!("cannot read the callback from {}", path.display())).because(&error)
        };
        if path.as_os_str() == "-" {
            let mut body = Vec::new();
            std::io::stdin().read_to_end(&mut body).map_err(failed)?;
            return Ok(body);
        }
        std::fs::read(path).map_err(failed)
    }
}

fn show_events(context: &Context) -> Outcome {
    if context.output.is_json() {
        let events: Vec<_> = events().map(|(code, about)| json!({"event": code, "about": about})).collect();
        return context.output.json(&json!({"events": events}));
    }
    events().try_for_each(|(code, about)| context.output.line(format_args!("{code:<22}  {about}")))
}

/// The answer as data: what it said, and how long it took.
fn show(context: &Context, aim: &Aim, body: &[u8], answer: &CallbackAnswer) -> Outcome {
    let milliseconds = answer.latency.as_secs_f64() * 1000.0;
    let text = String::from_utf8_lossy(&answer.body);
    let status = if let SendResult::Answered(status) = answer.result { Some(status) } else { None };
    if context.output.is_json() {
        let told = serde_json::from_slice(&answer.body).unwrap_or_else(|_| Value::String(text.to_string()));
        return context.output.json(&json!({
            "url": aim.target.url(),
            "username": aim.username,
            "sent": String::from_utf8_lossy(body),
            "status": status,
            "answer": told,
            "latency_ms": (milliseconds * 1000.0).round() / 1000.0,
        }));
    }
    let Some(status) = status else { return Ok(()) };
    context.output.line(format_args!("{status} in {milliseconds:.1} ms from {}", aim.target.url()))?;
    if text.is_empty() { Ok(()) } else { context.output.line(text.trim_end()) }
}

/// What the answer means for the exit code.
fn verdict(answer: &CallbackAnswer) -> Outcome {
    match &answer.result {
        SendResult::Answered(200..=299) => Ok(()),
        SendResult::Answered(401 | 403) => {
            Err(Failure::new(Exit::NotAuthorised, "the receiver does not accept user name and password")
                .next("check --user and the password, or name an endpoint of the local database with --to"))
        }
        SendResult::Answered(404) => {
            Err(Failure::new(Exit::NotFound, "the receiver has nothing at this path").next("check the path of the URL"))
        }
        SendResult::Answered(status) => Err(Failure::new(
            Exit::Failed,
            format!("the receiver answered {status}, and may not have kept the callback"),
        )),
        SendResult::TimedOut => Err(Failure::new(Exit::TimedOut, "the receiver did not answer in time")
            .next("the Marketplace would give up too: look at the receiver's log")),
        SendResult::Failed(why) => Err(Failure::new(Exit::Unreachable, "the receiver cannot be reached")
            .why(why.clone())
            .next("check that it runs (eqp serve), its address, and that its certificate is trusted (--ca)")),
        _ => Err(Failure::new(Exit::Failed, "the callback was not sent")),
    }
}
