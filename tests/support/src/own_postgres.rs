//! A Postgres of a single test, which can be killed, frozen and restarted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eqp_postgres::{EmbeddedPostgres, temporary_folder};
use rustix::process::{Pid, Signal, kill_process};

use crate::TestDatabase;

/// A Postgres for one test. It is stopped and its folder removed on drop.
#[derive(Debug)]
pub struct OwnPostgres {
    folder: PathBuf,
    postgres: Option<EmbeddedPostgres>,
}

impl OwnPostgres {
    /// Starts a Postgres in a temporary folder.
    pub async fn start() -> Self {
        Self::start_in(&temporary_folder().expect("there is room for a folder")).await
    }

    /// Starts a Postgres in this folder.
    pub async fn start_in(folder: &Path) -> Self {
        let mut own = Self { folder: folder.to_owned(), postgres: None };
        own.start_again().await;
        own
    }

    /// Creates an empty database.
    pub async fn database(&self) -> TestDatabase {
        let postgres = self.postgres.as_ref().expect("it runs");
        TestDatabase::create_on(&postgres.connect_options("postgres")).await
    }

    /// Starts the server again with its data.
    pub async fn start_again(&mut self) {
        let started = EmbeddedPostgres::builder(&self.folder).start().await;
        self.postgres = Some(started.unwrap_or_else(|error| panic!("the test needs a Postgres: {error}")));
    }

    /// Stops the server, as an operator would.
    pub async fn stop(&mut self) {
        if let Some(postgres) = self.postgres.take() {
            postgres.stop().await.expect("it stops");
        }
    }

    /// Kills all processes of the server, as a crash would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        // The processes are gone, so there is nothing to stop.
        self.postgres = None;
    }

    /// Freezes all processes: connections stay open, but get no responses.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues the frozen processes.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Returns the server's processes, the main one first, so that it cannot start others in the meantime.
    fn signal(&self, signal: Signal) {
        let Some(server) = self.server() else { return };
        let _ = kill_process(server, signal);
        for process in children(server) {
            let _ = kill_process(process, signal);
        }
    }

    fn server(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.thaw();
        self.postgres = None;
        // Processes of a killed server may still write.
        let deadline = Instant::now() + Duration::from_secs(5);
        while fs::remove_dir_all(&self.folder).is_err() && self.folder.exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns the running child processes of a process.
fn children(parent: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent.as_raw_nonzero().get())).filter_map(Pid::from_raw).collect()
}

/// Returns the fourth field, which follows a name in parentheses that can contain any character.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
