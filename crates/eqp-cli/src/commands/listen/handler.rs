//! The handler of `eqp listen` for each message: none, a program, or a request.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use eqp_console::PulledMessage;
use eqp_deliver::{
    AttemptOutcome, AttemptResult, CallbackForwarder, DefinitionError, Forwarder, HandlerEnvironment, Program,
    RawMessage,
};
use serde::Deserialize;
use uuid::Uuid;

use super::Listen;
use crate::config::read_secret;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// The time by which an attempt can exceed its time limit, and in which its result is recorded.
const MARGIN: Duration = Duration::from_secs(38);
/// The lease of messages that are only shown.
const SHOWN: Duration = Duration::from_secs(30);
/// The number of callbacks of which it is known that they were forwarded.
const REMEMBERED: usize = 1_000;

/// Handles messages on this machine.
pub(super) struct LocalHandler {
    target: Target,
    timeout: Duration,
}

enum Target {
    Nothing,
    Message(Forwarder),
    Callback {
        forwarder: CallbackForwarder,
        /// One callback can report up to three events, but was sent once.
        forwarded: VecDeque<(Uuid, Option<i64>)>,
    },
}

/// The part of a message that handlers need.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    name: String,
}

impl LocalHandler {
    pub(super) fn new(context: &Context, options: &Listen) -> Result<Self> {
        let unusable = |error: DefinitionError| Failure::usage("the handler cannot be used").because(&error);
        let target = if let Some(url) = options.forward_to.as_deref().filter(|_| options.raw) {
            let file = options.raw_password_file.as_deref();
            let password = file.map(|file| read_secret(file, "the password")).transpose()?;
            let credentials = options.raw_user.as_deref().zip(password.as_ref());
            let forwarder = CallbackForwarder::new(url, credentials, HandlerEnvironment::default());
            Target::Callback { forwarder: forwarder.map_err(unusable)?, forwarded: VecDeque::new() }
        } else if let Some(url) = &options.forward_to {
            let secret =
                options.secret_file.as_ref().map(|file| read_secret(file, "the signing secret")).transpose()?;
            let secrets: Vec<_> = secret.into_iter().collect();
            let forwarder = Forwarder::webhook(url, &secrets, HandlerEnvironment::default());
            Target::Message(forwarder.map_err(unusable)?)
        } else if let Some(name) = &options.exec {
            let environment = context.settings.deliver.environment(&context.loaded.programs)?;
            Target::Message(Forwarder::named_program(name, &environment).map_err(unusable)?)
        } else if options.command.is_empty() {
            Target::Nothing
        } else {
            let program = own_program(&options.command).map_err(unusable)?;
            let program = if context.output.is_json() { program } else { program.showing_output() };
            Target::Message(Forwarder::program(program))
        };
        Ok(Self { target, timeout: options.timeout })
    }

    /// Returns whether messages are only shown.
    pub(super) fn only_shows(&self) -> bool {
        matches!(self.target, Target::Nothing)
    }

    /// Returns whether it needs the callbacks of messages.
    pub(super) fn needs_callbacks(&self) -> bool {
        matches!(self.target, Target::Callback { .. })
    }

    /// Returns for how long a message is leased.
    pub(super) fn lease(&self) -> Duration {
        if self.only_shows() { SHOWN } else { self.timeout + MARGIN }
    }

    /// Makes one attempt to handle a message. Returns `None` if it is only shown. `repeats` forwards a callback again.
    pub(super) async fn attempt(&mut self, message: &PulledMessage, repeats: bool) -> Option<AttemptResult> {
        match &mut self.target {
            Target::Nothing => None,
            Target::Message(forwarder) => {
                let body = message.message.get();
                // A message of a newer server without a type is forwarded as it is.
                let type_name = serde_json::from_str::<Typed>(body).map_or_else(|_| String::new(), |typed| typed.name);
                let raw = RawMessage { id: &message.id, type_name: &type_name, replay: message.replay, body };
                Some(forwarder.forward(raw, self.timeout).await)
            }
            Target::Callback { forwarder, forwarded } => {
                let skipped = |reason: &str| AttemptResult::new(AttemptOutcome::Skipped, None, Duration::ZERO, reason);
                let Some(callback) = &message.callback else {
                    return Some(skipped("no callback reported the event, or the callback is no longer stored"));
                };
                let key = (callback.id, message.replay);
                if forwarded.contains(&key) && !repeats {
                    return Some(skipped("its callback was forwarded with an earlier event"));
                }
                let headers = callback.headers.to_text_lossy();
                let kind = headers.lines().find_map(content_type);
                let result = forwarder.forward(kind, callback.body.bytes(), self.timeout).await;
                if result.outcome == AttemptOutcome::Delivered {
                    forwarded.truncate(REMEMBERED - 1);
                    forwarded.push_front(key);
                }
                Some(result)
            }
        }
    }
}

fn content_type(line: &str) -> Option<&str> {
    let (name, value) = line.split_once(':')?;
    name.trim().eq_ignore_ascii_case("content-type").then_some(value.trim())
}

/// Returns the program of a command line: a path may be relative, and it gets the caller's environment without our own variables, which
/// can contain secrets.
fn own_program(command: &[String]) -> Result<Program, DefinitionError> {
    let mut words = command.to_vec();
    if words[0].contains('/')
        && let Ok(path) = std::path::absolute(Path::new(&words[0]))
    {
        words[0] = path.to_string_lossy().into_owned();
    }
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let own = variables.filter(|(name, _)| !name.starts_with("EQP_"));
    Ok(own.fold(Program::new(words)?, |program, (name, value)| program.with_variable(name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_is_found_among_the_headers() {
        let headers = "Host: x\r\nContent-Type: application/json; charset=utf-8\r\n";
        assert_eq!(headers.lines().find_map(content_type), Some("application/json; charset=utf-8"));
        assert_eq!(content_type("x"), None);
    }
}
