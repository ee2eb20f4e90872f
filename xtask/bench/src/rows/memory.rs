//! Resident memory of the receiver, as it is sold.

use std::time::Duration;

use eqp_receiver::MasterKey;
use sqlx::postgres::PgPoolOptions;

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::load::{self, Certificate, Load, RIGHT, Stream, Wire, post, read_status};
use crate::postgres::Postgres;
use crate::process::resident_mb;
use crate::receivers::register;
use crate::stored::stored_once;
use crate::tool::{Serving, Tool};

const CONNECTIONS: usize = 256;
/// How often memory is looked at under load.
const PERIOD: Duration = Duration::from_millis(100);
/// How long a receiver may take to hear of a new endpoint.
const KNOWN_DEADLINE: Duration = Duration::from_secs(10);
/// A receiver counts as idle when it has had nothing to do for so long.
const QUIET: Duration = Duration::from_secs(2);

pub(super) const ROW: Row = Row {
    name: "memory",
    title: "Memory of the receiver",
    how: "`eqp serve` as it is shipped (`--profile dist`), with a database URL and a certificate, accepting and projecting, \
          as a process: resident memory two seconds after it is ready, and the most that is seen while 256 kept TLS \
          connections send as fast as they are answered. In MB of 10⁶ bytes; Postgres is not in it.",
    takes: ("1 min", "20 s"),
    promises: &[
        Promise::at_most(
            "rss_load_mb",
            32.0,
            16.0,
            "resident memory of the receiver at 256 TLS connections under load, MB",
        ),
        Promise::at_most("rss_idle_mb", 16.0, 10.0, "resident memory of the idle receiver, MB"),
    ],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    if resident_mb(std::process::id()).is_none() {
        let not_told = || Found::NotRun("this system does not tell the memory of a process".to_owned());
        return Ok(Measured {
            found: vec![("rss_load_mb", not_told()), ("rss_idle_mb", not_told())],
            ..Measured::default()
        });
    }
    let tool = Tool::build()?;
    let wire = Certificate::make(ground.folder())?.wire()?;
    let postgres = ground.block_on(Postgres::start())?;
    let (mut idle, mut loaded, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ground.scale.rounds {
        let database = ground.block_on(postgres.database())?;
        let data = ground.folder().join(format!("data{round}"));
        let serving = ground.block_on(tool.serve(ground.folder(), &data, Some(&postgres.url(&database)?)))?;
        // Inside, for there is no timer without a runtime.
        ground.block_on(async { tokio::time::sleep(QUIET).await });
        let at_rest = resident_mb(serving.pid()).ok_or("the receiver has ended")?;
        ground.block_on(async {
            let pool = PgPoolOptions::new().max_connections(1).connect_with(database.clone()).await?;
            register(pool, MasterKey::open(&data.join("master.key"))?).await?;
            known(&serving, &wire).await
        })?;
        let plain = Load::plain(CONNECTIONS, ground.scale.warm_up, ground.scale.time);
        let (sent, most) = watched(&serving, &Load { wire: wire.clone(), ..plain })?;
        ground.block_on(stored_once(&database, &sent.answered))?;
        eprintln!(
            "round {round}/{}  idle {at_rest:.1} MB, under load {most:.1} MB at {:.0} callbacks/s",
            ground.scale.rounds, sent.per_second
        );
        idle.push(at_rest);
        loaded.push(most);
        lines.push(vec![round.to_string(), format!("{at_rest:.1}"), format!("{most:.1}"), thousands(sent.per_second)]);
        drop(serving);
        ground.block_on(postgres.drop_database(&database))?;
    }
    ground.block_on(postgres.stop())?;
    let columns = ["round", "idle, MB", "under load, MB", "callbacks/s"];
    Ok(Measured {
        found: vec![("rss_load_mb", Found::Rounds(loaded)), ("rss_idle_mb", Found::Rounds(idle))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

/// Waits until the receiver takes callbacks of the new endpoint.
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
    tokio::time::timeout(KNOWN_DEADLINE, taken).await.map_err(|_| "the receiver does not take callbacks")?
}

/// Sends, and looks at the memory meanwhile.
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
