//! Typical implementations in Node and Python, from the registries at pinned versions, if Node and Python are
//! installed.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use sqlx::postgres::PgConnectOptions;

use crate::Failure;

/// The time for a peer to listen.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// The interval of polls.
const PAUSE: Duration = Duration::from_millis(20);

/// The kinds of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Node, Express 5, pg with a pool of ten, as their manuals show them.
    Express,
    /// The same, tuned.
    ExpressTuned,
    /// Python, `FastAPI`, asyncpg; two workers with a pool of ten each.
    FastApi,
}

/// A file of a peer in the repository.
type File = (&'static str, &'static str);

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Express => "Express + pg",
            Self::ExpressTuned => "Express, tuned",
            Self::FastApi => "FastAPI + asyncpg",
        }
    }

    /// Returns the folder of its sources.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Express | Self::ExpressTuned => "express",
            Self::FastApi => "fastapi",
        }
    }

    fn files(self) -> &'static [File] {
        match self {
            Self::Express | Self::ExpressTuned => &[
                ("package.json", include_str!("../../peers/express/package.json")),
                ("package-lock.json", include_str!("../../peers/express/package-lock.json")),
                ("server.js", include_str!("../../peers/express/server.js")),
                ("tuned.js", include_str!("../../peers/express/tuned.js")),
            ],
            Self::FastApi => &[
                ("requirements.txt", include_str!("../../peers/fastapi/requirements.txt")),
                ("app.py", include_str!("../../peers/fastapi/app.py")),
            ],
        }
    }

    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Express | Self::ExpressTuned => &["node", "npm"],
            Self::FastApi => &["python3"],
        }
    }

    /// Installs it in `folder`, unless this version is installed already. The error is the reason why it cannot be
    /// installed.
    pub(crate) fn install(self, folder: &Path) -> Result<(), String> {
        for program in self.needs() {
            if !answers(program) {
                return Err(format!("no {program}"));
            }
        }
        let installed = folder.join("installed");
        let wanted: String = self.files().iter().map(|(_, text)| *text).collect();
        if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
            return Ok(());
        }
        eprintln!("fetching {}", self.name());
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        for (name, text) in self.files() {
            fs::write(folder.join(name), text).map_err(failed)?;
        }
        match self {
            Self::Express | Self::ExpressTuned => {
                run(folder, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
            }
            Self::FastApi => {
                run(folder, "python3", &["-m", "venv", "venv"])?;
                let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
                let exactly = ["--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt"];
                run(folder, "venv/bin/python", &[&pip[..], &exactly].concat())?;
            }
        }
        fs::write(&installed, wanted).map_err(failed)
    }

    /// Starts the peer with `database`.
    pub(crate) fn start(self, folder: &Path, database: &PgConnectOptions) -> Result<PeerServer, Failure> {
        let address = free_address()?;
        let port = address.port().to_string();
        let mut command = match self {
            Self::Express => node("server.js"),
            Self::ExpressTuned => node("tuned.js"),
            Self::FastApi => {
                let mut python = Command::new(folder.join("venv/bin/python"));
                python.args(["-m", "uvicorn", "app:app", "--workers", "2", "--port", &port]);
                python.args(["--log-level", "warning", "--no-access-log", "--timeout-keep-alive", "60"]);
                python
            }
        };
        command
            .current_dir(folder)
            .env("PORT", &port)
            .env("PGHOST", database.get_socket().ok_or("the database has no socket")?)
            .env("PGPORT", database.get_port().to_string())
            .env("PGUSER", database.get_username())
            .env("PGDATABASE", database.get_database().ok_or("the database has no name")?)
            .stdin(Stdio::null())
            // The output of the peer must not mix with our data.
            .stdout(Stdio::from(std::io::stderr()))
            .process_group(0);
        let mut server = PeerServer { child: command.spawn()?, address };
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(address).is_err() {
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(format!("{} did not start", self.name()).into());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(server)
    }
}

/// Returns the command for a server in Node.
fn node(server: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(server).env("NODE_ENV", "production");
    node
}

/// A running peer with its workers; stopped on drop.
#[derive(Debug)]
pub(crate) struct PeerServer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for PeerServer {
    fn drop(&mut self) {
        // The process group contains only the peer and its workers.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Returns a port that was free a moment ago, for programs that cannot report which port they got.
pub(super) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Returns whether a program is installed.
pub(crate) fn answers(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Runs a program in `folder`, which must succeed.
pub(super) fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    // On some systems, a relative path would be resolved from the current folder.
    let path = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut command = Command::new(path);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let status = command.status().map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}` failed ({status})", arguments.join(" "))) }
}
