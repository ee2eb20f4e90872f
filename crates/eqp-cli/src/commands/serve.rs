//! `eqp serve`: runs the receiver and the other parts of a server.

mod announcement;
mod background;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Args;
use eqp_console::{OperatorListener, OperatorService, SpoolLevel, check_hosts_of_metrics};
use eqp_deliver::{HandlerEnvironment, NewSubscription};
use eqp_receiver::{Limits, Projector, Receiver};
use eqp_release::listing_dates::ReleaseLines;
use eqp_store::Store;
use eqp_store::internal::Part;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use self::announcement::RunningReceiver;
use super::ca;
use super::listings::release_lines::ReleaseLinesOption;
use crate::compose::alerts::describe_alert;
use crate::compose::database::{Database, Migrate};
use crate::compose::operator_listener;
use crate::compose::process;
use crate::compose::process::return_after_floods;
use crate::compose::receiver::{ReceiverSetup, check_certificate, known_master_key};
use crate::config::{
    ComposerOptions, DataFolder, HostName, ListingsInterval, ReceiverOptions, ReconcileInterval, Role, Wire,
    declared_subscriptions, shown, sources,
};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::logging::LogFormat;
use crate::shutdown;

/// Run a server: receive callbacks, deliver events, reconcile accounts
///
/// The operator listener serves metrics, health checks, the operator API and web pages. The API and the pages need a
/// token (see `eqp token`).
///
/// Accounts that were added with `eqp accounts add` are compared with the Marketplace at the start, periodically, after
/// an outage, and after a callback was rejected because of its password. With --role, this process does only a part of
/// the work; other processes with the same database do the rest.
///
/// Without --database, the server runs an embedded Postgres in the data folder. Without --tls-cert, it uses a
/// certificate of a local CA, which is for development only. While the database is down, callbacks are stored in the
/// on-disk spool. A receiver that has connected to its database before can also start while the database is down.
/// Certificate files are reloaded when they change and on SIGHUP. On Ctrl-C or SIGTERM, the server finishes in-flight
/// requests before it exits.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp serve                              # local CA, embedded Postgres
  eqp serve --export-ca > eqp-ca.pem     # the CA to trust in development
  eqp serve --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem
  EQP_DATABASE_URL_FILE=/run/secrets/database_url \\
      eqp serve --listen 0.0.0.0:8080 --behind-proxy --log-format json
  eqp serve --role project,reconcile     # another process accepts callbacks
  eqp serve --role console --operator-listen 127.0.0.1:9000 \\
      --operator-host ops.example.com")]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) receiver: ReceiverOptions,
    /// Parts to run in this process [default: all]
    #[arg(long, env = "EQP_ROLE", hide_env_values = true, value_enum, value_delimiter = ',', value_name = "ROLE")]
    role: Vec<Role>,
    /// Interval between two comparisons of an account with the Marketplace [default: 10m]
    ///
    /// Once a day, all submissions of the account are compared instead of only the changed ones.
    #[arg(long, env = "EQP_RECONCILE_INTERVAL", hide_env_values = true, value_name = "DURATION")]
    reconcile_interval: Option<ReconcileInterval>,
    /// Interval between two checks of the listings in the store, or off [default: 24h]
    ///
    /// After a production account was reconciled, the versions in the store are compared with those at Packagist, and
    /// with the dates that follow from Adobe's rules. See `eqp packages published` and `eqp listings due`.
    #[arg(long, env = "EQP_LISTINGS_INTERVAL", hide_env_values = true, value_name = "DURATION")]
    listings_interval: Option<ListingsInterval>,
    #[command(flatten)]
    pub(crate) composer: ComposerOptions,
    #[command(flatten)]
    release_lines: ReleaseLinesOption,
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
        let roles = self.roles(context);
        let stop = shutdown::requested();
        // SIGHUP reloads the certificate and never ends a receiver.
        shutdown::keep_running_on_hangup();
        let reload = shutdown::reload_requested()?;
        process::allow_many_files();
        check_listen(&roles, context)?;
        // Checked before the database is started, because it fails at once.
        let wire = context.settings.receiver.wire()?;
        if roles.contains(&Role::Accept) {
            check_certificate(&wire)?;
        }
        let listings = self.listings(context, &roles)?;
        let handlers = context.settings.handlers(&context.loaded.programs)?;
        let declared = declared(&roles, context, &handlers)?;
        let data = context.settings.data.open()?;
        let migrate = if self.migrate { Migrate::Always } else { Migrate::WhenEmpty };
        let Some(database) = stop.run_until_cancelled(Database::open_to_receive(context, migrate)).await else {
            return Ok(());
        };
        let (database, trouble) = database?;
        let trimming = tokio::spawn(return_after_floods(database.metrics().clone(), stop.clone()));
        let server = Server {
            context,
            database: &database,
            data: &data,
            wire: &wire,
            reload: &reload,
            roles: &roles,
            interval: self
                .reconcile_interval
                .or(context.settings.receiver.reconcile_interval)
                .map(|interval| interval.0),
            listings,
            handlers: &handlers,
            declared,
            // A child token, because the first part to end stops the others.
            stop: stop.child_token(),
        };
        let serving = Box::pin(server.run(trouble));
        let result = tokio::select! {
            result = database.keeping_up(&stop, serving) => result,
            // In-flight requests are dropped; Postgres is still stopped properly.
            () = shutdown::hurried().cancelled_owned() => Err(Failure::interrupted()),
        };
        trimming.abort();
        let closed = database.close().await;
        result.and(closed)
    }
}

