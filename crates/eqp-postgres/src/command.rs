//! Running the programs of Postgres: as the right user, with a clean environment and with a deadline.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::Error;
use crate::owner::Owner;

/// A program of Postgres. No variable of ours reaches it: `PGDATA`, `PGPORT` or a locale would change what it does.
pub(crate) fn postgres_command(program: &Path, owner: &Owner, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir(folder)
        .stdin(Stdio::null());
    if let Some((uid, gid)) = owner.switch_to() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Runs a program to its end and gives back what it printed.
pub(crate) async fn run(mut command: Command, deadline: Duration) -> Result<String, Error> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let failed = |detail: String| Error::Program { program: program.clone(), detail };
    command.kill_on_drop(true).stdin(Stdio::null());
    let output = tokio::time::timeout(deadline, command.output())
        .await
        .map_err(|_| failed(format!("it did not end within {} s", deadline.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let said = said.into_iter().find(|text| !text.is_empty()).unwrap_or_else(|| output.status.to_string());
    Err(failed(said))
}
