//! Detects, starts and stops the server of a folder. Callers hold the gate lock.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Child;

use crate::command::postgres_command;
use crate::connect::serves;
use crate::folder::Folder;
use crate::lock::Lock;
use crate::owner::Owner;
use crate::programs::Programs;
use crate::settings::PORT;
use crate::{Error, Progress, settings};

/// The time limit for a start. Recovery after a crash can be slow; other starts take about 100 ms.
const START_DEADLINE: Duration = Duration::from_mins(3);
/// A start that takes longer than this is reported as a recovery.
const USUAL_START: Duration = Duration::from_millis(500);
/// The interval at which to check whether the server is ready.
const INTERVAL: Duration = Duration::from_millis(5);
/// The time limit for the server lock, which other processes briefly hold to check whether the server is running.
const LOCK_DEADLINE: Duration = Duration::from_secs(1);
/// The time limit for a fast shutdown, including its checkpoint.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// The time limit for the immediate shutdown that follows.
const IMMEDIATE_DEADLINE: Duration = Duration::from_secs(10);
/// The time limit for a server to end when its start is cancelled.
const CANCEL_DEADLINE: Duration = Duration::from_secs(5);
/// The time limit for ending it without a checkpoint afterwards.
const QUIT_DEADLINE: Duration = Duration::from_secs(1);
/// A log that is longer than this is rotated at the next start.
const LOG_LIMIT: u64 = 8 << 20;

/// The content of `postmaster.pid`: the process, the socket and the state of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PidFile {
    pid: i32,
    pub(crate) socket_folder: PathBuf,
    socket: PathBuf,
    ready: bool,
}

impl PidFile {
    pub(crate) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let socket_folder = PathBuf::from(lines.get(4)?);
        Some(Self {
            pid: lines.first()?.trim().parse().ok().filter(|pid| *pid > 1)?,
            socket: socket_folder.join(format!(".s.PGSQL.{}", lines.get(3)?.trim())),
            socket_folder,
            ready: lines.get(7).is_some_and(|status| status.trim() == "ready"),
        })
    }

    /// Returns whether there is a process with this ID.
    pub(crate) fn lives(&self) -> bool {
        // A process of another user exists although it cannot be signalled.
        Pid::from_raw(self.pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
    }

    /// Returns whether a process listens on the socket.
    fn answers(&self) -> bool {
        UnixStream::connect(&self.socket).is_ok()
    }
}

/// Returns the folder of the socket of a cluster's server if it accepts connections. Changes nothing and does not wait.
pub(crate) fn ready_socket_folder(data: &Path) -> Option<PathBuf> {
    let found = PidFile::read(data).filter(|found| found.ready && found.answers())?;
    Some(found.socket_folder)
}

/// Returns the running server of this folder, if there is one. Waits while a server is starting or stopping, or while processes of a
/// killed one are still ending. Removes the files of a server that is no longer running.
pub(crate) async fn running(folder: &Folder) -> Result<Option<PidFile>, Error> {
    let lock = Lock::open(&folder.server_lock())?;
    let deadline = Instant::now() + START_DEADLINE;
    while !lock.try_exclusive() {
        match PidFile::read(&folder.data()) {
            Some(found) if found.ready && serves(&found.socket_folder).await => return Ok(Some(found)),
            _ if Instant::now() >= deadline => {
                let reason = "processes of an earlier start neither respond nor end".into();
                return Err(Error::NotStarted { folder: folder.root().to_owned(), reason, log: folder.log() });
            }
            _ => tokio::time::sleep(INTERVAL).await,
        }
    }
    // No server that we started is running, but one may have been started manually.
    let found = PidFile::read(&folder.data());
    if let Some(manual) = found.filter(PidFile::answers) {
        return Ok(Some(manual));
    }
    remove_stale(folder)?;
    Ok(None)
}

