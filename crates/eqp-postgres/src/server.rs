//! One server process: seen, started, waited for, stopped. Callers hold the gate.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
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

/// Replaying the log after a crash can take a while; a start without takes a tenth of a second.
const START_DEADLINE: Duration = Duration::from_mins(3);
/// A start that takes longer than this is a recovery worth telling of.
const USUAL_START: Duration = Duration::from_millis(500);
/// How often it is looked whether the server is ready.
const INTERVAL: Duration = Duration::from_millis(5);
/// Whoever looks whether a server still lives has its lock for less than this.
const LOOK: Duration = Duration::from_secs(1);
/// For a fast shutdown with its checkpoint.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// For an immediate one after that.
const IMMEDIATE_DEADLINE: Duration = Duration::from_secs(10);
/// For a server whose start is given up.
const GIVE_UP_DEADLINE: Duration = Duration::from_secs(5);
/// A log longer than this is put aside at the next start.
const LOG_LIMIT: u64 = 8 << 20;

/// What `postmaster.pid` says: the server's process, socket and state.
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

    /// Whether there is a process of this number.
    pub(crate) fn lives(&self) -> bool {
        // One of another user, which root's may be, cannot be signalled, and lives.
        Pid::from_raw(self.pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
    }

    /// Whether somebody listens behind the socket.
    fn answers(&self) -> bool {
        UnixStream::connect(&self.socket).is_ok()
    }
}

/// Whether a server runs on this folder. Waits while one is coming up, or going down, or while processes of a killed
/// one are still dying; removes what a dead one left.
pub(crate) async fn running(folder: &Folder) -> Result<Option<PidFile>, Error> {
    let lock = Lock::open(&folder.server_lock())?;
    let deadline = Instant::now() + START_DEADLINE;
    while !lock.try_exclusive() {
        match PidFile::read(&folder.data()) {
            Some(found) if found.ready && serves(&found.socket_folder).await => return Ok(Some(found)),
            _ if Instant::now() >= deadline => {
                let reason = "processes of an earlier start neither answer nor end".into();
                return Err(Error::NotStarted { folder: folder.root().to_owned(), reason, log: folder.log() });
            }
            _ => tokio::time::sleep(INTERVAL).await,
        }
    }
    // Nothing that we started lives. Somebody may have started it by hand.
    let left = PidFile::read(&folder.data());
    if let Some(by_hand) = left.filter(PidFile::answers) {
        return Ok(Some(by_hand));
    }
    remove_stale(folder)?;
    Ok(None)
}

/// Removes what a server left that nobody runs any more. Postgres itself goes by the process ids in these files, and
/// would mistake another process under the same number (after a restart of a container, say) for its server.
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

/// Starts a server and waits until it is ready.
pub(crate) async fn start(
    folder: &Folder,
    programs: &Programs,
    owner: &Owner,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Child, Error> {
    let socket_folder = folder.make_socket_folder(owner)?;
    settings::write(&folder.data(), &socket_folder, owner)?;
    let lock = Lock::open(&folder.server_lock())?;
    if !lock.exclusive_within(LOOK).await {
        return Err(Error::Busy { folder: folder.root().to_owned(), waited: LOOK });
    }
    let (log, log_start) = open_log(&folder.log())?;
    let log_again = log.try_clone().map_err(Error::io("cannot open", folder.log()))?;

    let mut command = postgres_command(&programs.postgres(), owner, &folder.data());
    // A group of its own: Ctrl-C in the terminal reaches the tool, which then stops the server.
    command.arg("-D").arg(folder.data()).process_group(0);
    // The held lock goes to the server: it stays held until the last of its processes has ended.
    command.stdin(Stdio::from(lock.into_file())).stdout(Stdio::from(log)).stderr(Stdio::from(log_again));
    let child = command.spawn().map_err(|error| Error::Program {
        program: programs.postgres().display().to_string(),
        detail: error.to_string(),
    })?;
    drop(command);
    progress(Progress::Starting);

    let mut starting = Starting { child: Some(child) };
    let not_started = |reason| Error::NotStarted { folder: folder.root().to_owned(), reason, log: folder.log() };
    let begun = Instant::now();
    let mut told = false;
    while !PidFile::read(&folder.data()).is_some_and(|found| found.ready) {
        if let Some(status) = starting.ended() {
            // Who was ended by a signal has said nothing about it.
            let said = last_words(&folder.log(), log_start).filter(|_| status.code().is_some());
            let said = said.unwrap_or_else(|| status.to_string());
            return Err(if said.contains("No space left on device") {
                Error::DiskFull { folder: folder.root().to_owned(), detail: "while starting Postgres".into() }
            } else {
                not_started(said)
            });
        }
        if begun.elapsed() > START_DEADLINE {
            return Err(not_started(format!("it was not ready after {} s", START_DEADLINE.as_secs())));
        }
        if begun.elapsed() > USUAL_START && !told {
            progress(Progress::Recovering);
            told = true;
        }
        tokio::time::sleep(INTERVAL).await;
    }
    starting.child.take().ok_or_else(|| not_started("it ended".into()))
}

/// Stops a server whose start is given up: by an error, a deadline, or because nobody waits any longer. The drop holds
/// its thread up until the server has ended, so that whoever ends the program then leaves none behind.
struct Starting {
    child: Option<Child>,
}

impl Starting {
    /// How the process ended, if it did.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        signal_child(child, Signal::INT);
        let begun = Instant::now();
        while matches!(child.try_wait(), Ok(None)) && begun.elapsed() < GIVE_UP_DEADLINE {
            std::thread::sleep(INTERVAL);
        }
    }
}

