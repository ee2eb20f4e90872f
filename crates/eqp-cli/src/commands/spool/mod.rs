//! `eqp spool`: inspects and changes the on-disk spool.

pub(crate) mod change;
pub(crate) mod export;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use eqp_receiver::{Holder, QuarantinedCallback, SnapshotState, SpoolFile, SpoolSettings, SpoolState};
use serde::Serialize;
use uuid::Uuid;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, UtcTime, utc};

/// Inspect and drain the on-disk spool
///
/// While the database is down, `eqp serve` stores callbacks in its spool, and moves them to the database when it is
/// available again. Callbacks that the database rejects because of their data are quarantined.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool show
  eqp spool drain                          # while no receiver is running
  eqp spool export > callbacks.ndjson")]
pub(crate) struct Spool {
    /// Folder of the spool [default: spool in the data folder]
    #[arg(long, global = true, env = "EQP_SPOOL_DIR", hide_env_values = true, value_name = "FOLDER")]
    spool_dir: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(Show),
    Drain(change::Drain),
    Export(export::Export),
    SetAside(change::SetAside),
}

impl Spool {
    /// Returns the configured folder of the spool.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.spool_dir.clone()
    }

    pub(crate) async fn run(self, context: &Context) -> Result {
        match self.verb {
            Verb::Show(Show {}) => Show::run(context),
            Verb::Drain(verb) => verb.run(context).await,
            Verb::Export(verb) => verb.run(context),
            Verb::SetAside(verb) => verb.run(context).await,
        }
    }
}

/// Returns the folder of the spool, which need not exist.
fn place(context: &Context) -> Result<PathBuf> {
    let data = context.settings.data.place()?;
    Ok(context.settings.receiver.spool_dir.clone().unwrap_or_else(|| data.join("spool")))
}

fn open(context: &Context) -> Result<SpoolFile> {
    Ok(SpoolFile::open(&place(context)?)?)
}

/// Returns the spool settings without a size limit.
fn settings(context: &Context) -> Result<SpoolSettings> {
    Ok(SpoolSettings::in_folder(place(context)?).bytes(u64::MAX))
}

/// Maximum number of quarantined callbacks to list; `export` writes all.
const LISTED: usize = 20;

/// Show the callbacks in the spool and in quarantine
///
/// Works while a receiver is using the spool.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool show
  eqp spool show --json | jq .callbacks
  eqp spool show --data-dir /var/lib/eqp")]
pub(crate) struct Show {}

impl Show {
    pub(crate) fn run(context: &Context) -> Result {
        let folder = place(context)?;
        let file = open(context)?;
        let state = file.state()?;
        let quarantined = file.quarantined().take(LISTED).collect::<Result<Vec<_>, _>>()?;
        let holder = file.holder();
        if context.output.is_json() {
            return context.output.json(&SpoolReport {
                folder: &folder,
                in_use_by: holder.map(|holder| SpoolHolder { process: holder.process() }),
                database: state.instance,
                callbacks: state.callbacks,
                oldest: state.oldest.map(UtcTime),
                bytes: state.bytes,
                quarantined: state.quarantined,
                quarantine: quarantined.iter().map(refused).collect(),
                endpoints: state
                    .snapshot
                    .map(|stored| StoredEndpoints { count: stored.endpoints, loaded_at: UtcTime(stored.taken_at) }),
            });
        }
        let output = context.output;
        output.line(format_args!("spool       {}", folder.display()))?;
        output.line(format_args!("in use      {}", in_use(holder)))?;
        output.line(format_args!("callbacks   {}", waiting(&state)))?;
        output.line(format_args!("quarantine  {}", state.quarantined))?;
        output.line(format_args!("size        {} bytes", state.bytes))?;
        let database = state.instance.map_or_else(|| "none yet".to_owned(), |instance| instance.to_string());
        output.line(format_args!("database    {database}"))?;
        output.line(format_args!("endpoints   {}", endpoints(state.snapshot)))?;
        if quarantined.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(&["id", "received (UTC)", "rejected (UTC)", "code", "reason"]);
        for refused in &quarantined {
            table.row([
                refused.callback.id.to_string(),
                utc(refused.callback.received_at),
                utc(refused.refused_at),
                refused.sqlstate.clone(),
                refused.reason.clone(),
            ]);
        }
        output.line(table)?;
        if state.quarantined > LISTED as u64 {
            output.note(format_args!("showing the first {LISTED}; `eqp spool export` writes all"));
        }
        Ok(())
    }
}

/// The contents of a spool as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SpoolReport<'a> {
    /// The folder of the spool.
    folder: &'a Path,
    /// The process that uses the spool, or null.
    in_use_by: Option<SpoolHolder>,
    /// The ID of the database that the callbacks belong to.
    database: Option<Uuid>,
    /// The number of callbacks that wait to be written to the database.
    callbacks: u64,
    /// When the oldest of them was received.
    oldest: Option<UtcTime>,
    /// The size of the callbacks, as counted against the maximum size of the spool.
    bytes: u64,
    /// The number of callbacks that Postgres rejects because of their data.
    quarantined: u64,
    /// The first of them.
    quarantine: Vec<RefusedCallback<'a>>,
    /// The stored endpoints, with which a receiver can start while the database is down.
    endpoints: Option<StoredEndpoints>,
}

/// A process that uses a spool.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct SpoolHolder {
    /// Its ID, if it is known.
    process: Option<u32>,
}

/// Endpoints that are stored in a spool.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct StoredEndpoints {
    /// Their number.
    count: usize,
    /// When they were loaded from the database.
    loaded_at: UtcTime,
}

/// A callback that Postgres rejects.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct RefusedCallback<'a> {
    /// The ID of the callback.
    id: Uuid,
    /// When it arrived.
    received_at: UtcTime,
    /// When it was rejected.
    refused_at: UtcTime,
    /// The code of the database's error.
    sqlstate: &'a str,
    /// The database's error.
    reason: &'a str,
}

fn refused(refused: &QuarantinedCallback) -> RefusedCallback<'_> {
    RefusedCallback {
        id: refused.callback.id,
        received_at: UtcTime(refused.callback.received_at),
        refused_at: UtcTime(refused.refused_at),
        sqlstate: &refused.sqlstate,
        reason: &refused.reason,
    }
}

fn in_use(holder: Option<Holder>) -> String {
    match holder.map(Holder::process) {
        Some(Some(process)) => format!("by process {process}"),
        Some(None) => "by a process".to_owned(),
        None => "no".to_owned(),
    }
}

fn waiting(state: &SpoolState) -> String {
    match state.oldest {
        Some(oldest) => format!("{}, oldest received {} (UTC)", state.callbacks, utc(oldest)),
        None => state.callbacks.to_string(),
    }
}

fn endpoints(kept: Option<SnapshotState>) -> String {
    match kept {
        Some(kept) => format!("{}, as of {} (UTC)", kept.endpoints, utc(kept.taken_at)),
        None => "none: a receiver cannot start without its database".to_owned(),
    }
}
