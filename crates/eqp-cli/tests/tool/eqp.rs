//! Runs the tool in a home of its own, with nothing of the caller's environment.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A home folder and an environment.
pub(crate) struct Home {
    folder: PathBuf,
    /// Removes the folder in the end, if it is ours.
    _folder: Option<TempDir>,
    environment: Vec<(String, String)>,
    /// What the tool is called through, and where it then lies.
    launcher: Option<(Vec<String>, PathBuf)>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        // Every user may enter it: as root, Postgres runs as another one.
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
        Self { folder: folder.path().to_owned(), _folder: Some(folder), environment: Vec::new(), launcher: None }
    }

    /// Another environment in the home of somebody else.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), _folder: None, environment: Vec::new(), launcher: None }
    }

    /// Runs a copy of the tool, in this home, through another program from now on.
    pub(crate) fn run_through(&mut self, launcher: &[&str]) {
        let copy = self.path().join("eqp");
        std::fs::copy(env!("CARGO_BIN_EXE_eqp"), &copy).unwrap();
        self.launcher = Some((launcher.iter().map(ToString::to_string).collect(), copy));
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Sets a variable for every run from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Writes a file of mode 0600.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes the configuration file of this home's user.
    pub(crate) fn configure(&self, text: &str) -> PathBuf {
        std::fs::create_dir_all(self.path().join(".config/eqp")).unwrap();
        self.write(".config/eqp/eqp.toml", text)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.launcher {
            None => Command::new(env!("CARGO_BIN_EXE_eqp")),
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

    /// Another program in this home.
    pub(crate) fn command_of(&self, words: &[&str]) -> Command {
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

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs to the end while the test's own runtime goes on, on a thread beside.
    pub(crate) fn run_aside(&self, arguments: &[&str]) -> Ended {
        tokio::task::block_in_place(|| self.run(arguments))
    }

    /// Runs to the end with this on its standard input, while the test's own runtime goes on.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // Who does not read it may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        tokio::task::block_in_place(|| Running::of(child, arguments).end())
    }

    /// Another program, which finds this home's environment beside the caller's.
    pub(crate) fn other(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("EQP_DATA_DIR", self.path().join("data")).env("no_proxy", "*").current_dir(self.path());
        command.envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Runs to a good end and reads what it printed as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "eqp {arguments:?}: {ended:?}");
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// Starts something that stays up.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments).spawn().unwrap(), arguments)
    }
}

/// Reads at once, so that a full pipe stops nobody.
fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}

/// A run that has not ended; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    name: String,
}

impl Running {
    fn of(mut child: Child, arguments: &[&str]) -> Self {
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self { child, stdout: Some(stdout), stderr: Some(stderr), name: arguments.join(" ") }
    }

    /// The next line of its data, as JSON.
    pub(crate) fn json_line(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next line of its data.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        if line.is_empty() {
            let _ = self.child.kill();
            let said = self.stderr.take().map(|stderr| stderr.join().unwrap());
            panic!("`eqp {}` ended without a line: {said:?}", self.name);
        }
        line
    }

    /// The number of its process.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// The same; false if it has ended.
    pub(crate) fn try_signal(&self, name: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.child.id().to_string()).stderr(Stdio::null());
        kill.status().unwrap().success()
    }

    /// Stops reading its data, as `head` does, and waits for its end.
    pub(crate) fn leave(mut self) -> Ended {
        drop(self.stdout.take());
        let status = self.wait();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ended { code: status.code().unwrap_or(-1), stdout: String::new(), stderr }
    }

    /// Stops it where it is, as a machine does that is out of memory or suspended.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let stdout = collect(self.stdout.take().unwrap());
        let status = self.wait();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ended { code: status.code().unwrap_or(-1), stdout: stdout.join().unwrap(), stderr }
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
