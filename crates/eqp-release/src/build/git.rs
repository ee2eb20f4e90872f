//! Runs git: with a deadline, in its own process group, without a terminal, and with none of the environment variables that could change
//! its output.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use eqp_check::Cancellation;
use eqp_check::internal::{ProcessGroup, installed_program};

use super::error::BuildError;

/// The variables that git needs: where it finds its own programs, and the configuration that lists safe folders.
const KEPT_VARIABLES: [&str; 7] =
    ["PATH", "HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SYSTEMROOT", "SUDO_UID", "TMPDIR"];
/// The variables that are set for every command.
const SET_VARIABLES: [(&str, &str); 8] = [
    ("LC_ALL", "C"),
    ("TZ", "UTC"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // Nothing is written to the repository.
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
];
/// The settings of every command in a repository: no hooks and no other programs.
const SETTINGS: [&str; 3] = ["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false"];
/// The interval at which deadline and cancellation are checked.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);
/// The size of the beginning of standard error that is stored, in bytes.
const MAX_MESSAGE_BYTES: u64 = 16 * 1024;
/// The number of lines of standard error in messages.
const MESSAGE_LINES: usize = 4;
/// The maximum size of the output of a command that is stored, in bytes.
const MAX_OUTPUT_BYTES: u64 = 256 * 1024 * 1024;

/// The program git.
#[derive(Debug)]
pub(super) struct Git {
    program: PathBuf,
    timeout: Duration,
    deadline: Instant,
    cancellation: Cancellation,
}

/// The end of a command.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The beginning of standard error.
    pub(super) message: String,
}

/// The reason why a command was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    TimedOut,
    Cancelled,
}

impl Git {
    /// Finds git in one of the folders of `path`, the value of `PATH`. All commands together may take as long as `timeout`.
    pub(super) fn installed(path: &OsStr, timeout: Duration, cancellation: Cancellation) -> Result<Self, BuildError> {
        let program = installed_program(path, "git").ok_or(BuildError::GitMissing)?;
        // A timeout that no clock can express never ends a command.
        let deadline = Instant::now().checked_add(timeout).unwrap_or_else(|| Instant::now() + Duration::from_hours(24));
        Ok(Self { program, timeout, deadline, cancellation })
    }

    pub(super) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Returns a command in a folder, with git's own search for the repository.
    pub(super) fn in_folder(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = self.command(folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(arguments);
        command
    }

    /// Returns a command without a repository and without any configuration of the machine or the user.
    pub(super) fn without_configuration(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = self.command(folder);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").args(arguments);
        command
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().current_dir(folder);
        command.envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(SET_VARIABLES);
        command
    }

    /// Runs a command that must succeed, and returns its output.
    pub(super) fn run(&self, command: Command, input: Vec<u8>) -> Result<Vec<u8>, BuildError> {
        let name = name_of(&command);
        let (output, ended) = self.output(command, input)?;
        if ended.status.success() { Ok(output) } else { Err(ended.failed(name)) }
    }

    /// Runs a command, and returns its output and how it ended.
    pub(super) fn output(&self, command: Command, input: Vec<u8>) -> Result<(Vec<u8>, Ended), BuildError> {
        let name = name_of(&command);
        self.stream(command, input, |stdout| {
            let mut output = Vec::new();
            let read = stdout.take(MAX_OUTPUT_BYTES).read_to_end(&mut output);
            read.map_err(|error| failed(&name, &error))?;
            Ok(output)
        })
    }

    /// Runs a command whose output is read while it is written.
    pub(super) fn stream<T>(
        &self,
        mut command: Command,
        input: Vec<u8>,
        consume: impl FnOnce(&mut dyn BufRead) -> Result<T, BuildError>,
    ) -> Result<(T, Ended), BuildError> {
        let name = name_of(&command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = ProcessGroup::spawn(&mut command).map_err(|error| failed(&name, &error))?;
        let child = &mut group.0;
        let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("all three are pipes")
        };
        let (end, ended) = channel::<()>();
        let killer = group.killer();
        let (consumed, status, message, stopped) = thread::scope(|scope| {
            // A command that ends early closes its input.
            scope.spawn(move || {
                let _ = stdin.write_all(&input);
            });
            let message = scope.spawn(move || {
                let mut message = Vec::new();
                let _ = stderr.by_ref().take(MAX_MESSAGE_BYTES).read_to_end(&mut message);
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
                String::from_utf8_lossy(&message).into_owned()
            });
            let watchdog = scope.spawn(move || {
                while ended.recv_timeout(WATCH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    let stopped = if self.cancellation.is_cancelled() {
                        Stopped::Cancelled
                    } else if Instant::now() >= self.deadline {
                        Stopped::TimedOut
                    } else {
                        continue;
                    };
                    killer.kill();
                    return Some(stopped);
                }
                None
            });
            let consumed = consume(&mut BufReader::with_capacity(256 * 1024, stdout));
            if consumed.is_err() {
                group.kill();
            }
            let status = group.0.wait();
            // What it has started could hold its output open.
            group.kill();
            drop(end);
            let message = message.join().unwrap_or_default();
            (consumed, status, message, watchdog.join().unwrap_or_default())
        });
        match stopped {
            Some(Stopped::Cancelled) => return Err(BuildError::Cancelled),
            Some(Stopped::TimedOut) => {
                return Err(BuildError::TimedOut { command: name, seconds: self.timeout.as_secs() });
            }
            None => {}
        }
        let ended = Ended { status: status.map_err(|error| failed(&name, &error))?, message };
        match consumed {
            Ok(consumed) => Ok((consumed, ended)),
            // An output that ends too early is the consequence of a failure that git describes.
            Err(BuildError::Git { .. }) if !ended.status.success() && !ended.message.is_empty() => {
                Err(ended.failed(name))
            }
            Err(error) => Err(error),
        }
    }
}

impl Ended {
    /// Returns the error of a command that failed.
    pub(super) fn failed(&self, command: String) -> BuildError {
        let lines: Vec<_> = self.message.lines().filter(|line| !line.trim().is_empty()).take(MESSAGE_LINES).collect();
        let message = if lines.is_empty() { self.status.to_string() } else { lines.join(" ") };
        BuildError::Git { command, message }
    }
}

fn failed(command: &str, error: &std::io::Error) -> BuildError {
    BuildError::Git { command: command.to_owned(), message: error.to_string() }
}

/// Returns the name of the git command, such as `ls-tree`.
fn name_of(command: &Command) -> String {
    let mut arguments = command.get_args();
    while let Some(argument) = arguments.next() {
        if argument == "-c" {
            arguments.next();
        } else {
            return argument.to_string_lossy().into_owned();
        }
    }
    String::new()
}
