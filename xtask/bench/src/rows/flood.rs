//! Good callbacks while somebody opens connections, and the receiver may have few of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Measured, Row};
use crate::Failure;
use crate::contender::Contender;
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::intruder::Swarm;
use crate::load::{Certificate, RIGHT, Stream, Wire, post, read_id};
use crate::postgres::Postgres;
use crate::stored::stored_once;

/// With so many file descriptors the receiver has 112 connection slots.
const FILES: usize = 256;
/// New connections each second.
const PER_SECOND: usize = 100;
/// Good senders that open a connection for each callback, and as many that keep theirs.
const SENDERS: usize = 8;
/// Between two callbacks of a sender.
const PAUSE: Duration = Duration::from_millis(5);
/// A callback that is not answered by then is lost to its sender.
const DEADLINE: Duration = Duration::from_secs(5);

/// The kinds of floods: what it is called, what the flooding process is told, and whether over TLS.
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
    how: "`ulimit -n 256`, which leaves the receiver 112 connection slots. Somebody opens 100 new connections each second and \
          holds them: without a request, with half a request head, with one request and then idle, all from one address, \
          and over plain HTTP as behind a TLS-terminating proxy. Meanwhile eight good senders open a connection for each \
          callback, and eight keep theirs. A callback counts as answered if its first try is, within five seconds.",
    takes: ("3 min", "1 min"),
    promises: &[Promise::at_least(
        "flood_answered",
        0.999,
        1.0,
        "share of good callbacks answered with 112 connection slots, under the worst kind of connection flood",
    )],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let certificate = Certificate::make(ground.folder())?;
    let tls = certificate.wire()?;
    let postgres = ground.block_on(Postgres::start())?;
    let database = ground.block_on(postgres.database())?;
    let (mut worst, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=ground.scale.rounds {
        let mut shares = Vec::new();
        for (name, told, over_tls) in KINDS {
            let ours = Contender::with_few_files(FILES, database.clone(), ground, over_tls)?;
            ground.block_on(ours.clean())?;
            let mut flood = Swarm::connects(ours.address(), &certificate, PER_SECOND, told)?;
            let wire = if over_tls { tls.clone() } else { Wire::Plain };
            let sent = ground.block_on(send(ours.address(), &wire, ground.scale.time))?;
            let opened = flood.count()?;
            drop(flood);
            ground.block_on(stored_once(&database, &sent.answered))?;
            let share = share(&sent);
            eprintln!(
                "round {round}/{}  {name:24}  {} of {} answered, beside {opened} connections; {}",
                ground.scale.rounds,
                sent.answered.len(),
                sent.answered.len() + sent.unanswered,
                sent.complaint.as_deref().unwrap_or("no complaint"),
            );
            shares.push(share);
        }
        lines.push([vec![round.to_string()], shares.iter().map(|share| format!("{share:.4}")).collect()].concat());
        worst.push(shares.into_iter().fold(1.0, f64::min));
    }
    ground.block_on(postgres.stop())?;
    let columns = std::iter::once("round").chain(KINDS.map(|(name, _, _)| name));
    Ok(Measured {
        found: vec![("flood_answered", Found::Rounds(worst))],
        columns: columns.map(str::to_owned).collect(),
        lines,
        notes: Vec::new(),
    })
}

/// What good senders came to.
#[derive(Debug, Default)]
struct Sent {
    answered: Vec<Uuid>,
    unanswered: usize,
    /// Why one of those was not answered.
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
