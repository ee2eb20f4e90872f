//! The measured programs, each in its own process, which prints its address and ends with its input.

mod http_only;
mod insert;
mod nginx;
mod ours;
mod peer;
mod platform;

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::{Args, ValueEnum};
use eqp_receiver::CancellationToken;
use sqlx::postgres::PgConnectOptions;

pub(crate) use nginx::Nginx;
pub(crate) use ours::{master_key, register};
pub(crate) use peer::{Peer, PeerServer, answers};

use crate::Failure;
use crate::postgres::by_socket;
use crate::process::open_files;

/// The measured programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Our receiver, which only accepts.
    Ours,
    /// Our receiver, which accepts and projects.
    OursProjecting,
    /// Our receiver, which accepts and projects, and a worker that delivers to subscriptions.
    OursDelivering,
    /// Our receiver with everything beside it: deliveries, reconciliation, and the operator API.
    Platform,
    /// The operator API and its pages, without a receiver.
    Console,
    /// A worker that only delivers to subscriptions.
    Delivering,
    /// Our receiver without a database.
    HttpOnly,
    /// One INSERT per request.
    Insert,
}

impl Kind {
    /// Returns the name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursProjecting => "ours, projecting",
            Self::OursDelivering => "ours, delivering",
            Self::Platform => "ours, with all parts",
            Self::Console => "the operator service",
            Self::Delivering => "a worker",
            Self::HttpOnly => "HTTP only",
            Self::Insert => "one INSERT each",
        }
    }

    fn argument(self) -> String {
        self.to_possible_value().expect("no kind is skipped").get_name().to_owned()
    }
}

/// The arguments of a receiver process.
#[derive(Debug, Args)]
pub(crate) struct Receives {
    kind: Kind,
    /// The folder of the Postgres socket.
    socket: PathBuf,
    database: String,
    /// The folder of its master key and its certificate.
    folder: PathBuf,
    #[arg(long)]
    tls: bool,
    /// Whether it serves plain HTTP, as behind a proxy.
    #[arg(long)]
    behind_proxy: bool,
    /// The address of the operator API.
    #[arg(long)]
    operator: Option<SocketAddr>,
}

/// A running receiver; stopped on drop.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts this program again, as a receiver on `database`. With `tls`, it uses the certificate in `folder`.
    pub(crate) fn start(kind: Kind, database: &PgConnectOptions, folder: &Path, tls: bool) -> Result<Self, Failure> {
        Self::spawn(again()?, kind, database, folder, if tls { &["--tls"] } else { &[] })
    }

    /// Starts a receiver with everything beside it. Its operator API is at `operator`.
    pub(crate) fn with_platform(
        database: &PgConnectOptions,
        folder: &Path,
        operator: SocketAddr,
    ) -> Result<Self, Failure> {
        Self::spawn(again()?, Kind::Platform, database, folder, &["--operator", &operator.to_string()])
    }

    /// Starts only the operator API with its pages, at `operator`.
    pub(crate) fn console(database: &PgConnectOptions, folder: &Path, operator: SocketAddr) -> Result<Self, Failure> {
        Self::spawn(again()?, Kind::Console, database, folder, &["--operator", &operator.to_string()])
    }

    /// Starts a receiver with few file descriptors; without `tls`, as behind a proxy.
    pub(crate) fn with_few_files(
        files: usize,
        database: &PgConnectOptions,
        folder: &Path,
        tls: bool,
    ) -> Result<Self, Failure> {
        let this = again()?;
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
        limited.arg(this.get_program()).args(this.get_args());
        Self::spawn(limited, Kind::Ours, database, folder, if tls { &["--tls"] } else { &["--behind-proxy"] })
    }

    /// Starts a receiver under callgrind, which writes its counts to `counts` when the receiver ends.
    pub(crate) fn counted(
        kind: Kind,
        database: &PgConnectOptions,
        folder: &Path,
        counts: &Path,
    ) -> Result<Self, Failure> {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", counts.display()));
        let this = again()?;
        valgrind.arg(this.get_program()).args(this.get_args());
        Self::spawn(valgrind, kind, database, folder, &[])
    }

    fn spawn(
        mut command: Command,
        kind: Kind,
        database: &PgConnectOptions,
        folder: &Path,
        more: &[&str],
    ) -> Result<Self, Failure> {
        command.args(["receive", &kind.argument()]);
        command.arg(database.get_socket().ok_or("the database has no socket")?);
        command.arg(database.get_database().ok_or("the database has no name")?).arg(folder).args(more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let address = first_line(&mut child)?.parse();
        // From here on `drop` stops it.
        let mut server = Self { child, address: (Ipv4Addr::UNSPECIFIED, 0).into() };
        server.address = address.map_err(|_| format!("the receiver \"{}\" did not start", kind.name()))?;
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Returns a command that runs this program as one of its parts.
pub(crate) fn again() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("part");
    Ok(command)
}

/// Returns the first line of a process's output.
pub(crate) fn first_line(child: &mut Child) -> Result<String, Failure> {
    let mut line = String::new();
    if let Some(output) = child.stdout.as_mut() {
        BufReader::new(output).read_line(&mut line)?;
    }
    Ok(line.trim().to_owned())
}

/// Returns a token that is cancelled when the input of this process ends.
pub(crate) fn until_input_ends() -> CancellationToken {
    let shutdown = CancellationToken::new();
    let input_ends = shutdown.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        input_ends.cancel();
    });
    shutdown
}

/// Runs the receiver process.
pub(crate) fn receive(options: &Receives) -> Result<(), Failure> {
    open_files()?;
    let shutdown = until_input_ends();
    if options.kind == Kind::HttpOnly {
        return http_only::serve(&shutdown);
    }
    let database = by_socket(&options.socket, &options.database);
    // Our receiver needs threads for its background tasks, the other one for everything.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match options.kind {
            Kind::Insert => insert::serve(database, shutdown).await,
            Kind::Console => platform::console(options, database, shutdown).await,
            Kind::Delivering => platform::deliver(options, database, shutdown).await,
            _ => Box::pin(ours::serve(options, database, shutdown)).await,
        }
    })
}
