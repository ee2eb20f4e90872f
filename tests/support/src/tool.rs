//! Runs the tool in a separate home folder, without the caller's environment.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::schemas::OutputSchema;

/// The timeout of everything that a test waits for.
const PATIENCE: Duration = Duration::from_mins(1);

/// An address where nothing listens, because another program on this machine may use the default one.
pub const NOWHERE: &str = "127.0.0.1:2";

/// A home folder and an environment.
pub struct Home {
    /// The path of the tool.
    program: PathBuf,
    folder: PathBuf,
    /// Removes the folder on drop, if this home created it.
    _folder: Option<TempDir>,
    environment: Vec<(String, String)>,
    /// The program that runs the tool, and the path of the tool's copy.
    launcher: Option<(Vec<String>, PathBuf)>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    /// Creates a home; `program` is the path of the tool.
    pub fn new(program: &str) -> Self {
        // Every user may enter it, because as root Postgres runs as another user.
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
        let path = folder.path().to_owned();
        Self { _folder: Some(folder), ..Self::at(program, &path) }
    }

    /// Creates another environment in the same folder.
    pub fn at(program: &str, folder: &Path) -> Self {
        Self {
            program: program.into(),
            folder: folder.to_owned(),
            _folder: None,
            environment: Vec::new(),
            launcher: None,
        }
    }

    /// Copies the tool into this home, and from now on runs the copy through another program.
    pub fn run_through(&mut self, launcher: &[&str]) {
        let copy = self.path().join("eqp");
        std::fs::copy(&self.program, &copy).unwrap();
        self.launcher = Some((launcher.iter().map(ToString::to_string).collect(), copy));
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Sets a variable for every run from now on.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Writes a file of mode 0600.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes the configuration file of this home's user.
    pub fn configure(&self, text: &str) -> PathBuf {
        std::fs::create_dir_all(self.path().join(".config/eqp")).unwrap();
        self.write(".config/eqp/eqp.toml", text)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.launcher {
            None => Command::new(&self.program),
            Some((launcher, copy)) => {
                let mut command = Command::new(&launcher[0]);
                command.args(&launcher[1..]).arg(copy);
                command
            }
        };
        command.args(arguments);
        self.place(&mut command);
        command
    }

    /// Returns a command that runs another program in this home.
    pub fn command_of(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        self.place(&mut command);
        command
    }

    fn place(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("EQP_DATA_DIR", self.path().join("data"))
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in &self.environment {
            command.env(name, value);
        }
    }

    /// Runs the tool to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs the tool to its end on another thread, so that the test's runtime continues.
    pub fn run_aside(&self, arguments: &[&str]) -> Ended {
        tokio::task::block_in_place(|| self.run(arguments))
    }

    /// Runs the tool to its end with this standard input, while the test's runtime continues.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A tool that does not read its input may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        tokio::task::block_in_place(|| Running::of(child, arguments).end())
    }

    /// Starts the tool with a pipe as its standard input, which stays open until the returned value is dropped.
    pub fn start_with_open_input(&self, arguments: &[&str]) -> (ChildStdin, Running) {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        (child.stdin.take().unwrap(), Running::of(child, arguments))
    }

    /// Runs another program with the caller's environment plus that of this home.
    pub fn other(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("EQP_DATA_DIR", self.path().join("data")).env("no_proxy", "*").current_dir(self.path());
        command.envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Runs the tool, which must succeed, and parses its output as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "eqp {arguments:?}: {ended:?}");
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// Starts the tool without waiting for its end.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments).spawn().unwrap(), arguments)
    }
}

/// Reads a pipe on a thread, so that a full pipe does not block the tool.
fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}

/// Reads standard error on a thread, line by line, so that a test can wait for a line while the tool runs.
fn collect_lines(pipe: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        while pipe.read_line(&mut line).unwrap() > 0 {
            log.lock().unwrap().push_str(&line);
            line.clear();
        }
        log.lock().unwrap().clone()
    })
}

/// A running tool; killed on drop.
pub struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    log: Arc<Mutex<String>>,
    name: String,
    /// Checks JSON that the tool prints.
    schema: OutputSchema,
}

impl Running {
    fn of(mut child: Child, arguments: &[&str]) -> Self {
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = collect_lines(child.stderr.take().unwrap(), Arc::clone(&log));
        let schema = OutputSchema::of(arguments);
        Self { child, stdout: Some(stdout), stderr: Some(stderr), log, name: arguments.join(" "), schema }
    }

    /// Returns whether this text was written to standard error so far.
    pub fn has_logged(&self, text: &str) -> bool {
        self.log.lock().unwrap().contains(text)
    }

    /// Returns the next line of output, as JSON.
    pub fn json_line(&mut self) -> Value {
        let line = self.line();
        self.schema.check_line(&line);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Returns the next line of output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        if line.is_empty() {
            let _ = self.child.kill();
            let said = self.stderr.take().map(|stderr| stderr.join().unwrap());
            panic!("`eqp {}` ended without a line: {said:?}", self.name);
        }
        line
    }

    /// Returns the process ID.
    pub fn number(&self) -> u32 {
        self.child.id()
    }

    /// Asks the tool to exit, as a service manager does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal by its name, and returns whether the process still existed.
    pub fn try_signal(&self, name: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.child.id().to_string()).stderr(Stdio::null());
        kill.status().unwrap().success()
    }

    /// Closes the output of the tool, as `head` does, and waits for its end.
    pub fn leave(mut self) -> Ended {
        drop(self.stdout.take());
        let status = self.wait();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ended { code: status.code().unwrap_or(-1), stdout: String::new(), stderr }
    }

    /// Freezes the tool, as on a machine that is suspended or out of memory.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Continues a frozen tool.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Kills the process, as a crash would.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.end()
    }

    /// Waits for the end of the tool.
    pub fn end(mut self) -> Ended {
        let stdout = collect(self.stdout.take().unwrap());
        let status = self.wait();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let stdout = stdout.join().unwrap();
        self.schema.check_output(&stdout, &stderr);
        Ended { code: status.code().unwrap_or(-1), stdout, stderr }
    }

    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "`eqp {}` does not end", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
