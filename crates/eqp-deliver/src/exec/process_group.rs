//! Runs a program in a process group of its own, so that everything that it starts can be stopped with it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// The time between the request to stop and the end by force.
const GRACE: Duration = Duration::from_secs(5);
/// The time in which a killed process must end.
const KILLED: Duration = Duration::from_secs(1);
/// The interval at which it is checked whether a program has stopped.
const POLL: Duration = Duration::from_millis(20);
/// The time after the end of a program in which the rest of its error output must arrive. Other processes can hold the pipe open.
const REST: Duration = Duration::from_millis(500);
/// The number of bytes of the error output that are kept. The rest is read and discarded.
const MAX_STDERR_BYTES: usize = 4 * 1024;

/// A program that runs as the leader of its own process group. The group is killed when this value is dropped before the program has ended.
#[derive(Debug)]
pub struct GroupedProcess {
    // Dropped before the child, so that the group is stopped while its ID is still in use.
    group: Group,
    child: Child,
}

impl GroupedProcess {
    /// Starts a program in a new process group.
    ///
    /// # Errors
    /// The error of the operating system if the program cannot be started.
    pub fn spawn(mut command: Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        Ok(Self { group: Group::of(&child), child })
    }

    /// Waits for the end of the program, and stops its group after `deadline`. Returns `None` if it was stopped.
    ///
    /// # Errors
    /// The error of the operating system if the program cannot be waited for.
    pub async fn wait(&mut self, deadline: Duration, grace: Duration) -> io::Result<Option<ExitStatus>> {
        if let Ok(status) = timeout(deadline, self.child.wait()).await {
            self.group.is_running = false;
            return status.map(Some);
        }
        self.stop(grace).await;
        Ok(None)
    }

    /// Requests all processes of the group to stop, and kills them after the time of grace.
    pub async fn stop(&mut self, grace: Duration) {
        self.group.stop(grace).await;
        // Even a killed process can hang, for example on a network file system.
        let _ = timeout(KILLED, self.child.wait()).await;
    }
}

/// The end of a program.
pub(super) struct Ended {
    /// The exit status, or `None` if the program was stopped because it took too long.
    pub(super) status: Option<ExitStatus>,
    /// The beginning of the error output.
    pub(super) stderr: String,
}

/// Runs a program with `input` on its standard input, and stops it after `deadline`. The caller decides about its standard output.
pub(super) async fn run(mut command: Command, input: String, deadline: Duration) -> io::Result<Ended> {
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut process = GroupedProcess::spawn(command)?;
    let stderr = Collected::from(process.child.stderr.take());
    let _writer = process.child.stdin.take().map(|mut stdin| {
        AbortOnDropHandle::new(tokio::spawn(async move {
            // A program need not read its input.
            let _ = stdin.write_all(input.as_bytes()).await;
        }))
    });
    let status = process.wait(deadline, GRACE).await?;
    Ok(Ended { status, stderr: stderr.finish().await })
}

/// A process group whose leader has not been waited for, so that no other process can have got its ID.
#[derive(Debug)]
struct Group {
    leader: Option<Pid>,
    is_running: bool,
}

impl Group {
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { leader, is_running: true }
    }

    /// Requests all processes to stop, and ends them when the leader has ended or the time of grace has passed.
    async fn stop(&mut self, grace: Duration) {
        let Some(leader) = self.leader else { return };
        let _ = kill_process_group(leader, Signal::TERM);
        let end = Instant::now() + grace;
        // `NOWAIT` leaves the leader's ID in use, so that the signal below cannot reach another group.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while Instant::now() < end && matches!(waitid(WaitId::Pid(leader), options), Ok(None)) {
            sleep(POLL).await;
        }
        self.kill();
    }

    fn kill(&mut self) {
        if let Some(leader) = self.leader.filter(|_| self.is_running) {
            // Fails if no process is left.
            let _ = kill_process_group(leader, Signal::KILL);
        }
        self.is_running = false;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The error output of a program, which is read while the program runs.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<AbortOnDropHandle<()>>,
}

impl Collected {
    fn from(stderr: Option<ChildStderr>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&bytes);
        let reader = stderr.map(|stderr| AbortOnDropHandle::new(tokio::spawn(collect(stderr, collected))));
        Self { bytes, reader }
    }

    /// Returns what has arrived, after waiting a moment for the rest.
    async fn finish(self) -> String {
        if let Some(reader) = self.reader {
            let _ = timeout(REST, reader).await;
        }
        let bytes = self.bytes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

async fn collect(mut output: impl AsyncRead + Unpin, collected: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = output.read(&mut buffer).await {
        let mut collected = collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let room = MAX_STDERR_BYTES - collected.len();
        collected.extend_from_slice(&buffer[..length.min(room)]);
    }
}
