//! Reconciliation of an account in which nothing has changed: its calls, and its memory.

use std::path::PathBuf;

use clap::Args;
use eqp_receiver::CancellationToken;
use eqp_sync::{ReconcileReport, ReconcileScope, Reconciler};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};

use super::client::memory::Added;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::marketplace::{Marketplace, Reach};
use crate::postgres::{Postgres, by_socket};
use crate::projected::projected;
use crate::receivers::{Kind, again};
use crate::target::Target;

pub(super) const ROW: Row = Row {
    name: "reconcile",
    title: "Reconciling an account",
    how: "An account of 10,000 packages at a simulator in another process. The first run stores all of them, and they \
          are projected. Then nothing changes, and an incremental and a full run are made, each in a new process: the \
          number of calls that the simulator answers, including the one for the session and without those for files \
          and for the reasons of rejections, of which each run reads at most 20, and the peak of the memory of the full \
          run, minus that before it began. Each run must read all packages that \
          it should, and store nothing.",
    takes: ("1 min", "1 min"),
    promises: &[
        Promise::at_most("reconcile_calls", 2.0, 1.0, "calls of an incremental run with 10,000 unchanged packages"),
        Promise::at_most("reconcile_full_calls", 110.0, 105.0, "calls of a full run with 10,000 unchanged packages"),
        Promise::at_most("reconcile_rss_mb", 32.0, 8.0, "memory that a full run adds, MB"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let mut marketplace = Marketplace::start(harness.scale.reconciled)?;
    marketplace.reach.write(harness.folder())?;
    let ours = harness.block_on(Target::new(Kind::OursProjecting, &postgres, harness))?;
    let mut run = |scope: Scope| -> Result<(Ran, u64), Failure> {
        let before = marketplace.calls()?;
        let ran = start(scope, harness, &ours)?;
        Ok((ran, marketplace.calls()? - before))
    };
    let (first, _) = run(Scope::Full)?;
    if first.submissions != harness.scale.reconciled as u64 {
        return Err(format!("the first run has read {} packages", first.submissions).into());
    }
    harness.block_on(all_tracked(&ours, harness.scale.reconciled))?;
    let (mut incremental, mut full, mut memory, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let (changed, incremental_calls) = run(Scope::Incremental)?;
        let (all, full_calls) = run(Scope::Full)?;
        if all.submissions != harness.scale.reconciled as u64 || all.stored + changed.stored > 0 {
            return Err(format!("a full run has read {} packages; {changed:?}, {all:?}", all.submissions).into());
        }
        let calls = |ran: &Ran, calls: u64| f64::from(u32::try_from(calls - ran.files).unwrap_or(u32::MAX));
        let added = all.added.map_or_else(|| "not reported".to_owned(), |added| format!("{added:.1}"));
        eprintln!("round {round}: {incremental_calls} and {full_calls} calls, {added} MB");
        incremental.push(calls(&changed, incremental_calls));
        full.push(calls(&all, full_calls));
        memory.extend(all.added);
        lines.push(vec![round.to_string(), incremental_calls.to_string(), full_calls.to_string(), added]);
    }
    drop(ours);
    drop(marketplace);
    harness.block_on(postgres.stop())?;
    let memory = if memory.is_empty() {
        Measurement::NotRun("this system does not report the memory of a process".to_owned())
    } else {
        Measurement::Rounds(memory)
    };
    let columns = ["round", "calls, incremental", "calls, full", "memory added, MB"];
    Ok(Measured {
        found: vec![
            ("reconcile_calls", Measurement::Rounds(incremental)),
            ("reconcile_full_calls", Measurement::Rounds(full)),
            ("reconcile_rss_mb", memory),
        ],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

/// Waits until the first run is projected, after which the database has every package.
async fn all_tracked(ours: &Target, packages: usize) -> Result<(), Failure> {
    projected(&ours.database).await?;
    let mut connection = PgConnection::connect_with(&ours.database).await?;
    let known: i64 = sqlx::query_scalar("select count(*) from eqp.v_submission").fetch_one(&mut connection).await?;
    connection.close().await?;
    if usize::try_from(known)? == packages { Ok(()) } else { Err(format!("{known} packages are known").into()) }
}

/// The extent of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scope {
    Incremental,
    Full,
}

/// The arguments of the process that reconciles.
#[derive(Debug, Args)]
pub(crate) struct Reconciles {
    scope: Scope,
    /// The folder of the Postgres socket.
    socket: PathBuf,
    database: String,
    /// The folder with the connection data of the simulator.
    folder: PathBuf,
}

/// The result of the process.
#[derive(Debug, Serialize, Deserialize)]
struct Ran {
    submissions: u64,
    files: u64,
    stored: u64,
    /// The peak of the memory in MB, minus that before the run.
    added: Option<f64>,
}

fn start(scope: Scope, harness: &Harness, ours: &Target) -> Result<Ran, Failure> {
    let name = if scope == Scope::Full { "full" } else { "incremental" };
    let mut command = again()?;
    command.args(["reconcile", name]).arg(ours.database.get_socket().ok_or("the database has no socket")?);
    command.arg(ours.database.get_database().ok_or("the database has no name")?).arg(harness.folder());
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("reconciliation failed ({})", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs that process.
pub(crate) fn reconcile(options: &Reconciles) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let pool = PgPoolOptions::new().connect_with(by_socket(&options.socket, &options.database)).await?;
        let reconciler = Reconciler::new(Reach::in_folder(&options.folder)?.client()?, pool);
        let scope = match options.scope {
            Scope::Incremental => ReconcileScope::Incremental,
            Scope::Full => ReconcileScope::Full,
        };
        let memory = Added::begin();
        let report = reconciler.run(&scope, &CancellationToken::new(), &mut |_| {}).await?;
        let ReconcileReport { submissions, files, stored, .. } = report;
        let ran = Ran { submissions, files, stored, added: memory.and_then(|memory| memory.peak()) };
        println!("{}", serde_json::to_string(&ran)?);
        Ok(())
    })
}
