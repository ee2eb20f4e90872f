//! Attackers: idle connections, and floods of wrong passwords, of connections and of long heads. Each is a separate
//! process that prints its count when it has started and for each line of its input, and ends with its input.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Failure;
use crate::load::{Certificate, PATH, Stream, Wire, get, post, read_status};
use crate::process::open_files;
use crate::receivers::again;

/// The user name `key` with a wrong password.
const WRONG: &str = "Basic a2V5Ondyb25n";
/// The number of concurrent handshakes while idle connections are opened.
const HANDSHAKES: usize = 64;
/// The interval at which an idle connection sends a request to stay open.
const STIR: Duration = Duration::from_secs(45);
/// The time for an attacker to start.
const START_DEADLINE: Duration = Duration::from_mins(2);
/// The delay before a closed connection is opened again.
const AGAIN: Duration = Duration::from_secs(1);

/// The target of an attack.
#[derive(Debug, Args)]
pub(crate) struct Attack {
    address: SocketAddr,
    /// The certificate of the CA to trust.
    ca: PathBuf,
    connections: usize,
}

/// The data that each connection of a flood sends before it is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sends {
    /// Nothing; every second one not even a TLS handshake.
    Nothing,
    /// Half of a request's head.
    HalfHead,
    /// One request, and waits for its response.
    Request,
}

/// A flood of new connections.
#[derive(Debug, Args)]
pub(crate) struct Connects {
    #[command(flatten)]
    to: Attack,
    sends: Sends,
    /// Open all connections from one address
    #[arg(long)]
    one_source: bool,
    /// Connect without TLS
    #[arg(long)]
    plain: bool,
}

/// Connections that each send a long head without its end.
#[derive(Debug, Args)]
pub(crate) struct Heads {
    #[command(flatten)]
    to: Attack,
    bytes: usize,
}

/// A process that holds idle connections.
#[derive(Debug)]
pub(crate) struct Idle(Part);

/// A process that floods with connections or heads.
#[derive(Debug)]
pub(crate) struct Swarm(Part);

/// A process that sends wrong passwords.
#[derive(Debug)]
pub(crate) struct Flood(Part);

impl Idle {
    /// Starts the process and waits until all connections are open.
    pub(crate) fn start(to: SocketAddr, certificate: &Certificate, connections: usize) -> Result<Self, Failure> {
        Part::start("idle", to, &certificate.ca, connections, &[]).map(Self)
    }

    /// Returns the number of open connections.
    pub(crate) fn open(&mut self) -> Result<usize, Failure> {
        self.0.ask()
    }
}

impl Flood {
    /// Starts the process and waits until the first password is rejected.
    pub(crate) fn start(to: SocketAddr, certificate: &Certificate, connections: usize) -> Result<Self, Failure> {
        Part::start("flood", to, &certificate.ca, connections, &[]).map(Self)
    }

    /// Ends the process and returns the number of rejected passwords.
    pub(crate) fn stop(&mut self) -> Result<usize, Failure> {
        let refused = self.0.ask();
        drop(self.0.child.stdin.take());
        refused
    }
}

impl Swarm {
    /// Starts a process that opens and holds this many new connections per second, and waits for two seconds.
    pub(crate) fn connects(
        to: SocketAddr,
        certificate: &Certificate,
        per_second: usize,
        more: &[&str],
    ) -> Result<Self, Failure> {
        Part::start("connect", to, &certificate.ca, per_second, more).map(Self)
    }

    /// Starts a process that holds this many connections with a head of this many bytes, and waits until all have sent
    /// it. Closed connections are opened again.
    pub(crate) fn heads(
        to: SocketAddr,
        certificate: &Certificate,
        connections: usize,
        bytes: usize,
    ) -> Result<Self, Failure> {
        Part::start("heads", to, &certificate.ca, connections, &[&bytes.to_string()]).map(Self)
    }

    /// Returns the number of connections or heads so far.
    pub(crate) fn count(&mut self) -> Result<usize, Failure> {
        self.0.ask()
    }
}