/// Tells a server that this process started, unless its end was noticed already.
pub(crate) fn signal_child(child: &Child, order: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        signal(pid, order);
    }
}

/// Stops the server and waits until the last of its processes has ended.
pub(crate) async fn stop(folder: &Folder) -> Result<(), Error> {
    let lock = Lock::open(&folder.server_lock())?;
    for (order, patience) in [(Signal::INT, STOP_DEADLINE), (Signal::QUIT, IMMEDIATE_DEADLINE)] {
        if lock.try_exclusive() {
            return Ok(());
        }
        if let Some(found) = PidFile::read(&folder.data()) {
            signal(found.pid, order);
        }
        if lock.exclusive_within(patience).await {
            return Ok(());
        }
    }
    let pid = PidFile::read(&folder.data()).map_or(0, |found| found.pid);
    Err(Error::NotStopped { folder: folder.root().to_owned(), pid, waited: STOP_DEADLINE + IMMEDIATE_DEADLINE })
}

/// The same for a `Drop`, which cannot await and should not wait for long. True if nothing runs any more.
pub(crate) fn stop_blocking(folder: &Folder, patience: Duration) -> bool {
    let Ok(lock) = Lock::open(&folder.server_lock()) else {
        return false;
    };
    if lock.try_exclusive() {
        return true;
    }
    if let Some(found) = PidFile::read(&folder.data()) {
        signal(found.pid, Signal::INT);
    }
    lock.exclusive_within_blocking(patience)
}

fn signal(pid: i32, order: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // A process that is gone already is what was wanted.
        let _ = kill_process(pid, order);
    }
}

/// Opens the log for appending and says where the new part begins; a long one is put aside first.
fn open_log(path: &Path) -> Result<(fs::File, u64), Error> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.len() > LOG_LIMIT) {
        let old = path.with_extension("old");
        fs::rename(path, &old).map_err(Error::io("cannot put aside", path))?;
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

/// The most telling line of the new part of the log.
fn last_words(path: &Path, start: u64) -> Option<String> {
    let mut log = fs::File::open(path).ok()?;
    log.seek(SeekFrom::Start(start)).ok()?;
    let mut text = Vec::new();
    log.take(1 << 20).read_to_end(&mut text).ok()?;
    most_telling(&String::from_utf8_lossy(&text))
}

fn most_telling(log: &str) -> Option<String> {
    // What it refuses to clients meanwhile is no reason.
    let is_telling = |line: &&str| !line.trim().is_empty() && !line.contains("FATAL:  the database system is ");
    let lines: Vec<&str> = log.lines().filter(is_telling).collect();
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
    fn the_cause_is_told_rather_than_the_last_line() {
        let log = "LOG:  starting\nFATAL:  could not write lock file \"postmaster.pid\": No space left on device\nLOG:  shut down\n";
        assert!(most_telling(log).is_some_and(|line| line.starts_with("FATAL")));
        let refusing =
            "FATAL:  the database system is starting up\nPANIC:  could not locate a valid checkpoint record\n";
        assert!(most_telling(refusing).is_some_and(|line| line.starts_with("PANIC")));
        let refusing = "FATAL:  the database system is starting up\nLOG:  redo starts\n";
        assert_eq!(most_telling(refusing).as_deref(), Some("LOG:  redo starts"));
        assert_eq!(most_telling("first\nlast\n").as_deref(), Some("last"));
        assert_eq!(most_telling("\n"), None);
    }
}
