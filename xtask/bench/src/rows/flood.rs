//! Valid callbacks during a flood of connections, with a low limit on connections.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Measured, Row};
use crate::Failure;
use crate::attacker::Swarm;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{Certificate, RIGHT, Stream, Wire, post, read_id};
use crate::postgres::Postgres;
use crate::stored::stored_once;
use crate::target::Target;

/// The limit on file descriptors, which leaves the receiver 112 connection slots.
const FILES: usize = 256;
/// The number of new connections per second.
const PER_SECOND: usize = 100;
/// The number of valid senders that open a connection for each callback, and of those with a persistent one.
const SENDERS: usize = 8;
/// The delay between two callbacks of a sender.
const PAUSE: Duration = Duration::from_millis(5);
/// The timeout of a callback.
const DEADLINE: Duration = Duration::from_secs(5);

/// The kinds of floods: the name, the arguments of the flooding process, and whether it uses TLS.
const KINDS: [(&str, &[&str], bool); 5] = [
    ("no request", &["nothing"], true),
    ("half a head", &["half-head"], true),
    ("one request, then idle", &["request"], true),
    ("one source", &["half-head", "--one-source"], true),
    ("behind a proxy", &["request", "--one-source", "--plain"], false),
];

pub(super) const ROW: Row = Row {
    name: "flood",
    title: "Floods of connections",
    how: "The receiver runs with `ulimit -n 256`, which leaves 112 connection slots. An attacker opens 100 new \
          connections per second and keeps them open: without a request, with half a request head, with one request \
          and then idle, all from one address, and over plain HTTP as behind a TLS-terminating proxy. At the same \
          time, eight valid senders open a new connection for each callback, and eight use keep-alive connections. A \
          callback counts as answered if its first attempt is answered within five seconds.",
    takes: ("3 min", "1 min"),
    promises: &[Promise::at_least(
        "flood_answered",
        0.999,
        1.0,
        "share of valid callbacks answered with 112 connection slots, under the worst kind of connection flood",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let certificate = Certificate::make(harness.folder())?;
    let tls = certificate.wire()?;
    let postgres = harness.block_on(Postgres::start())?;
    let database = harness.block_on(postgres.database())?;
    let (mut worst, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let mut shares = Vec::new();
        for (name, arguments, over_tls) in KINDS {
            let ours = Target::with_few_files(FILES, database.clone(), harness, over_tls)?;
            harness.block_on(ours.clean())?;
            let mut flood = Swarm::connects(ours.address(), &certificate, PER_SECOND, arguments)?;
            let wire = if over_tls { tls.clone() } else { Wire::Plain };
            let sent = harness.block_on(send(ours.address(), &wire, harness.scale.time))?;
            let opened = flood.count()?;
            drop(flood);
            harness.block_on(stored_once(&database, &sent.answered))?;
            let share = share(&sent);
            eprintln!(
                "round {round}/{}  {name:24}  {} of {} answered, beside {opened} connections; {}",
                harness.scale.rounds,
                sent.answered.len(),
                sent.answered.len() + sent.unanswered,
                sent.complaint.as_deref().unwrap_or("no complaint"),
            );
            shares.push(share);
        }
        lines.push([vec![round.to_string()], shares.iter().map(|share| format!("{share:.4}")).collect()].concat());
        worst.push(shares.into_iter().fold(1.0, f64::min));
    }
    harness.block_on(postgres.stop())?;
    let columns = std::iter::once("round").chain(KINDS.map(|(name, _, _)| name));
    Ok(Measured {
        found: vec![("flood_answered", Measurement::Rounds(worst))],
        columns: columns.map(str::to_owned).collect(),
        lines,
        notes: Vec::new(),
    })
}

/// The results of the valid senders.
#[derive(Debug, Default)]
struct Sent {
    answered: Vec<Uuid>,
    unanswered: usize,
    /// The reason why a callback was not answered.
    complaint: Option<String>,
}

fn share(sent: &Sent) -> f64 {
    let all = sent.answered.len() + sent.unanswered;
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
    let share = sent.answered.len() as f64 / all as f64;
    share
}

async fn send(to: SocketAddr, wire: &Wire, time: Duration) -> Result<Sent, Failure> {
    let until = Instant::now() + time;
    let mut senders = JoinSet::new();
    for number in 0..2 * SENDERS {
        senders.spawn(sender(to, wire.clone(), number % 2 == 0, until));
    }
    let mut all = Sent::default();
    while let Some(sent) = senders.join_next().await {
        let Sent { answered, unanswered, complaint } = sent?;
        all.answered.extend(answered);
        all.unanswered += unanswered;
        all.complaint = all.complaint.or(complaint);
    }
    Ok(all)
}

async fn sender(to: SocketAddr, wire: Wire, keeps: bool, until: Instant) -> Sent {
    let mut sent = Sent::default();
    let mut kept = None;
    while Instant::now() < until {
        let one = timeout(DEADLINE, callback(to, &wire, keeps, kept.take())).await;
        match one.unwrap_or_else(|_| Err("not answered in time".into())) {
            Ok((id, stream)) => {
                sent.answered.push(id);
                kept = stream;
            }
            Err(error) => {
                sent.unanswered += 1;
                sent.complaint = Some(error.to_string());
            }
        }
        sleep(PAUSE).await;
    }
    sent
}

async fn callback(
    to: SocketAddr,
    wire: &Wire,
    keeps: bool,
    kept: Option<Stream>,
) -> Result<(Uuid, Option<Stream>), Failure> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => Stream::open(to, wire, false).await?,
    };
    stream.write(post(RIGHT, "{}", keeps).as_bytes()).await?;
    let id = read_id(&mut stream, &mut [0; 2048]).await?;
    Ok((id, keeps.then_some(stream)))
}
