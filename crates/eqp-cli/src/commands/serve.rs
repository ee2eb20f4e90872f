//! `eqp serve`: the receiver.

use std::sync::Arc;

use clap::Args;
use eqp_receiver::{EndpointSummary, Endpoints, LocalCa, Receiver};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::ca;
use crate::compose::database::{Database, Migrate};
use crate::compose::receiver::{check_certificate, master_key, receiver};
use crate::compose::{hangup, open_files, shutdown};
use crate::config::{DataFolder, OperatorListen, ReceiverOptions, Wire};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::logging::LogFormat;
use crate::output::Output;

/// Receive callbacks: check them, keep them in Postgres, turn them into events
///
/// Without a database it brings a Postgres of its own, in the data folder. Without a certificate it proves itself
/// with one of a local CA, which serves development only. While the database does not take callbacks they are kept in
/// the spool, on this machine's disk; a receiver that has run before even starts without the database. Ctrl-C or SIGTERM lets
/// what has begun come to its end. Certificate files are reloaded when they change and on SIGHUP.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp serve                              # development: local CA, embedded Postgres
  eqp serve --export-ca > eqp-ca.pem     # what a peer has to trust in development
  eqp serve --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem
  EQP_DATABASE_URL_FILE=/run/secrets/database_url \\
      eqp serve --listen 0.0.0.0:8080 --behind-proxy --log-format json")]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) receiver: ReceiverOptions,
    /// Bring the tables of a database that is in use up to date; embedded and empty ones are by themselves
    #[arg(long)]
    migrate: bool,
    /// How the log is written
    #[arg(long, env = "EQP_LOG_FORMAT", hide_env_values = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Print the local CA's certificate and end
    #[arg(long)]
    export_ca: bool,
}

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        if self.export_ca {
            return ca::export(context, false);
        }
        let stop = shutdown::requested();
        // It asks for a reload and never ends a receiver.
        shutdown::keep_running_on_hangup();
        let reload = hangup::on_signal()?;
        open_files::allow_many();
        // What needs no database first: it is quicker to say.
        let wire = context.settings.receiver.wire()?;
        check_certificate(&wire)?;
        let data = context.settings.data.open()?;
        let migrate = if self.migrate { Migrate::Always } else { Migrate::WhenEmpty };
        let Some(database) = stop.run_until_cancelled(Database::open_to_receive(context, migrate)).await else {
            return Ok(());
        };
        let (database, trouble) = database?;
        let serving = Box::pin(serve(context, &database, trouble, &data, &wire, &reload, stop.clone()));
        let served = tokio::select! {
            served = database.keeping_up(&stop, serving) => served,
            // Requests in flight are given up; Postgres is still stopped properly.
            () = shutdown::hurried().cancelled_owned() => Err(Failure::interrupted()),
        };
        let closed = database.close().await;
        served.and(closed)
    }
}

async fn serve(
    context: &Context,
    database: &Database,
    trouble: Option<Failure>,
    data: &DataFolder,
    wire: &Wire,
    reload: &Arc<Notify>,
    stop: CancellationToken,
) -> Outcome {
    let options = &context.settings.receiver;
    let receiver = match receiver(database, data, options.listen(), options, reload).await {
        // It cannot do without the database, of which more is known.
        Err(failure) if failure.is_unreachable() => return Err(trouble.unwrap_or(failure)),
        built => built?,
    };
    let endpoints = endpoints(database, data).await?;
    let scheme = if matches!(wire, Wire::BehindProxy) { "http" } else { "https" };
    let address = receiver.local_addr();
    let operator = receiver.operator_addr();
    let local_ca = matches!(wire, Wire::LocalCa { .. }).then(|| LocalCa::certificate_path(&data.tls()));
    if context.output.is_json() {
        context.output.json(&json!({
            "listening": format!("{scheme}://{address}"),
            "operator": operator.map(|address| format!("http://{address}")),
            "local_ca": local_ca,
            "endpoints": match &endpoints {
                Some(endpoints) => endpoints.iter().map(|endpoint| endpoint.path.clone()).collect(),
                None => receiver.endpoint_paths(),
            },
        }))?;
    }
    let output = context.output;
    output.note(format_args!("receiving on {scheme}://{address}"));
    output.note(format_args!(
        "  database   {}",
        if database.is_embedded() { format!("embedded, in {}", data.postgres().display()) } else { "given".into() }
    ));
    match operator {
        Some(address) => output.note(format_args!("  metrics    http://{address}/metrics")),
        None if options.operator_listen() == OperatorListen::Usual => {
            output.note("  metrics    nowhere, for another program has the usual address (choose: --operator-listen)");
        }
        None => {}
    }
    if let Some(path) = local_ca {
        output.note(format_args!("  local CA   {} (print it: eqp ca)", path.display()));
    }
    let Some(endpoints) = endpoints else {
        output.note("  the database takes no callbacks; they are kept on this machine's disk (see: eqp spool show)");
        return run(receiver, stop, output).await;
    };
    for endpoint in &endpoints {
        output.note(format_args!("  endpoint   {} for {} ({})", endpoint.path, endpoint.mage_id, endpoint.environment));
    }
    if endpoints.is_empty() {
        output.note("  no endpoint yet; make one: eqp callbacks add --name NAME --url https://…");
    }
    run(receiver, stop, output).await
}

/// None where the receiver has started without the database.
async fn endpoints(database: &Database, data: &DataFolder) -> Outcome<Option<Vec<EndpointSummary>>> {
    let key = master_key(data)?;
    let list = async { Endpoints::open(database.pool().clone(), key).await?.list().await };
    match list.await {
        Ok(endpoints) => Ok(Some(endpoints.into_iter().filter(EndpointSummary::is_in_use).collect())),
        Err(error) if error.is_retryable() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn run(receiver: Receiver, stop: CancellationToken, output: Output) -> Outcome {
    receiver.run(stop).await?;
    output.note("stopped");
    Ok(())
}
