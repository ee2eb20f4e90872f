//! The options `--then` and `--then-unless` of `eqp release` and `eqp wait`: runs a command when a version is in the store.

use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use eqp_deliver::GroupedProcess;
use eqp_release::{FollowUp, FollowUpResult, ProgramEnd, ReleasedVersion};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::arguments::run_time;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;
use crate::shutdown;

/// The maximum time between the request to stop and the end by force.
const MAX_GRACE: Duration = Duration::from_secs(5);
/// The prefix of the tool's own variables, which can contain secrets.
const OWN_VARIABLES: &str = "EQP_";

/// The command to run after a release to the store.
#[derive(Args, Clone, Debug)]
pub(super) struct ThenOptions {
    /// Command to run with `sh -c` when the version is in the store
    #[arg(long, value_name = "CMD", value_parser = NonEmptyStringValueParser::new())]
    then: Option<String>,
    /// Command that exits with 0 if the one of --then must not run again
    #[arg(long, value_name = "CHECK", requires = "then", value_parser = NonEmptyStringValueParser::new())]
    then_unless: Option<String>,
    /// Time limit for each of these two commands
    #[arg(long, value_name = "TIME", default_value = "15m", requires = "then", value_parser = run_time)]
    #[arg(hide_short_help = true)]
    then_timeout: Duration,
}

impl ThenOptions {
    /// Returns the command and its check.
    pub(super) fn command(&self) -> Option<(&str, Option<&str>)> {
        self.then.as_deref().map(|command| (command, self.then_unless.as_deref()))
    }

    /// Runs the command for a version that is in the store.
    pub(super) async fn run(&self, version: &ReleasedVersion, output: Output) -> Result {
        let Some((command, check)) = self.command() else { return Ok(()) };
        let stop = shutdown::requested();
        let mut next = FollowUp::start(check.is_some());
        loop {
            let script = match &next {
                FollowUp::Check => check.unwrap_or_default(),
                FollowUp::Run => {
                    output.note("running the command of --then …");
                    command
                }
                FollowUp::End(result) => return ended(result, output),
            };
            let end = run(script, version, self.then_timeout, &stop).await?;
            next = next.after(end);
        }
    }
}

fn ended(result: &FollowUpResult, output: Output) -> Result {
    let failure = |what: &str, end: &ProgramEnd| {
        let failure = Failure::new(Exit::ThenFailed, what).why(end.to_string());
        Err(failure.next("run the same command again: nothing is sent twice, and this step is tried again"))
    };
    match result {
        FollowUpResult::AlreadyDone => output.note("the command of --then did not run: --then-unless succeeded"),
        FollowUpResult::Done => output.note("the command of --then has succeeded"),
        FollowUpResult::CheckFailed(end) => {
            return failure("the command of --then-unless has no result, so that of --then did not run", end);
        }
        FollowUpResult::CommandFailed(end) => return failure("the command of --then failed", end),
    }
    Ok(())
}

/// Runs a script to its end. A signal stops it.
async fn run(
    script: &str,
    version: &ReleasedVersion,
    deadline: Duration,
    stop: &CancellationToken,
) -> Result<ProgramEnd> {
    let interrupted = || Failure::interrupted().next("run the same command again: the command of --then then runs");
    if stop.is_cancelled() {
        return Err(interrupted());
    }
    let grace = MAX_GRACE.min(deadline);
    let mut process = match command(script, version).and_then(GroupedProcess::spawn) {
        Ok(process) => process,
        Err(error) => return Ok(ProgramEnd::NotStarted(error.to_string())),
    };
    match stop.run_until_cancelled(process.wait(deadline, grace)).await {
        Some(Ok(Some(status))) => Ok(ProgramEnd::Ended(status)),
        Some(Ok(None)) => Ok(ProgramEnd::TimedOut(deadline)),
        Some(Err(error)) => Ok(ProgramEnd::NotStarted(error.to_string())),
        None => {
            process.stop(grace).await;
            Err(interrupted())
        }
    }
}

fn command(script: &str, version: &ReleasedVersion) -> std::io::Result<Command> {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null());
    // Standard output contains only the handle or JSON.
    command.stdout(Stdio::from(std::io::stderr().as_fd().try_clone_to_owned()?));
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(OWN_VARIABLES.as_bytes()))
    {
        command.env_remove(name);
    }
    command.envs(version.variables());
    Ok(command)
}
