//! Runs a program of others: in a process group of its own, with a deadline, and with its output in files of bounded size,
//! so that neither a hung grandchild nor an endless output can hold us.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::progress::{Watch, files_of};
use crate::error::Error;
use crate::stop::Stop;

/// What a program may write at most, in bytes, into each of its files.
const LARGEST_OUTPUT: u64 = 64 * 1024 * 1024;
/// How often it is looked at.
const PULSE: Duration = Duration::from_millis(10);
/// How often it is reported how far it is, counted in such looks.
const REPORT_EVERY: u32 = 20;
/// Its last words, from which that is read.
const LAST_BYTES: u64 = 4 * 1024;

/// How programs are run.
pub(super) struct Run<'a> {
    /// A folder for their output.
    pub(super) scratch: &'a Path,
    /// How long they may take.
    pub(super) patience: Duration,
    /// Ends them early.
    pub(super) stop: &'a Stop,
    /// Is shown how far they are.
    pub(super) watch: &'a Watch,
}

/// What came of a program that ended by itself.
pub(super) struct Ended {
    /// What it wrote to standard output, and to standard error.
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Run<'_> {
    /// Runs it to its end. What kept it from ending is an answer, in words.
    pub(super) fn to_end(&self, command: &mut Command, report: Option<&Path>) -> Result<Result<Ended, String>, Error> {
        let files = ["stdout", "stderr"].map(|name| self.scratch.join(name));
        let name = program(command);
        let (stdout, stderr) = match (File::create(&files[0]), File::create(&files[1])) {
            (Ok(stdout), Ok(stderr)) => (stdout, stderr),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(format!("{name} has no room to write: {error}"))),
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).current_dir(self.scratch);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        without_our_secrets(command);
        let mut child = match command.spawn() {
            Ok(child) => Group(child),
            Err(error) => return Ok(Err(format!("{name} cannot be started: {error}"))),
        };
        let begun = Instant::now();
        let mut looks = 0_u32;
        loop {
            match child.0.try_wait() {
                Ok(Some(_)) => break,
                Ok(None) => {}
                Err(error) => return Ok(Err(format!("{name} was lost: {error}"))),
            }
            if self.stop.is_asked() {
                return Err(Error::Stopped);
            }
            if begun.elapsed() > self.patience {
                let seconds = self.patience.as_secs();
                return Ok(Err(format!(
                    "{name} did not end within {seconds} s: give it more time, or see what holds it"
                )));
            }
            if files.iter().map(PathBuf::as_path).chain(report).any(is_too_large) {
                return Ok(Err(format!("{name} wrote more than {LARGEST_OUTPUT} bytes")));
            }
            if looks.is_multiple_of(REPORT_EVERY) {
                self.watch.report(&name, begun.elapsed(), || files_of(&end_of(&files[0])));
            }
            looks = looks.wrapping_add(1);
            std::thread::sleep(PULSE);
        }
        let [stdout, stderr] = files;
        Ok(Ok(Ended { stdout: read(&stdout), stderr: read(&stderr) }))
    }
}

/// Programs of others need nothing that is meant for us.
fn without_our_secrets(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EQP_")) {
        command.env_remove(name);
    }
}

/// A program's name, for messages.
fn program(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

fn is_too_large(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > LARGEST_OUTPUT)
}

/// Reads what was written, at most the bound.
pub(super) fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST_OUTPUT).read_to_end(&mut bytes));
    read.map_or_else(|_: io::Error| String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

/// The end of what was written so far.
fn end_of(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))?;
        file.take(LAST_BYTES).read_to_end(&mut bytes)
    });
    read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

/// The last line that says something.
pub(super) fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing")
}

/// A process group that ends with us.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // The program itself may have ended, and what it started not.
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
