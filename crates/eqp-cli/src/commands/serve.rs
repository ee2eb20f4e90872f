//! `eqp serve`: runs the receiver.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use eqp_receiver::{Limits, LocalCa, Receiver};
use eqp_store::{EndpointSummary, Endpoints};
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::ca;
use crate::compose::database::{Database, Migrate};
use crate::compose::process;
use crate::compose::process::return_after_floods;
use crate::compose::receiver::{check_certificate, master_key, receiver};
use crate::config::{DataFolder, OperatorListen, ReceiverOptions, Wire};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::logging::LogFormat;
use crate::output::Output;
use crate::shutdown;

/// Run the receiver: accept and store callbacks, and derive events from them
///
/// Without --database, it runs an embedded Postgres in the data folder. Without --tls-cert, it uses a certificate of a
/// local CA, which is for development only. While the database is down, callbacks are stored in the on-disk spool. A
/// receiver that has connected to its database before can also start while the database is down. Certificate files are
/// reloaded when they change and on SIGHUP. On Ctrl-C or SIGTERM, the receiver finishes in-flight requests before it
/// exits.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp serve                              # development: local CA and embedded Postgres
  eqp serve --export-ca > eqp-ca.pem     # the certificate that peers have to trust in development
  eqp serve --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem
  EQP_DATABASE_URL_FILE=/run/secrets/database_url \\
      eqp serve --listen 0.0.0.0:8080 --behind-proxy --log-format json")]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) receiver: ReceiverOptions,
    /// Run pending migrations on a non-empty database (empty and embedded ones are migrated automatically)
    #[arg(long)]
    migrate: bool,
    /// Format of the log
    #[arg(long, env = "EQP_LOG_FORMAT", hide_env_values = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Print the local CA's certificate and exit
    #[arg(long)]
    export_ca: bool,
}

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Result {
        if self.export_ca {
            return ca::export(context, false, false).await;
        }
        let stop = shutdown::requested();
        // SIGHUP reloads the certificate and never ends a receiver.
        shutdown::keep_running_on_hangup();
        let reload = shutdown::reload_requested()?;
        process::allow_many_files();
        // Checked before the database is started, because it fails at once.
        let wire = context.settings.receiver.wire()?;
        check_certificate(&wire)?;
        let data = context.settings.data.open()?;
        let migrate = if self.migrate { Migrate::Always } else { Migrate::WhenEmpty };
        let Some(database) = stop.run_until_cancelled(Database::open_to_receive(context, migrate)).await else {
            return Ok(());
        };
        let (database, trouble) = database?;
        let trimming = tokio::spawn(return_after_floods(database.metrics().clone(), stop.clone()));
        let serving = Box::pin(serve(context, &database, trouble, &data, &wire, &reload, stop.clone()));
        let served = tokio::select! {
            served = database.keeping_up(&stop, serving) => served,
            // In-flight requests are dropped; Postgres is still stopped properly.
            () = shutdown::hurried().cancelled_owned() => Err(Failure::interrupted()),
        };
        trimming.abort();
        let closed = database.close().await;
        served.and(closed)
    }
}

/// A running receiver as JSON, printed once it accepts callbacks.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RunningReceiver<'a> {
    /// The base URL of the public listener.
    listening: String,
    /// The base URL for metrics and health checks; null if they are not served.
    operator: Option<String>,
    /// The certificate of the local CA; null if another certificate is used.
    local_ca: Option<&'a Path>,
    /// The paths of the endpoints.
    endpoints: Vec<String>,
}

async fn serve(
    context: &Context,
    database: &Database,
    trouble: Option<Failure>,
    data: &DataFolder,
    wire: &Wire,
    reload: &Arc<Notify>,
    stop: CancellationToken,
) -> Result {
    let options = &context.settings.receiver;
    let receiver = match receiver(database, data, options.listen(), options, Limits::default(), reload).await {
        // The reason why the database is unavailable is the more useful error.
        Err(failure) if failure.is_unreachable() => return Err(trouble.unwrap_or(failure)),
        built => built?,
    };
    let endpoints = endpoints(database, data).await?;
    let scheme = if matches!(wire, Wire::BehindProxy) { "http" } else { "https" };
    let address = receiver.local_addr();
    let operator = receiver.operator_addr();
    let local_ca = matches!(wire, Wire::LocalCa { .. }).then(|| LocalCa::certificate_path(&data.tls()));
    if context.output.is_json() {
        context.output.json(&RunningReceiver {
            listening: format!("{scheme}://{address}"),
            operator: operator.map(|address| format!("http://{address}")),
            local_ca: local_ca.as_deref(),
            endpoints: match &endpoints {
                Some(endpoints) => endpoints.iter().map(|endpoint| endpoint.path.clone()).collect(),
                None => receiver.endpoint_paths(),
            },
        })?;
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
            output
                .note("  metrics    off: another program uses the default address (choose one with --operator-listen)");
        }
        None => {}
    }
    if let Some(path) = local_ca {
        output.note(format_args!("  local CA   {} (print it: eqp ca)", path.display()));
    }
    let Some(endpoints) = endpoints else {
        output.note("  database unavailable, spooling callbacks to disk (see: eqp spool show)");
        return run(receiver, stop, output).await;
    };
    for endpoint in &endpoints {
        output.note(format_args!("  endpoint   {} for {} ({})", endpoint.path, endpoint.mage_id, endpoint.environment));
    }
    if endpoints.is_empty() {
        output.note("  no endpoint yet; create one: eqp callbacks add --name NAME --url https://…");
    }
    run(receiver, stop, output).await
}

/// Returns the endpoints in use, or `None` if the receiver has started without its database.
async fn endpoints(database: &Database, data: &DataFolder) -> Result<Option<Vec<EndpointSummary>>> {
    let key = master_key(database, data).await?;
    let list = async { Endpoints::open(database.pool().clone(), key).await?.list().await };
    match list.await {
        Ok(endpoints) => Ok(Some(endpoints.into_iter().filter(EndpointSummary::is_in_use).collect())),
        Err(error) if error.is_retryable() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn run(receiver: Receiver, stop: CancellationToken, output: Output) -> Result {
    receiver.run(stop).await?;
    output.note("stopped");
    Ok(())
}