impl Serve {
    /// Returns the parts to run, each once: those of the flag or the variable, otherwise those of the configuration, otherwise all.
    fn roles(&self, context: &Context) -> Vec<Role> {
        let configured = context.settings.receiver.roles.as_ref().filter(|roles| !roles.is_empty());
        let chosen = match configured {
            _ if !self.role.is_empty() => self.role.as_slice(),
            Some(roles) => roles.as_slice(),
            None => &Role::ALL,
        };
        Role::ALL.into_iter().filter(|role| chosen.contains(role)).collect()
    }

    /// Returns how often this process checks listings, and with which release lines. `None` if it does not.
    fn listings(&self, context: &Context, roles: &[Role]) -> Result<Option<(Duration, ReleaseLines)>> {
        let configured = self.listings_interval.or(context.settings.receiver.listings_interval);
        match configured.unwrap_or(ListingsInterval::DEFAULT) {
            ListingsInterval::Every(interval) if roles.contains(&Role::Reconcile) => {
                Ok(Some((interval.0, self.release_lines.read()?)))
            }
            _ => Ok(None),
        }
    }
}

/// Returns the subscriptions that the configuration declares, and its file, if this process delivers. Fails if one of them could never be
/// delivered: a person is watching now, and the receiver has not started.
fn declared(
    roles: &[Role],
    context: &Context,
    handlers: &HandlerEnvironment,
) -> Result<Option<(String, Vec<NewSubscription>)>> {
    let Some(file) = context.loaded.file.as_ref().filter(|_| roles.contains(&Role::Deliver)) else {
        return Ok(None);
    };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
    let declared = declared_subscriptions(&context.loaded.subscriptions, handlers)?;
    Ok(Some((file.display().to_string(), declared)))
}

/// Fails if an address is given for a listener that would not run.
fn check_listen(roles: &[Role], context: &Context) -> Result {
    if roles.contains(&Role::Accept) || !context.flags.iter().any(|flag| flag == "listen") {
        return Ok(());
    }
    Err(Failure::usage("--listen has no effect without the role accept")
        .next("add accept to --role, or omit --listen; --operator-listen is the address of the operator API"))
}

/// The parts that run in this process.
struct Server<'a> {
    context: &'a Context,
    database: &'a Database,
    data: &'a DataFolder,
    wire: &'a Wire,
    reload: &'a Arc<Notify>,
    roles: &'a [Role],
    interval: Option<Duration>,
    /// The interval at which listings are checked, and the release lines of Adobe Commerce. `None` if they are not checked.
    listings: Option<(Duration, ReleaseLines)>,
    handlers: &'a HandlerEnvironment,
    /// The subscriptions that the configuration declares, and its file.
    declared: Option<(String, Vec<NewSubscription>)>,
    stop: CancellationToken,
}

