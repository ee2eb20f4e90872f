//! Runs other programs in the workspace.

use std::ffi::OsStr;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Result, workspace};

/// Returns a command for the cargo that runs this program.
pub(crate) fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    program(cargo, arguments)
}

/// Returns a command that runs in the workspace's folder.
pub(crate) fn program<A: AsRef<OsStr>>(name: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(workspace::root()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Returns whether a program is installed and succeeds with these arguments (such as `--version`).
pub(crate) async fn answers(mut command: Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    quiet.is_ok_and(|status| status.success())
}

/// Returns the output of a program that succeeds.
pub(crate) async fn output(mut command: Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program to its end with inherited output.
pub(crate) async fn run(mut command: Command) -> Result {
    let shown = shown(&command);
    let child = command.spawn().map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    wait(child, &shown).await
}

/// Runs a program to its end with inherited output, and passes each line to `watch` as well.
pub(crate) async fn run_watched(mut command: Command, watch: &mut impl FnMut(&str)) -> Result {
    let shown = shown(&command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    let (mut out, mut err) = (lines(child.stdout.take()), lines(child.stderr.take()));
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            line = next(&mut out), if out_open => match line {
                Some(line) => { println!("{line}"); watch(&line); }
                None => out_open = false,
            },
            line = next(&mut err), if err_open => match line {
                Some(line) => { eprintln!("{line}"); watch(&line); }
                None => err_open = false,
            },
        }
    }
    wait(child, &shown).await
}

/// Waits for the end of a child. Ctrl-C reaches it directly, because it is in our process group; SIGTERM is forwarded,
/// so that our caller can clean up afterwards.
async fn wait(mut child: tokio::process::Child, shown: &str) -> Result {
    let failed = |error| format!("`{shown}`: {error}");
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(failed)?;
                return if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) };
            }
            _ = interrupted.recv() => {}
            _ = terminated.recv() => terminate(&child),
        }
    }
}

/// Requests a child to exit, so that it can clean up.
fn terminate(child: &tokio::process::Child) {
    let process = child.id().and_then(|number| Pid::from_raw(i32::try_from(number).ok()?));
    if let Some(process) = process {
        // The child may have ended already.
        let _ = kill_process(process, Signal::TERM);
    }
}

type Lines = Option<tokio::io::Lines<BufReader<Box<dyn AsyncRead + Unpin>>>>;

fn lines(output: Option<impl AsyncRead + Unpin + 'static>) -> Lines {
    output.map(|output| BufReader::new(Box::new(output) as Box<dyn AsyncRead + Unpin>).lines())
}

async fn next(lines: &mut Lines) -> Option<String> {
    lines.as_mut()?.next_line().await.ok().flatten()
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    let name = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
