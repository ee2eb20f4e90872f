//! `eqp spool export`: writes the spooled callbacks as JSON.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use eqp_receiver::{QuarantinedCallback, SpooledCallback};
use serde::Serialize;
use uuid::Uuid;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{UtcTime, counted};

/// Write all callbacks in the spool as JSON, one object per line
///
/// Headers and bodies are encoded in base64. Quarantined callbacks come last. The spool is not changed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool export --output spooled.ndjson
  eqp spool export \\
      | jq -r 'select(.state == \"quarantined\") | .body_base64' | base64 -d")]
pub(crate) struct Export {
    /// File to create with mode 0600, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(crate) fn run(self, context: &Context) -> Result {
        let file = super::open(context)?;
        let waiting =
            file.callbacks().map(|callback| callback.map(|callback| exported(&callback, ExportedState::Waiting)));
        let quarantined = file.quarantined().map(|refused| refused.map(|refused| quarantined(&refused)));
        let lines = waiting.chain(quarantined);
        let mut count = 0_u64;
        match &self.output {
            None => {
                for line in lines {
                    context.output.json(&line?)?;
                    count += 1;
                }
            }
            Some(path) => {
                let failed = |error: std::io::Error| cannot_write(path, &error);
                let mut writer = BufWriter::new(make(path).map_err(failed)?);
                for line in lines {
                    serde_json::to_writer(&mut writer, &line?).map_err(std::io::Error::from).map_err(failed)?;
                    writer.write_all(b"\n").map_err(failed)?;
                    count += 1;
                }
                writer.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
            }
        }
        context.output.note(counted(count, "callback"));
        Ok(())
    }
}

/// Creates the file; an existing one is never overwritten.
fn make(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::new(
        if error.kind() == ErrorKind::AlreadyExists { Exit::Usage } else { Exit::Failed },
        format!("cannot write {}", path.display()),
    );
    failure.because(error).next("choose another file with --output")
}

/// An exported callback.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ExportedCallback {
    #[serde(flatten)]
    state: ExportedState,
    /// The ID of the callback, which its sender received in the response.
    id: Uuid,
    /// The number of the endpoint in the database.
    endpoint: i64,
    /// The number of the credential in the database.
    credential: i64,
    /// When it arrived.
    received_at: UtcTime,
    /// The IP address of the sender.
    source: IpAddr,
    /// The stored headers, in Base64.
    headers_base64: String,
    /// The body, in Base64.
    body_base64: String,
}

/// The state of an exported callback.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
enum ExportedState {
    /// It waits to be written to the database.
    Waiting,
    /// Postgres rejects it because of its data.
    Quarantined {
        /// The code of the database's error.
        sqlstate: String,
        /// The database's error.
        reason: String,
        /// When it was rejected.
        refused_at: UtcTime,
    },
}

fn exported(callback: &SpooledCallback, state: ExportedState) -> ExportedCallback {
    ExportedCallback {
        state,
        id: callback.id,
        endpoint: callback.endpoint.0,
        credential: callback.credential.0,
        received_at: UtcTime(callback.received_at),
        source: callback.source,
        headers_base64: STANDARD.encode(&callback.headers),
        body_base64: STANDARD.encode(&callback.body),
    }
}

fn quarantined(refused: &QuarantinedCallback) -> ExportedCallback {
    let state = ExportedState::Quarantined {
        sqlstate: refused.sqlstate.clone(),
        reason: refused.reason.clone(),
        refused_at: UtcTime(refused.refused_at),
    };
    exported(&refused.callback, state)
}
