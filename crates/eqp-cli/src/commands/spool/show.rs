//! `eqp spool show`.

use clap::Args;
use eqp_receiver::{Holder, QuarantinedCallback, SnapshotState, SpoolState};
use serde_json::json;

use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Table, rfc3339, utc};

/// How many callbacks of the quarantine are listed; `export` has them all.
const LISTED: usize = 20;

/// Show what waits in the spool, how long already, and what is in quarantine
///
/// It looks without disturbing: also while a receiver uses the spool.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool show
  eqp spool show --json | jq .callbacks
  eqp spool show --data-dir /var/lib/eqp")]
pub(crate) struct Show {}

impl Show {
    pub(crate) fn run(context: &Context) -> Outcome {
        let folder = super::place(context)?;
        let file = super::open(context)?;
        let state = file.state()?;
        let quarantined = file.quarantined().take(LISTED).collect::<Result<Vec<_>, _>>()?;
        let holder = file.holder();
        if context.output.is_json() {
            return context.output.json(&json!({
                "folder": folder,
                "in_use_by": holder.map(|holder| json!({"process": holder.process()})),
                "database": state.instance,
                "callbacks": state.callbacks,
                "oldest": state.oldest.map(rfc3339),
                "bytes": state.bytes,
                "quarantined": state.quarantined,
                "quarantine": quarantined.iter().map(shown).collect::<Vec<_>>(),
                "endpoints": state.snapshot.map(|kept| {
                    json!({"count": kept.endpoints, "loaded_at": rfc3339(kept.taken_at)})
                }),
            }));
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
        let mut table = Table::new(&["id", "received (UTC)", "refused (UTC)", "code", "reason"]);
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
            output.note(format_args!("the first {LISTED}; eqp spool export has them all"));
        }
        Ok(())
    }
}

fn shown(refused: &QuarantinedCallback) -> serde_json::Value {
    json!({
        "id": refused.callback.id,
        "received_at": rfc3339(refused.callback.received_at),
        "refused_at": rfc3339(refused.refused_at),
        "sqlstate": refused.sqlstate,
        "reason": refused.reason,
    })
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
        Some(oldest) => format!("{}, the first since {} (UTC)", state.callbacks, utc(oldest)),
        None => state.callbacks.to_string(),
    }
}

fn endpoints(kept: Option<SnapshotState>) -> String {
    match kept {
        Some(kept) => format!("{}, as of {} (UTC)", kept.endpoints, utc(kept.taken_at)),
        None => "none kept: a receiver cannot start without its database".to_owned(),
    }
}