impl Server<'_> {
    /// Runs all parts until shutdown. `trouble` is the reason why the database is unavailable.
    async fn run(&self, trouble: Option<Failure>) -> Result {
        let _stop = self.stop.clone().drop_guard();
        let main_part = async {
            let ended = if self.has(Role::Accept) { self.receive(trouble).await } else { self.work().await };
            self.stop.cancel();
            ended
        };
        let (ended, (), (), ()) = tokio::join!(main_part, self.reconcile(), self.alerts(), self.deliver());
        ended
    }

    fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Runs without accepting callbacks until shutdown.
    async fn work(&self) -> Result {
        let roles: Vec<_> = self.roles.iter().map(|role| role.name()).collect();
        let output = self.context.output;
        let operator = self.bind_operator()?;
        let address = operator.as_ref().map(OperatorListener::local_addr);
        if output.is_json() {
            output.json(&RunningReceiver {
                listening: None,
                operator: address.map(|address| format!("http://{address}")),
                local_ca: None,
                roles: roles.clone(),
                endpoints: Vec::new(),
            })?;
        }
        output.note(format_args!("running the roles {}, without accepting callbacks", roles.join(", ")));
        self.note_operator(address);
        let status = Receiver::worker_router(self.database.pool().clone(), self.database.metrics().clone());
        tokio::join!(self.project(), self.serve_operators(operator, status, || None));
        output.note("stopped");
        Ok(())
    }

    /// Derives events until shutdown, if this process does.
    async fn project(&self) {
        if self.has(Role::Project) {
            let projector = Projector::new(self.database.pool().clone(), Arc::default());
            let supervisor = self.database.metrics().supervisor().clone();
            let part = || projector.clone().run(self.stop.clone());
            let _ended = supervisor.run(Part::Projector, &self.stop, part).await;
        } else {
            self.stop.cancelled().await;
        }
    }

    /// Binds the operator listener, if it is not off.
    fn bind_operator(&self) -> Result<Option<OperatorListener>> {
        let options = &self.context.settings.receiver;
        let listener = operator_listener::bind(options, self.database.metrics().supervisor())?;
        if listener.is_none() && self.roles == [Role::Console] {
            return Err(Failure::new(Exit::Failed, "the operator API cannot be served")
                .why("its listener is off, or another program uses the default address")
                .next("choose an address with --operator-listen"));
        }
        Ok(listener)
    }

    /// Serves the operator API, if this process does, and `status` on the operator listener until shutdown.
    async fn serve_operators(
        &self,
        listener: Option<OperatorListener>,
        status: Router,
        spool: impl Fn() -> Option<SpoolLevel> + Send + Sync + 'static,
    ) {
        let Some(listener) = listener else { return self.stop.cancelled().await };
        let hosts = self.context.settings.receiver.operator_hosts.iter().flatten();
        let hosts: Vec<String> = hosts.map(|host: &HostName| host.as_str().to_owned()).collect();
        let status = check_hosts_of_metrics(status, &hosts);
        let router = if self.has(Role::Console) {
            let mut service = OperatorService::new(Store::new(self.database.pool().clone()))
                .describe_alerts(Arc::new(describe_alert))
                .describe_products(sources(&self.context.loaded.products))
                .handlers(self.handlers.clone())
                .configuration(self.shown_settings())
                .products(shown(&self.context.loaded.products))
                .spool(spool)
                .stuck_limits(self.context.settings.alerts.limits())
                .shutdown(self.stop.clone());
            // Without a key, subscriptions with secrets cannot be created.
            service = match known_master_key(self.data) {
                Ok(Some(key)) => service.master_key(key),
                Ok(None) => service,
                Err(failure) => service.unusable_master_key(failure.in_one_line()),
            };
            status.merge(service.network_router(&hosts))
        } else {
            status
        };
        Box::pin(listener.serve(router, self.stop.clone())).await;
    }

    /// Accepts callbacks until shutdown.
    async fn receive(&self, trouble: Option<Failure>) -> Result {
        let Self { database, data, .. } = self;
        let options = &self.context.settings.receiver;
        let setup = ReceiverSetup {
            database,
            data,
            listen: options.listen(),
            options,
            limits: Limits::default(),
            projects: self.has(Role::Project),
            reload: self.reload,
        };
        let receiver = match setup.build().await {
            // The reason why the database is unavailable is the more useful error.
            Err(failure) if failure.is_unreachable() => return Err(trouble.unwrap_or(failure)),
            built => built?,
        };
        let operator = self.bind_operator()?;
        self.announce(&receiver, operator.as_ref().map(OperatorListener::local_addr)).await?;
        let status = receiver.operator_router();
        let level = receiver.spool_level();
        let spool = move || {
            level().map(|level| SpoolLevel {
                callbacks: level.callbacks,
                oldest_at: level.oldest,
                quarantined: level.quarantined,
                size_bytes: level.bytes,
            })
        };
        let accepting = async {
            let ended = receiver.run(self.stop.clone()).await;
            // The first part to end stops the others.
            self.stop.cancel();
            ended
        };
        let (ended, ()) = tokio::join!(accepting, self.serve_operators(operator, status, spool));
        ended?;
        self.context.output.note("stopped");
        Ok(())
    }
}
