//! `eqp doctor`: shows every setting with its origin, and checks the installation.

mod canary;
mod certificate;
mod database;
mod deliveries;
mod marketplace;
mod public_url;
mod receiver;
mod reconciliation;
mod registrations;
mod report;
mod server;
mod settings;
mod setup;
mod spool;
mod versions;

use clap::Args;
use eqp_console::SetupStep;
use eqp_sync::{Check, CheckState};
use time::OffsetDateTime;
use url::Url;

use self::database::Opened;
pub(crate) use self::report::DoctorReport;
use self::setup::Setup;
use crate::commands::checklist::checklist;
use crate::config::ReceiverOptions;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Table;

/// Show every setting with its origin, and check the installation
///
/// The checks cover the Marketplace, clocks, the database with its privileges and durability, registrations,
/// deliveries, reconciliation, public URLs, versions, and the receiver with its certificate, spool and disk. They
/// change nothing, but start the embedded Postgres if it is not running. The exit code is 1 if a check fails, and 0 if
/// there are only warnings. It fails, for example, if an endpoint is registered and no receiver answers at its URL. Before the first callback from Adobe, the output begins with the steps that are missing.
/// With --server, run the command on the server to check its database and receiver.
///
/// With --canary, only a test callback is sent to the public URL, with a credential that is valid for one minute, and then
/// looked up in the database. It is stored, but never becomes an event, and does not count as a callback from Adobe. The
/// result applies only to the machine that sends the request: this one, or the proxy of --via.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp doctor
  eqp doctor --json | jq '.checks[] | select(.state == \"failed\")'
  eqp doctor --canary
  # another host makes the request (ssh -D 1080 that.host)
  eqp doctor --canary main --via socks5h://127.0.0.1:1080")]
pub(crate) struct Doctor {
    /// Only send a test callback, to this endpoint or to all registered ones
    #[arg(long, value_name = "ENDPOINT", num_args = 0..=1, default_missing_value = "")]
    canary: Option<String>,
    /// URL of a proxy on another host, through which --canary sends the request (http, https, socks5h)
    #[arg(long, value_name = "URL", requires = "canary", value_parser = proxy)]
    via: Option<Url>,
    #[command(flatten)]
    pub(crate) receiver: ReceiverOptions,
}

/// Parses the URL of a proxy. Its password would be visible to other users of the machine.
fn proxy(text: &str) -> std::result::Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "it is not a URL such as socks5h://127.0.0.1:1080".to_owned())?;
    if !matches!(url.scheme(), "http" | "https" | "socks5h") || !url.has_host() {
        return Err("it is not the URL of an http, https or socks5h proxy, such as socks5h://127.0.0.1:1080".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains a user name or a password, which other users of this machine could read".to_owned());
    }
    Ok(url)
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let output = context.output;
        if let Some(endpoint) = &self.canary {
            let endpoint = Some(endpoint.as_str()).filter(|name| !name.is_empty());
            let checks = canary::canaries(context, endpoint, self.via.as_ref()).await?;
            if !output.is_json() {
                checks.iter().try_for_each(|check| report::print(output, check))?;
            }
            return finished(context, &[], &[], &checks);
        }
        let settings = settings::all(context);
        let opened = database::open(context).await;
        let is_remote = context.settings.server.url.is_some();
        let Setup { steps: setup, is_proven } = match &opened {
            Opened::Usable(_) => setup::recorded(context).await,
            Opened::Unusable(_) if is_remote => setup::recorded(context).await,
            // A database that exists and cannot be used says nothing about going live.
            Opened::Unusable(check) if matches!(check.state, CheckState::Absent(_)) => {
                setup::without_database(context).await
            }
            Opened::Unusable(_) => Setup::default(),
        };
        let needs_receiver = matches!(&opened, Opened::Usable(usable) if usable.1.needs_receiver());
        if !output.is_json() {
            if !setup.is_empty() {
                output.line(checklist(&setup))?;
                output.line("")?;
            }
            let mut table = Table::new(&["setting", "value", "from"]);
            for setting in &settings {
                table.row([setting.name, &setting.value, &setting.from]);
            }
            output.line(table)?;
            output.line("")?;
        }
        let mut checks = Vec::new();
        let mut add = |check: Check<Failure>| {
            if !output.is_json() {
                report::print(output, &check)?;
            }
            checks.push(check);
            Ok::<_, Failure>(())
        };
        if let Some(check) = server::server(context).await {
            add(check)?;
        }
        let marketplace = marketplace::marketplace(context).await;
        let is_silent = matches!(&marketplace.state, CheckState::Failed(failure) if failure.is_unreachable());
        add(marketplace)?;
        for check in stored(context, opened, !is_silent, is_proven).await {
            add(check)?;
        }
        add(receiver::receiver(context, needs_receiver).await)?;
        add(certificate::certificate(context))?;
        for check in spool::checks(context) {
            add(check)?;
        }
        finished(context, &settings, &setup, &checks)
    }
}

/// Returns the checks of what is in the database, and of the clock. Closes the database. The time of the Marketplace is requested if it can be
/// reached. With `is_proven`, something has arrived through the public URL lately.
async fn stored(context: &Context, opened: Opened, reaches_marketplace: bool, is_proven: bool) -> Vec<Check<Failure>> {
    let ahead_of_api = if reaches_marketplace { marketplace::ahead_of_api(context).await } else { None };
    let (database, facts) = match opened {
        Opened::Usable(usable) => *usable,
        Opened::Unusable(check) => {
            return vec![
                marketplace::clock(ahead_of_api, None),
                check,
                registrations::unchecked(),
                deliveries::unchecked(),
                reconciliation::unchecked(),
                public_url::unchecked(),
                versions::unchecked(),
            ];
        }
    };
    let interval = context.settings.receiver.reconcile_interval.map(|interval| interval.0);
    let mut checks = vec![marketplace::clock(ahead_of_api, Some(facts.clock_ahead))];
    checks.extend(database::checks(&facts));
    checks.push(registrations::registrations(&facts.registrations, OffsetDateTime::now_utc()));
    checks.push(deliveries::deliveries(&database, &context.loaded.subscriptions).await);
    checks.push(reconciliation::reconciliation(&database, interval).await);
    checks.push(public_url::public_urls(context, &facts.endpoints, is_proven).await);
    checks.push(versions::versions(&facts.receivers));
    if let Err(failure) = database.close().await {
        checks.push(Check::new("database", Err(failure)));
    }
    checks
}

/// Prints the report as JSON, and returns the result of the command.
fn finished(
    context: &Context,
    settings: &[settings::Setting],
    setup: &[SetupStep],
    checks: &[Check<Failure>],
) -> Result {
    if context.output.is_json() {
        context.output.json(&DoctorReport::new(settings, setup, checks))?;
    }
    if checks.iter().any(|check| matches!(check.state, CheckState::Failed(_))) {
        // The failed checks have been printed already.
        return Err(Failure::new(Exit::Failed, "a check has failed").already_reported());
    }
    Ok(())
}
