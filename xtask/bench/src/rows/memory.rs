//! Measures the resident memory of the receiver, as built for distribution.

use std::time::Duration;

use eqp_store::MasterKey;
use sqlx::postgres::PgPoolOptions;

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{self, Certificate, Load, RIGHT, Stream, Wire, post, read_status};
use crate::postgres::Postgres;
use crate::process::resident_mb;
use crate::receivers::register;
use crate::stored::stored_once;
use crate::tool::{Serving, Tool};

const CONNECTIONS: usize = 256;
/// The interval at which memory is read under load.
const PERIOD: Duration = Duration::from_millis(100);
/// The time limit for a receiver to load a new endpoint.
const KNOWN_DEADLINE: Duration = Duration::from_secs(10);
/// The time without work after which a receiver counts as idle.
const QUIET: Duration = Duration::from_secs(2);

pub(super) const ROW: Row = Row {
    name: "memory",
    title: "Memory of the receiver",
    how: "The shipped `eqp serve` (`--profile dist`) with a database URL and a certificate, accepting and \
          projecting: resident memory of the process two seconds after it is ready, and the peak while 256 \
          keep-alive TLS connections send as fast as they are answered. In MB of 10⁶ bytes, without Postgres.",
    takes: ("1 min", "20 s"),
    promises: &[
        Promise::at_most(
            "rss_load_mb",
            40.0,
            24.0,
            "resident memory of the receiver at 256 TLS connections under load, MB",
        ),
        Promise::at_most("rss_idle_mb", 24.0, 14.0, "resident memory of the idle receiver, MB"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    if resident_mb(std::process::id()).is_none() {
        let not_reported = || Measurement::NotRun("this system does not report the memory of a process".to_owned());
        return Ok(Measured {
            found: vec![("rss_load_mb", not_reported()), ("rss_idle_mb", not_reported())],
            ..Measured::default()
        });
    }
    let tool = Tool::build()?;
    let wire = Certificate::make(harness.folder())?.wire()?;
    let postgres = harness.block_on(Postgres::start())?;
    let (mut idle, mut loaded, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let database = harness.block_on(postgres.database())?;
        let data = harness.folder().join(format!("data{round}"));
        let serving = harness.block_on(tool.serve(harness.folder(), &data, Some(&postgres.url(&database)?)))?;
        // Created inside the runtime, which the timer needs.
        harness.block_on(async { tokio::time::sleep(QUIET).await });
        let at_rest = resident_mb(serving.pid()).ok_or("the receiver has ended")?;
        harness.block_on(async {
            let pool = PgPoolOptions::new().max_connections(1).connect_with(database.clone()).await?;
            register(pool, MasterKey::open(&data.join("master.key"))?).await?;
            known(&serving, &wire).await
        })?;
        let plain = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
        let (sent, most) = watched(&serving, &Load { wire: wire.clone(), ..plain })?;
        harness.block_on(stored_once(&database, &sent.answered))?;
        eprintln!(
            "round {round}/{}  idle {at_rest:.1} MB, under load {most:.1} MB at {:.0} callbacks/s",
            harness.scale.rounds, sent.per_second
        );
        idle.push(at_rest);
        loaded.push(most);
        lines.push(vec![round.to_string(), format!("{at_rest:.1}"), format!("{most:.1}"), thousands(sent.per_second)]);
        drop(serving);
        harness.block_on(postgres.drop_database(&database))?;
    }
    harness.block_on(postgres.stop())?;
    let columns = ["round", "idle, MB", "under load, MB", "callbacks/s"];
    Ok(Measured {
        found: vec![("rss_load_mb", Measurement::Rounds(loaded)), ("rss_idle_mb", Measurement::Rounds(idle))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

/// Waits until the receiver accepts callbacks of the new endpoint.
async fn known(serving: &Serving, wire: &Wire) -> Result<(), Failure> {
    let taken = async {
        let mut stream = Stream::open(serving.address, wire, false).await?;
        loop {
            stream.write(post(RIGHT, "{}", true).as_bytes()).await?;
            if read_status(&mut stream, &mut [0; 2048]).await? == 200 {
                return Ok(());
            }
            tokio::time::sleep(PERIOD).await;
        }
    };
    tokio::time::timeout(KNOWN_DEADLINE, taken).await.map_err(|_| "the receiver does not accept callbacks")?
}

/// Sends a load, and reads the memory at the same time.
fn watched(serving: &Serving, load: &Load) -> Result<(load::Outcome, f64), Failure> {
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| load::run(serving.address, load));
        let mut most = 0.0_f64;
        while !sending.is_finished() {
            most = most.max(resident_mb(serving.pid()).unwrap_or_default());
            std::thread::sleep(PERIOD);
        }
        let sent = sending.join().map_err(|_| "the sender panicked")??;
        Ok((sent, most))
    })
}
