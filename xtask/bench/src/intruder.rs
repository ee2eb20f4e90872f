//! Those who mean no good: connections that do nothing, floods of wrong passwords, of connections and of long heads. Each a
//! process of its own, which says one line when it has begun, one for each line of its input, and ends with it.

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

/// User name `key` and a password that is not right.
const WRONG: &str = "Basic a2V5Ondyb25n";
/// Handshakes at the same time, while idle connections are opened.
const HANDSHAKES: usize = 64;
/// An idle connection says this often that it is there, as a sender with much patience would.
const STIR: Duration = Duration::from_secs(45);
/// Until that many are open, or the first try is refused.
const START_DEADLINE: Duration = Duration::from_mins(2);
/// A connection that was closed is opened again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// Where it goes to.
#[derive(Debug, Args)]
pub(crate) struct Intrudes {
    address: SocketAddr,
    /// The certificate of the CA to trust.
    ca: PathBuf,
    connections: usize,
}

/// What each connection of a flood does before it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sends {
    /// Nothing; every second one not even a TLS handshake.
    Nothing,
    /// Half of a request's head.
    HalfHead,
    /// One request, and waits for its answer.
    Request,
}

/// A flood of new connections.
#[derive(Debug, Args)]
pub(crate) struct Connects {
    #[command(flatten)]
    to: Intrudes,
    sends: Sends,
    /// All from one address.
    #[arg(long)]
    one_source: bool,
    /// Without TLS.
    #[arg(long)]
    plain: bool,
}

/// Connections that each send a long head without its end.
#[derive(Debug, Args)]
pub(crate) struct Heads {
    #[command(flatten)]
    to: Intrudes,
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
    /// Comes back when all are open.
    pub(crate) fn start(to: SocketAddr, certificate: &Certificate, connections: usize) -> Result<Self, Failure> {
        Part::start("idle", to, &certificate.ca, connections, &[]).map(Self)
    }

    /// How many are still open.
    pub(crate) fn open(&mut self) -> Result<usize, Failure> {
        self.0.ask()
    }
}

impl Flood {
    /// Comes back when the first try is refused.
    pub(crate) fn start(to: SocketAddr, certificate: &Certificate, connections: usize) -> Result<Self, Failure> {
        Part::start("flood", to, &certificate.ca, connections, &[]).map(Self)
    }

    /// Ends it; answers how many tries were refused.
    pub(crate) fn stop(&mut self) -> Result<usize, Failure> {
        let refused = self.0.ask();
        drop(self.0.child.stdin.take());
        refused
    }
}

impl Swarm {
    /// Opens so many new connections each second, and holds them; comes back after two seconds of that.
    pub(crate) fn connects(
        to: SocketAddr,
        certificate: &Certificate,
        per_second: usize,
        more: &[&str],
    ) -> Result<Self, Failure> {
        Part::start("connect", to, &certificate.ca, per_second, more).map(Self)
    }

    /// Holds so many connections that have sent a head of so many bytes; comes back when all have sent it. Those that are
    /// closed come back too.
    pub(crate) fn heads(
        to: SocketAddr,
        certificate: &Certificate,
        connections: usize,
        bytes: usize,
    ) -> Result<Self, Failure> {
        Part::start("heads", to, &certificate.ca, connections, &[&bytes.to_string()]).map(Self)
    }

    /// How many connections or heads there were until now.
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
        // It holds nothing that needs an orderly end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is the process of idle connections.
pub(crate) fn idle(told: &Intrudes) -> Result<(), Failure> {
    open_files()?;
    let open = Arc::new(AtomicUsize::new(0));
    run(told, &open, |told, wire, open| {
        let (address, handshakes) = (told.address, Arc::new(Semaphore::new(HANDSHAKES)));
        let mut all = JoinSet::new();
        for _ in 0..told.connections {
            let (wire, open, handshakes) = (wire.clone(), Arc::clone(open), Arc::clone(&handshakes));
            all.spawn(async move {
                let turn = handshakes.acquire().await;
                let Ok(stream) = greet(address, &wire).await else { return };
                drop(turn);
                open.fetch_add(1, Ordering::Relaxed);
                let _closed = lie_idle(stream).await;
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
        (all, told.connections)
    })
}

/// A connection that has asked something: one that never does is closed for that reason alone.
async fn greet(address: SocketAddr, wire: &Wire) -> Result<Stream, Failure> {
    let mut stream = Stream::open(address, wire, true).await?;
    stream.write(get("/healthz").as_bytes()).await?;
    read_status(&mut stream, &mut [0; 2048]).await?;
    Ok(stream)
}

/// Until the other side closes it.
async fn lie_idle(mut stream: Stream) -> Result<(), Failure> {
    let mut nothing = [0; 1];
    // Whatever comes unasked is the end.
    while tokio::time::timeout(STIR, stream.read(&mut nothing)).await.is_err() {
        stream.write(get("/healthz").as_bytes()).await?;
        read_status(&mut stream, &mut [0; 2048]).await?;
    }
    Ok(())
}

/// Is the process of wrong passwords.
pub(crate) fn flood(told: &Intrudes) -> Result<(), Failure> {
    let refused = Arc::new(AtomicUsize::new(0));
    run(told, &refused, |told, wire, refused| {
        let mut all = JoinSet::new();
        for _ in 0..told.connections {
            let (wire, refused, address) = (wire.clone(), Arc::clone(refused), told.address);
            all.spawn(async move {
                loop {
                    // Closed or not, it comes back.
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

/// Is the process that floods with connections.
pub(crate) fn connect(told: &Connects) -> Result<(), Failure> {
    open_files()?;
    let begun = Arc::new(AtomicUsize::new(0));
    let (sends, spread) = (told.sends, !told.one_source);
    let plain = told.plain;
    run(&told.to, &begun, |to, wire, begun| {
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

/// A connection that is held until the other side closes it.
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

/// Is the process of long heads.
pub(crate) fn heads(told: &Heads) -> Result<(), Failure> {
    open_files()?;
    let sent = Arc::new(AtomicUsize::new(0));
    let start = format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\nx-padding: ");
    let head = Arc::new(start.clone() + &"x".repeat(told.bytes.saturating_sub(start.len())));
    run(&told.to, &sent, |to, wire, sent| {
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
    let turn = handshakes.acquire().await?;
    let mut stream = Stream::open(address, wire, true).await?;
    drop(turn);
    let written = stream.write(head.as_bytes()).await;
    sent.fetch_add(1, Ordering::Relaxed);
    written?;
    while stream.read(&mut [0; 2048]).await? > 0 {}
    Ok(())
}

/// Says the count when it has come to what `begin` wants, then again for each line of the input.
fn run(
    told: &Intrudes,
    count: &Arc<AtomicUsize>,
    begin: impl FnOnce(&Intrudes, &Wire, &Arc<AtomicUsize>) -> (JoinSet<()>, usize),
) -> Result<(), Failure> {
    let wire = Wire::trusting(&told.ca)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (_all, wanted) = begin(told, &wire, count);
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
            // A line that cannot be read is the end too.
            for _ in std::io::stdin().lines().map_while(Result::ok) {
                println!("{}", count.load(Ordering::Relaxed));
            }
            let _ = end.send(());
        });
        let _ = ended.await;
        Ok(())
    })
}