#[derive(Debug)]
struct Part {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Part {
    fn start(name: &str, to: SocketAddr, ca: &Path, count: usize, more: &[&str]) -> Result<Self, Failure> {
        let mut command = again()?;
        command.args([name, &to.to_string()]).arg(ca).arg(count.to_string()).args(more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let says = child.stdout.take().ok_or("its output is not there")?;
        let mut part = Self { child, says: BufReader::new(says) };
        part.number()?;
        Ok(part)
    }

    fn ask(&mut self) -> Result<usize, Failure> {
        self.child.stdin.as_mut().ok_or("it has been ended")?.write_all(b"\n")?;
        self.number()
    }

    fn number(&mut self) -> Result<usize, Failure> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        line.trim().parse().map_err(|_| "an attacking process has failed".into())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // The process has no state that needs a graceful end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the process of idle connections.
pub(crate) fn idle(options: &Attack) -> Result<(), Failure> {
    open_files()?;
    let open = Arc::new(AtomicUsize::new(0));
    run(options, &open, |options, wire, open| {
        let (address, handshakes) = (options.address, Arc::new(Semaphore::new(HANDSHAKES)));
        let mut all = JoinSet::new();
        for _ in 0..options.connections {
            let (wire, open, handshakes) = (wire.clone(), Arc::clone(open), Arc::clone(&handshakes));
            all.spawn(async move {
                let sample = handshakes.acquire().await;
                let Ok(stream) = greet(address, &wire).await else { return };
                drop(sample);
                open.fetch_add(1, Ordering::Relaxed);
                let _closed = lie_idle(stream).await;
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
        (all, options.connections)
    })
}

/// Opens a connection and sends one request, because a connection without any request is closed early.
async fn greet(address: SocketAddr, wire: &Wire) -> Result<Stream, Failure> {
    let mut stream = Stream::open(address, wire, true).await?;
    stream.write(get("/healthz").as_bytes()).await?;
    read_status(&mut stream, &mut [0; 2048]).await?;
    Ok(stream)
}

/// Keeps a connection idle until the server closes it.
async fn lie_idle(mut stream: Stream) -> Result<(), Failure> {
    let mut nothing = [0; 1];
    // Any data without a request means that the server closes the connection.
    while tokio::time::timeout(STIR, stream.read(&mut nothing)).await.is_err() {
        stream.write(get("/healthz").as_bytes()).await?;
        read_status(&mut stream, &mut [0; 2048]).await?;
    }
    Ok(())
}

/// Runs the process of wrong passwords.
pub(crate) fn flood(options: &Attack) -> Result<(), Failure> {
    let refused = Arc::new(AtomicUsize::new(0));
    run(options, &refused, |options, wire, refused| {
        let mut all = JoinSet::new();
        for _ in 0..options.connections {
            let (wire, refused, address) = (wire.clone(), Arc::clone(refused), options.address);
            all.spawn(async move {
                loop {
                    // A closed connection is opened again.
                    let _ = try_passwords(address, &wire, &refused).await;
                    tokio::task::yield_now().await;
                }
            });
        }
        (all, 1)
    })
}

async fn try_passwords(address: SocketAddr, wire: &Wire, refused: &AtomicUsize) -> Result<(), Failure> {
    let mut buffer = [0; 2048];
    let mut stream = Stream::open(address, wire, true).await?;
    loop {
        stream.write(post(WRONG, "{}", true).as_bytes()).await?;
        match read_status(&mut stream, &mut buffer).await? {
            401 | 429 => _ = refused.fetch_add(1, Ordering::Relaxed),
            other => return Err(format!("a wrong password was answered with {other}").into()),
        }
    }
}

/// Runs the process that floods with connections.
pub(crate) fn connect(options: &Connects) -> Result<(), Failure> {
    open_files()?;
    let begun = Arc::new(AtomicUsize::new(0));
    let (sends, spread) = (options.sends, !options.one_source);
    let plain = options.plain;
    run(&options.to, &begun, |to, wire, begun| {
        let (address, per_second) = (to.address, to.connections);
        let (wire, begun) = (if plain { Wire::Plain } else { wire.clone() }, Arc::clone(begun));
        let mut all = JoinSet::new();
        all.spawn(async move {
            let mut held = JoinSet::new();
            let mut next = tokio::time::interval(Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(1));
            loop {
                next.tick().await;
                let number = begun.fetch_add(1, Ordering::Relaxed);
                let silent = sends == Sends::Nothing && number.is_multiple_of(2);
                let wire = if silent { Wire::Plain } else { wire.clone() };
                held.spawn(hold(address, wire, spread, sends));
                while held.try_join_next().is_some() {}
            }
        });
        (all, 2 * per_second)
    })
}

/// Opens a connection and holds it until the server closes it.
async fn hold(address: SocketAddr, wire: Wire, spread: bool, sends: Sends) -> Result<(), Failure> {
    let mut stream = Stream::open(address, &wire, spread).await?;
    let mut buffer = [0; 2048];
    match sends {
        Sends::Nothing => {}
        Sends::HalfHead => stream.write(&post(WRONG, "{}", true).as_bytes()[..60]).await?,
        Sends::Request => {
            stream.write(post(WRONG, "{}", true).as_bytes()).await?;
            read_status(&mut stream, &mut buffer).await?;
        }
    }
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Runs the process of long heads.
pub(crate) fn heads(options: &Heads) -> Result<(), Failure> {
    open_files()?;
    let sent = Arc::new(AtomicUsize::new(0));
    let start = format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\nx-padding: ");
    let head = Arc::new(start.clone() + &"x".repeat(options.bytes.saturating_sub(start.len())));
    run(&options.to, &sent, |to, wire, sent| {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let mut all = JoinSet::new();
        for _ in 0..to.connections {
            let (wire, sent, address) = (wire.clone(), Arc::clone(sent), to.address);
            let (head, handshakes) = (Arc::clone(&head), Arc::clone(&handshakes));
            all.spawn(async move {
                loop {
                    let _ = send_head(address, &wire, &head, &handshakes, &sent).await;
                    tokio::time::sleep(AGAIN).await;
                }
            });
        }
        (all, to.connections)
    })
}

async fn send_head(
    address: SocketAddr,
    wire: &Wire,
    head: &str,
    handshakes: &Semaphore,
    sent: &AtomicUsize,
) -> Result<(), Failure> {
    let sample = handshakes.acquire().await?;
    let mut stream = Stream::open(address, wire, true).await?;
    drop(sample);
    let written = stream.write(head.as_bytes()).await;
    sent.fetch_add(1, Ordering::Relaxed);
    written?;
    while stream.read(&mut [0; 2048]).await? > 0 {}
    Ok(())
}

/// Prints the count when it has reached the number that `begin` returns, and again for each line of the input.
fn run(
    options: &Attack,
    count: &Arc<AtomicUsize>,
    begin: impl FnOnce(&Attack, &Wire, &Arc<AtomicUsize>) -> (JoinSet<()>, usize),
) -> Result<(), Failure> {
    let wire = Wire::trusting(&options.ca)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (_all, wanted) = begin(options, &wire, count);
        let started = Instant::now();
        while count.load(Ordering::Relaxed) < wanted {
            if started.elapsed() > START_DEADLINE {
                return Err(format!("only {} of {wanted}", count.load(Ordering::Relaxed)).into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("{}", count.load(Ordering::Relaxed));
        let (end, ended) = tokio::sync::oneshot::channel();
        let count = Arc::clone(count);
        std::thread::spawn(move || {
            // A line that cannot be read also ends the process.
            for _ in std::io::stdin().lines().map_while(Result::ok) {
                println!("{}", count.load(Ordering::Relaxed));
            }
            let _ = end.send(());
        });
        let _ = ended.await;
        Ok(())
    })
}