/// Removes the files of a server that is no longer running. Postgres trusts the process IDs in these files, and would mistake another
/// process with the same ID for its server, for example after a restart of a container.
fn remove_stale(folder: &Folder) -> Result<(), Error> {
    let socket = folder.socket_folder()?.join(format!(".s.PGSQL.{PORT}"));
    for stale in [folder.data().join("postmaster.pid"), socket.with_added_extension("lock"), socket] {
        match fs::remove_file(&stale) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("cannot remove", stale)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Decides about a server whose start is cancelled before it is ready. It is stopped by default.
#[derive(Debug, Default)]
pub(crate) struct CancelledStart {
    continues: AtomicBool,
}

impl CancelledStart {
    /// Lets the server finish its start: a recovery after a crash would otherwise begin again with the next start.
    pub(crate) fn let_continue(&self) {
        self.continues.store(true, Ordering::Relaxed);
    }
}

/// Starts a server and waits until it is ready.
pub(crate) async fn start(
    folder: &Folder,
    programs: &Programs,
    owner: &Owner,
    progress: &(dyn Fn(Progress) + Send + Sync),
    cancelled: &CancelledStart,
) -> Result<Child, Error> {
    let socket_folder = folder.make_socket_folder(owner)?;
    settings::write(&folder.data(), &socket_folder, owner)?;
    let lock = Lock::open(&folder.server_lock())?;
    if !lock.exclusive_within(LOCK_DEADLINE).await {
        return Err(Error::Busy { folder: folder.root().to_owned(), waited: LOCK_DEADLINE });
    }
    let (log, log_start) = open_log(&folder.log())?;
    let log_again = log.try_clone().map_err(Error::io("cannot open", folder.log()))?;

    let mut command = postgres_command(&programs.postgres(), owner, &folder.data());
    // A separate process group, so that Ctrl-C in the terminal reaches only the program, which then stops the server.
    command.arg("-D").arg(folder.data()).process_group(0);
    // The server inherits the held lock, which stays held until the last of its processes has ended.
    command.stdin(Stdio::from(lock.into_file())).stdout(Stdio::from(log)).stderr(Stdio::from(log_again));
    let child = command.spawn().map_err(|error| Error::Program {
        program: programs.postgres().display().to_string(),
        detail: error.to_string(),
    })?;
    drop(command);
    progress(Progress::Starting);

    let mut starting = Starting { child: Some(child), cancelled };
    let not_started = |reason| Error::NotStarted { folder: folder.root().to_owned(), reason, log: folder.log() };
    let begun = Instant::now();
    let mut is_reported = false;
    while !PidFile::read(&folder.data()).is_some_and(|found| found.ready) {
        if let Some(status) = starting.ended() {
            // A server that was killed by a signal has logged nothing about it.
            let reason = logged_reason(&folder.log(), log_start).filter(|_| status.code().is_some());
            let reason = reason.unwrap_or_else(|| status.to_string());
            return Err(if reason.contains("No space left on device") {
                Error::DiskFull { folder: folder.root().to_owned(), detail: "while starting Postgres".into() }
            } else {
                not_started(reason)
            });
        }
        if begun.elapsed() > START_DEADLINE {
            return Err(not_started(format!("it was not ready after {} s", START_DEADLINE.as_secs())));
        }
        if begun.elapsed() > USUAL_START && !is_reported {
            progress(Progress::Recovering);
            is_reported = true;
        }
        tokio::time::sleep(INTERVAL).await;
    }
    starting.child.take().ok_or_else(|| not_started("it ended".into()))
}

/// Stops the server if its start fails, times out or is cancelled, unless it may [continue](CancelledStart). Dropping this blocks the
/// thread until the server has ended, so that no server is left behind if the program exits afterwards.
struct Starting<'a> {
    child: Option<Child>,
    cancelled: &'a CancelledStart,
}

impl Starting<'_> {
    /// Returns the exit status of the process, if it has ended.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        let continues = self.cancelled.continues.load(Ordering::Relaxed);
        let Some(child) = self.child.as_mut().filter(|_| !continues) else { return };
        for (kind, patience) in [(Signal::INT, CANCEL_DEADLINE), (Signal::QUIT, QUIT_DEADLINE)] {
            signal_child(child, kind);
            let begun = Instant::now();
            while begun.elapsed() < patience {
                if !matches!(child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(INTERVAL);
            }
        }
    }
}

/// Sends a signal to a server that this process has started, unless it has ended.
pub(crate) fn signal_child(child: &Child, kind: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        signal(pid, kind);
    }
}

