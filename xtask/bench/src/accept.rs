//! Accepting alone: our receiver and the one-INSERT-per-request one take turns at the same load.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use eqp_postgres::EmbeddedPostgres;
use serde_json::{Map, Value};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::Failure;
use super::figure::{Better, Figure, median};
use super::load::{self, Outcome};
use super::server::{Kind, Server};

/// Names a Postgres to measure on; else a private one is started.
const VARIABLE: &str = "EQP_BENCH_DATABASE_URL";
/// Answered ids are looked for in pieces of this many.
const LOOK_FOR_AT_ONCE: usize = 50_000;

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Three shorter rounds instead of five.
    #[arg(long)]
    quick: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Connections that send at the same time; what is promised is promised for 64.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

struct Round {
    ours: Outcome,
    theirs: Outcome,
}

/// Measures, prints, and fails where a floor is missed.
pub(super) fn run(options: &Options) -> Result<ExitCode, Failure> {
    // Lives while we measure; the load has a runtime of its own, so that nothing else runs between its requests.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (embedded, server) = if let Ok(url) = std::env::var(VARIABLE) {
        (None, PgConnectOptions::from_str(&url)?)
    } else {
        let embedded = runtime.block_on(async { EmbeddedPostgres::temporary()?.remove_on_stop(true).start().await })?;
        let options = embedded.connect_options("postgres");
        (Some(embedded), options)
    };
    let rounds = measure(options, &runtime, &server);
    if let Some(embedded) = embedded {
        runtime.block_on(embedded.stop())?;
    }
    let figures = figures(&rounds?);
    if options.json {
        let object: Map<String, Value> =
            figures.iter().map(|figure| (figure.id.to_owned(), figure.to_json())).collect();
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        for figure in &figures {
            println!("{figure}");
        }
    }
    Ok(if figures.iter().all(Figure::met) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(
    options: &Options,
    runtime: &tokio::runtime::Runtime,
    server: &PgConnectOptions,
) -> Result<Vec<Round>, Failure> {
    let (rounds, warm_up, time) = if options.quick { (3, 0.5, 2.0) } else { (5, 1.0, 4.0) };
    let ours = runtime.block_on(Contender::new(Kind::Lane, server))?;
    let theirs = runtime.block_on(Contender::new(Kind::Insert, server))?;
    let mut measured = Vec::new();
    for round in 1..=rounds {
        let turn = |contender: &Contender| {
            runtime.block_on(contender.clean())?;
            let warm_up = Duration::from_secs_f64(warm_up);
            let time = Duration::from_secs_f64(time);
            let outcome = load::run(contender.server.address, options.connections, warm_up, time)?;
            runtime.block_on(contender.check(&outcome.answered))?;
            eprintln!(
                "round {round}/{rounds}  {:6}  {:>8.0} callbacks/s  p50 {:>6.2} ms  p99 {:>6.2} ms  {:>7} answered, each stored once",
                contender.kind.as_str(),
                outcome.per_second,
                outcome.percentile(0.5),
                outcome.percentile(0.99),
                outcome.answered.len(),
            );
            Ok::<_, Failure>(outcome)
        };
        measured.push(Round { ours: turn(&ours)?, theirs: turn(&theirs)? });
    }
    runtime.block_on(async {
        ours.remove().await?;
        theirs.remove().await
    })?;
    Ok(measured)
}

fn figures(rounds: &[Round]) -> Vec<Figure> {
    let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<_>>();
    let ours = of(|round| round.ours.per_second);
    let theirs = of(|round| round.theirs.per_second);
    eprintln!("medians: {:.0} callbacks/s, against {:.0}", median(&ours), median(&theirs));
    vec![
        Figure {
            id: "durable_vs_insert",
            better: Better::Higher,
            floor: 4.0,
            aim: 5.5,
            rounds: of(|round| round.ours.per_second / round.theirs.per_second),
        },
        Figure {
            id: "p99_vs_insert",
            better: Better::Lower,
            floor: 0.35,
            aim: 0.15,
            rounds: of(|round| round.ours.percentile(0.99) / round.theirs.percentile(0.99)),
        },
    ]
}

/// One receiver with a database of its own.
struct Contender {
    kind: Kind,
    server: Server,
    database: PgConnectOptions,
    name: String,
    maintenance: PgConnectOptions,
}

impl Contender {
    async fn new(kind: Kind, maintenance: &PgConnectOptions) -> Result<Self, Failure> {
        let name = format!("eqp_bench_{}", Uuid::new_v4().simple());
        execute(maintenance, format!("create database {name}")).await?;
        let database = maintenance.clone().database(&name);
        let server = Server::start(kind, database.to_url_lossy().as_str())?;
        Ok(Self { kind, server, database, name, maintenance: maintenance.clone() })
    }

    /// Both start each round with an empty table and nothing left to write back.
    async fn clean(&self) -> Result<(), Failure> {
        execute(&self.database, "truncate eqp.callback, eqp.callback_pending".to_owned()).await?;
        execute(&self.database, "checkpoint".to_owned()).await
    }

    /// Every answered id is stored, and none was answered twice.
    async fn check(&self, answered: &[Uuid]) -> Result<(), Failure> {
        let mut distinct = answered.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut connection = PgConnection::connect_with(&self.database).await?;
        let mut stored = 0;
        for piece in distinct.chunks(LOOK_FOR_AT_ONCE) {
            let found: i64 = sqlx::query_scalar("select count(*) from eqp.callback where id = any($1)")
                .bind(piece)
                .fetch_one(&mut connection)
                .await?;
            stored += usize::try_from(found)?;
        }
        if stored == answered.len() {
            return Ok(());
        }
        Err(format!(
            "{}: {} answered, {} of them distinct, {stored} stored",
            self.kind.as_str(),
            answered.len(),
            distinct.len()
        )
        .into())
    }

    async fn remove(self) -> Result<(), Failure> {
        drop(self.server);
        execute(&self.maintenance, format!("drop database {} with (force)", self.name)).await
    }
}

async fn execute(options: &PgConnectOptions, statement: String) -> Result<(), Failure> {
    let mut connection = PgConnection::connect_with(options).await?;
    // The statements hold only a name that was made here.
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(connection.close().await?)
}
