//! Runs an external program in its own process group, with a timeout, and with its output in files of limited size, so that neither a
//! hanging child process nor endless output can block the check.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::progress::{ProgressCallback, files_of};
use crate::cancellation::Cancellation;
use crate::error::Error;

/// The maximum size of each output file, in bytes.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;
/// The interval at which the process is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Progress is reported every this many polls.
const REPORT_EVERY: u32 = 20;
/// The size of the end of the output that is searched for progress, in bytes.
const TAIL_BYTES: u64 = 4 * 1024;

/// The configuration for external programs.
pub(super) struct Run<'a> {
    /// The folder for output files.
    pub(super) scratch: &'a Path,
    /// The maximum run time.
    pub(super) timeout: Duration,
    /// Stops the program early.
    pub(super) cancellation: &'a Cancellation,
    /// Receives progress reports.
    pub(super) on_progress: &'a ProgressCallback,
}

/// The output of a program that has exited.
#[derive(Debug)]
pub struct Ended {
    /// Whether the exit code is 0.
    pub is_success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Returns the last line that the program printed, preferably of its errors.
    pub fn last_line(&self) -> &str {
        last_line(if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr })
    }
}

/// Runs a program until it exits, with a timeout and with its output in `scratch`. The inner error describes why it did not run to
/// completion.
///
/// # Errors
/// [`Error::Cancelled`] if it was cancelled.
pub fn run_program(
    command: &mut Command,
    scratch: &Path,
    timeout: Duration,
    cancellation: &Cancellation,
) -> Result<Result<Ended, String>, Error> {
    Run { scratch, timeout, cancellation, on_progress: &ProgressCallback::default() }.to_end(command, None)
}

impl Run<'_> {
    /// Runs a program until it exits. The inner error describes why it did not run to completion.
    pub(super) fn to_end(&self, command: &mut Command, report: Option<&Path>) -> Result<Result<Ended, String>, Error> {
        let files = ["stdout", "stderr"].map(|name| self.scratch.join(name));
        let name = program(command);
        let (stdout, stderr) = match (File::create(&files[0]), File::create(&files[1])) {
            (Ok(stdout), Ok(stderr)) => (stdout, stderr),
            (Err(error), _) | (_, Err(error)) => {
                return Ok(Err(format!("the output file of {name} cannot be created: {error}")));
            }
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).current_dir(self.scratch);
        without_our_secrets(command);
        let mut child = match ProcessGroup::spawn(command) {
            Ok(group) => group,
            Err(error) => return Ok(Err(format!("{name} cannot be started: {error}"))),
        };
        let started = Instant::now();
        let mut polls = 0_u32;
        let status = loop {
            match child.0.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => {}
                Err(error) => return Ok(Err(format!("{name} cannot be observed: {error}"))),
            }
            if self.cancellation.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if started.elapsed() > self.timeout {
                let seconds = self.timeout.as_secs();
                return Ok(Err(format!(
                    "{name} timed out after {seconds} s; set a longer timeout, or check why it hangs"
                )));
            }
            if files.iter().map(PathBuf::as_path).chain(report).any(is_too_large) {
                return Ok(Err(format!("{name} wrote more than {MAX_OUTPUT_BYTES} bytes")));
            }
            if polls.is_multiple_of(REPORT_EVERY) {
                self.on_progress.report(&name, started.elapsed(), || files_of(&end_of(&files[0])));
            }
            polls = polls.wrapping_add(1);
            std::thread::sleep(POLL_INTERVAL);
        };
        let [stdout, stderr] = files;
        Ok(Ok(Ended { is_success: status.success(), stdout: read(&stdout), stderr: read(&stderr) }))
    }
}

/// Removes our environment variables, which may contain secrets.
fn without_our_secrets(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EQP_")) {
        command.env_remove(name);
    }
}

/// Returns the name of a program for messages.
fn program(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

fn is_too_large(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > MAX_OUTPUT_BYTES)
}

/// Reads an output file, up to the maximum size.
pub(super) fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes));
    read.map_or_else(|_: io::Error| String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a file that another program has written. Returns `None` if it exceeds the maximum size.
pub(super) fn read_bounded(path: &Path) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut bytes)?;
    let is_too_large = bytes.len() as u64 > MAX_OUTPUT_BYTES;
    Ok((!is_too_large).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Reads the end of an output file.
fn end_of(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        file.take(TAIL_BYTES).read_to_end(&mut bytes)
    });
    read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the last line that is not blank.
fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it printed nothing")
}

/// A program in its own process group, which is killed when this value is dropped.
#[derive(Debug)]
pub struct ProcessGroup(pub Child);

impl ProcessGroup {
    /// Starts a program as the leader of a new process group.
    ///
    /// # Errors
    ///
    /// The error of the operating system if the program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        command.spawn().map(Self)
    }

    /// Kills the program and everything that it has started. It still has to be waited for.
    pub fn kill(&self) {
        self.killer().kill();
    }

    /// Returns a value that kills the group from another thread.
    pub fn killer(&self) -> GroupKiller {
        GroupKiller(self.0.id())
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // Child processes may still be running although the program itself has exited.
        self.kill();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills a process group, also from another thread.
#[derive(Clone, Copy, Debug)]
pub struct GroupKiller(u32);

impl GroupKiller {
    /// Kills the program and everything that it has started.
    #[cfg_attr(not(unix), expect(clippy::unused_self, reason = "there are no process groups"))]
    pub fn kill(self) {
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.0).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
