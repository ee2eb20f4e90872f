//! A receiver process (`eqp serve`) with its own proxy to Postgres, its own disk and its own clock.

use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use eqp_test_support::{Proxy, SmallDisk};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::Failure;
use crate::deadline::within;

/// Ports below those of outgoing connections, so that no other process gets one while its receiver is down.
const PORTS: std::ops::Range<u16> = 15_000..31_000;

/// A low limit on open files, so that a flood of connections has an effect: 112 are left for connections.
const OPEN_FILES: usize = 256;

/// A receiver with everything around it that faults can break.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Locked by a fault that stops or freezes the process, until it runs again.
    pub(crate) process: Mutex<Process>,
    /// Locked by a fault that changes the network to Postgres, until it works again.
    pub(crate) network: Mutex<()>,
    pub(crate) proxy: Proxy,
    /// The small disk of the spool; `None` if it cannot be mounted.
    pub(crate) disk: Option<SmallDisk>,
    /// The clock; `None` if libfaketime is not installed.
    pub(crate) clock: Option<Clock>,
    pub(crate) spool: PathBuf,
    pub(crate) address: SocketAddr,
}

/// A program that can be running or stopped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// The working folder.
    pub(crate) folder: PathBuf,
    /// The log file of its output.
    pub(crate) log: PathBuf,
    child: Option<Child>,
    /// The position in the log where the current run starts.
    said_from: u64,
}

impl Process {
    pub(crate) fn new(program: &Path, folder: &Path, log: PathBuf) -> Self {
        let (program, folder) = (program.to_owned(), folder.to_owned());
        Self { program, arguments: Vec::new(), environment: Vec::new(), folder, log, child: None, said_from: 0 }
    }

    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        self.said_from = log.metadata()?.len();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &format!("ulimit -n {OPEN_FILES}; exec \"$0\" \"$@\"")])
            .arg(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    /// Kills the process, as a crash would.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks the process to exit, as a service manager does, and checks that it succeeds.
    pub(crate) async fn terminate(&mut self) -> Result<(), Failure> {
        self.signal(Signal::TERM);
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let status = within("a process was asked to end", async { Ok(child.wait().await?) }).await?;
        // In its first milliseconds a program has no signal handler: the signal kills it, but it has not answered
        // anything yet.
        let was_too_young = || Ok::<_, Failure>(status.signal() == Some(Signal::TERM.as_raw()) && !self.has_begun()?);
        if status.success() || was_too_young()? {
            return Ok(());
        }
        Err(format!("a process that was asked to end ended with {status}: see {}", self.log.display()).into())
    }

    /// Returns whether the process has written to the log.
    fn has_begun(&self) -> Result<bool, Failure> {
        Ok(File::open(&self.log)?.metadata()?.len() > self.said_from)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let number = self.child.as_ref().and_then(Child::id).and_then(|number| i32::try_from(number).ok());
        if let Some(process) = number.and_then(Pid::from_raw) {
            // A process that has ended is reported when the system quiesces.
            let _ = kill_process(process, signal);
        }
    }

    /// Returns an error if the process has exited unexpectedly.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }
}

/// The wall clock of a process, which can be moved while it runs.
#[derive(Debug)]
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// Returns the clock; `None` if libfaketime is not installed.
    pub(crate) fn find(folder: &Path) -> Option<Self> {
        let libraries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library = libraries
            .map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"))
            .chain([PathBuf::from("/usr/lib/faketime/libfaketimeMT.so.1")])
            .find(|library| library.is_file())?;
        let clock = Self { library, file: folder.join("clock") };
        clock.put_forward(0).ok()?;
        Some(clock)
    }

    /// Returns the environment variables for a process. Only the wall clock jumps, not the monotonic one; the offset is
    /// read once a second.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.clone().into()),
            ("FAKETIME_CACHE_DURATION", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("FAKETIME_DISABLE_SHM", "1".into()),
        ]
    }

    /// Sets the offset from the machine's clock in seconds.
    pub(crate) fn put_forward(&self, seconds: i64) -> std::io::Result<()> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n"))?;
        std::fs::rename(new, &self.file)
    }
}

/// Returns an unused address of this machine.
pub(crate) fn free_address(seen: &[SocketAddr]) -> Result<SocketAddr, Failure> {
    std::iter::repeat_with(|| SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(PORTS))))
        .take(1000)
        .find(|address| !seen.contains(address) && TcpListener::bind(address).is_ok())
        .ok_or_else(|| "there is no free port".into())
}