/// Stops the server and waits until the last of its processes has ended.
pub(crate) async fn stop(folder: &Folder) -> Result<(), Error> {
    let lock = Lock::open(&folder.server_lock())?;
    for (kind, patience) in [(Signal::INT, STOP_DEADLINE), (Signal::QUIT, IMMEDIATE_DEADLINE)] {
        let mut is_signalled = false;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if lock.try_exclusive() {
                return Ok(());
            }
            is_signalled = is_signalled || signal_server(folder, kind);
            tokio::time::sleep(INTERVAL).await;
        }
    }
    let pid = PidFile::read(&folder.data()).map_or(0, |found| found.pid);
    Err(Error::NotStopped { folder: folder.root().to_owned(), pid, waited: STOP_DEADLINE + IMMEDIATE_DEADLINE })
}

/// Stops the server as [`stop`] does, but blocks the thread and waits at most `patience`, for a `Drop`. Returns whether it has stopped.
pub(crate) fn stop_blocking(folder: &Folder, patience: Duration) -> bool {
    let Ok(lock) = Lock::open(&folder.server_lock()) else {
        return false;
    };
    let mut is_signalled = false;
    let deadline = Instant::now() + patience;
    loop {
        if lock.try_exclusive() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        is_signalled = is_signalled || signal_server(folder, Signal::INT);
        std::thread::sleep(INTERVAL);
    }
}

/// Sends a signal to the server of this folder. Returns false if it has not written its process ID yet, just after its start.
fn signal_server(folder: &Folder, kind: Signal) -> bool {
    PidFile::read(&folder.data()).map(|found| signal(found.pid, kind)).is_some()
}

fn signal(pid: i32, kind: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It does not matter if the process has already ended.
        let _ = kill_process(pid, kind);
    }
}

/// Opens the log for appending, after rotating a long one, and returns the position at which new lines begin.
fn open_log(path: &Path) -> Result<(fs::File, u64), Error> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.len() > LOG_LIMIT) {
        let old = path.with_extension("old");
        fs::rename(path, &old).map_err(Error::io("cannot rename", path))?;
    }
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(Error::io("cannot open", path))?;
    let length = log.metadata().map_err(Error::io("cannot read", path))?.len();
    Ok((log, length))
}

/// Returns the line after `start` in the log that best explains why the server ended.
fn logged_reason(path: &Path, start: u64) -> Option<String> {
    let mut log = fs::File::open(path).ok()?;
    log.seek(SeekFrom::Start(start)).ok()?;
    let mut text = Vec::new();
    log.take(1 << 20).read_to_end(&mut text).ok()?;
    best_reason(&String::from_utf8_lossy(&text))
}

fn best_reason(log: &str) -> Option<String> {
    // Rejected connections during the start are not a reason.
    let is_relevant = |line: &&str| !line.trim().is_empty() && !line.contains("FATAL:  the database system is ");
    let lines: Vec<&str> = log.lines().filter(is_relevant).collect();
    let severe = ["PANIC:", "FATAL:", "ERROR:"];
    let found = severe.iter().find_map(|word| lines.iter().find(|line| line.contains(word)));
    found.or(lines.last()).map(|line| (*line).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_pid_file_at_every_stage() {
        let ready = "4711\n/d/data\n1790000000\n5432\n/d/run\n\n  1  2\nready   \n";
        let found = PidFile::parse(ready).expect("a whole file");
        assert_eq!((found.pid, found.ready, found.socket), (4711, true, PathBuf::from("/d/run/.s.PGSQL.5432")));
        let starting = PidFile::parse("4711\n/d/data\n1790000000\n5432\n/d/run\n").expect("an early file");
        assert!(!starting.ready);
        for broken in ["", "4711\n", "x\n/d\n1\n5432\n/d/run\n", "-1\n/d\n1\n5432\n/d/run\n"] {
            assert_eq!(PidFile::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn the_cause_is_reported_rather_than_the_last_line() {
        let log = "LOG:  starting\nFATAL:  could not write lock file \"postmaster.pid\": No space left on device\nLOG:  shut down\n";
        assert!(best_reason(log).is_some_and(|line| line.starts_with("FATAL")));
        let refusing =
            "FATAL:  the database system is starting up\nPANIC:  could not locate a valid checkpoint record\n";
        assert!(best_reason(refusing).is_some_and(|line| line.starts_with("PANIC")));
        let refusing = "FATAL:  the database system is starting up\nLOG:  redo starts\n";
        assert_eq!(best_reason(refusing).as_deref(), Some("LOG:  redo starts"));
        assert_eq!(best_reason("first\nlast\n").as_deref(), Some("last"));
        assert_eq!(best_reason("\n"), None);
    }
}
