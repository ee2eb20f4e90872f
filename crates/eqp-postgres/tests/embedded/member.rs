//! Another process that uses an embedded Postgres: this test program, started again.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use eqp_postgres::{EmbeddedPostgres, temporary_folder};

const FOLDER: &str = "EQP_TEST_MEMBER_FOLDER";
const CACHE: &str = "EQP_TEST_MEMBER_CACHE";

/// A process that uses the Postgres of a folder until it is released.
pub(crate) struct Member {
    process: Child,
    output: BufReader<ChildStdout>,
    /// Its report when it was ready, or the reason why it is not: `started URL`, `joined URL`, `failed ERROR`.
    pub(crate) said: String,
}

impl Member {
    /// Starts a process and waits until it has its Postgres.
    pub(crate) fn of(folder: &Path) -> Self {
        Self::with(folder, |_| {})
    }

    /// Starts a process with a changed environment.
    pub(crate) fn with(folder: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        change(command.args(["--exact", "member::process", "--nocapture"]).env(FOLDER, folder));
        Self::run(command)
    }

    /// Starts a process through `launcher`, for example as another user. The program is copied to a folder that every
    /// user can read.
    pub(crate) fn through(launcher: &[&str], folder: &Path, copy: &Path) -> Self {
        std::fs::copy(std::env::current_exe().expect("this program"), copy).expect("a copy");
        std::fs::set_permissions(copy, PermissionsExt::from_mode(0o755)).expect("a program for all");
        let mut command = Command::new(launcher[0]);
        command.args(&launcher[1..]).arg(copy).args(["--exact", "member::process", "--nocapture"]);
        command.env(FOLDER, folder).env("HOME", folder).current_dir("/");
        Self::run(command)
    }

    /// Starts a process that finds no installed Postgres and only the clients in `path`.
    pub(crate) fn without_postgres(folder: &Path, cache: &Path, path: impl AsRef<OsStr>) -> Self {
        Self::with(folder, |command| {
            command.env(CACHE, cache).env("PATH", path);
        })
    }

    fn run(mut command: Command) -> Self {
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a second process can be started");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut said = String::new();
        while !["started ", "joined ", "failed "].iter().any(|word| said.starts_with(word)) {
            said.clear();
            assert_ne!(output.read_line(&mut said).expect("a line"), 0, "the other process ended early");
        }
        Self { process, output, said: said.trim().to_owned() }
    }

    pub(crate) fn joined(&self) -> bool {
        self.said.starts_with("joined ")
    }

    pub(crate) fn started(&self) -> bool {
        self.said.starts_with("started ")
    }

    /// Stops the process properly and waits for its end.
    pub(crate) fn leave(mut self) {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("its last words");
        let status = self.process.wait().expect("its end");
        assert!(status.success(), "{} … {rest}", self.said);
    }

    /// Kills the process, as the kernel does when memory is low.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("its end");
    }
}

/// Runs as the other process. In an ordinary run of the tests, it has no folder and does nothing.
#[tokio::test]
async fn process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let cache = std::env::var_os(CACHE).map(PathBuf::from);
    let builder = EmbeddedPostgres::builder(folder).ignore_installed(cache.is_some()).cache_folder(cache);
    let postgres = match builder.progress(|step| println!("step {step:?}")).start().await {
        Ok(postgres) => postgres,
        Err(error) => {
            println!("failed {error:?}");
            return;
        }
    };
    println!("{} {}", if postgres.joined() { "joined" } else { "started" }, postgres.url("postgres"));
    let mut nothing = String::new();
    std::io::stdin().read_to_string(&mut nothing).expect("the end of the input");
    postgres.stop().await.expect("a stop");
}

/// A folder for one test, removed on drop with all its contents.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(temporary_folder().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the data folder inside it.
    pub(crate) fn data_folder(&self) -> PathBuf {
        self.0.join("db")
    }

    /// Returns the process ID of the server of the data folder, if there is a PID file.
    pub(crate) fn server_pid(&self) -> Option<i32> {
        server_pid(&self.data_folder())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn server_pid(data_folder: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(data_folder.join("data/postmaster.pid")).ok()?;
    text.lines().next()?.parse().ok()
}
