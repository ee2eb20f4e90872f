//! The handler that runs a program of the worker's configuration.

mod process_group;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::Command;
use tokio::time::Instant;

use crate::{
    AttemptOutcome, AttemptResult, DefinitionError, DeliveryHandler, ExecDefinition, HandlerEnvironment, Message,
    Program, RawMessage,
};
use process_group::Ended;
pub use process_group::GroupedProcess;

/// The exit codes with a meaning, as in `sysexits.h`: `EX_TEMPFAIL` and `EX_DATAERR`.
const RETRY_LATER: i32 = 75;
const NEVER_RETRY: i32 = 65;

/// The variables of the worker's environment that programs receive. Others can contain secrets, such as the URL of the database.
const PASSED_ON: &[&str] = &["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

/// Runs a program for each message.
pub(crate) struct Exec(Program);

impl Exec {
    pub(crate) fn new(definition: &ExecDefinition, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        let program = environment.programs.get(&definition.program).cloned();
        let reason = || "the configuration of this server has no program of this name ([exec.NAME])".to_owned();
        program
            .map(Self::of)
            .ok_or_else(|| DefinitionError::Program { program: definition.program.clone(), reason: reason() })
    }

    /// Runs this program.
    pub(crate) fn of(program: Program) -> Self {
        Self(program)
    }

    fn command(&self, message: &RawMessage<'_>) -> Command {
        let mut command = Command::new(&self.0.command);
        command.args(&self.0.arguments).env_clear();
        command.envs(PASSED_ON.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        command.envs(&self.0.environment);
        command.env("EQP_MESSAGE_ID", message.id).env("EQP_MESSAGE_TYPE", message.type_name);
        if let Some(replay) = message.replay {
            command.env("EQP_REPLAY", replay.to_string());
        }
        command.stdout(if self.0.shows_output { Stdio::inherit() } else { Stdio::null() });
        command
    }

    /// Runs the program for a message.
    pub(crate) async fn run(&self, message: RawMessage<'_>, deadline: Duration) -> AttemptResult {
        let start = Instant::now();
        let ended = process_group::run(self.command(&message), format!("{}\n", message.body), deadline).await;
        let (outcome, status, note) = match ended {
            Ok(Ended { status: Some(status), stderr }) => {
                let code = status.code().and_then(|code| u16::try_from(code).ok());
                (of_exit(status), code, noted(&stderr, || format!("the program ended with {status}"), status.success()))
            }
            Ok(Ended { status: None, stderr }) => {
                let stopped = format!("the program was stopped: timed out after {} s", deadline.as_secs_f32());
                (AttemptOutcome::HandlerDown { retry_after: None }, None, format!("{stopped}\n{stderr}"))
            }
            Err(error) => {
                let reason = format!("cannot run {}: {error}", self.0.command);
                (of_error(&error, &reason), None, reason)
            }
        };
        AttemptResult::new(outcome, status, start.elapsed(), &note)
    }
}

#[async_trait]
impl DeliveryHandler for Exec {
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult {
        let (body, type_name) = (message.json(), message.body.type_name());
        self.run(RawMessage { id: &message.id, type_name, replay: message.replay, body: &body }, deadline).await
    }
}

/// Returns the error output, or a description of the end if there is none.
fn noted(stderr: &str, description: impl Fn() -> String, succeeded: bool) -> String {
    if stderr.trim().is_empty() && !succeeded { description() } else { stderr.to_owned() }
}

fn of_exit(status: ExitStatus) -> AttemptOutcome {
    match status.code() {
        Some(0) => AttemptOutcome::Delivered,
        Some(RETRY_LATER) => AttemptOutcome::RetryLater,
        Some(NEVER_RETRY) => AttemptOutcome::NeverRetry,
        // Also if it was ended by a signal.
        _ => AttemptOutcome::EventFailed { retry_after: None },
    }
}

/// Returns the outcome if the program could not be started.
fn of_error(error: &io::Error, reason: &str) -> AttemptOutcome {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => AttemptOutcome::Misconfigured(reason.to_owned()),
        // The machine is out of processes or memory: other messages would fail as well.
        _ => AttemptOutcome::HandlerDown { retry_after: None },
    }
}
