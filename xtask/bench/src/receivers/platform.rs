//! The parts that run beside our receiver in the same process: deliveries, reconciliation, and the operator API.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eqp_client::Client;
use eqp_console::{OperatorListener, OperatorService};
use eqp_deliver::{AddressGuard, DeliverService, HandlerEnvironment};
use eqp_receiver::CancellationToken;
use eqp_store::internal::AccessKeys;
use eqp_store::{Endpoints, MasterKey, Observer, Store};
use eqp_sync::{Connect, ReconcileIntervals, ReconcileService};
use eqp_types::{ApiKey, Environment};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::ours::master_key;
use super::{Kind, Receives};
use crate::Failure;
use crate::marketplace::Reach;

/// The interval of reconciliation, much shorter than in practice, so that it runs in every sample.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(1);

/// The parts beside a receiver.
pub(super) struct Beside {
    pub(super) pool: PgPool,
    pub(super) key: MasterKey,
    pub(super) observer: Observer,
    pub(super) shutdown: CancellationToken,
}

impl Beside {
    /// Runs the parts that this kind of process has, until shutdown.
    pub(super) async fn run(self, options: &Receives) -> Result<(), Failure> {
        match options.kind {
            Kind::OursDelivering => self.deliver().await?,
            Kind::Platform => {
                let reconcile = self.reconcile(&Reach::in_folder(&options.folder)?).await?;
                let console = serve_console(options, self.pool.clone(), self.shutdown.clone());
                let (delivered, (), served) =
                    tokio::join!(self.deliver(), reconcile.run(self.shutdown.clone()), console);
                delivered.and(served)?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn deliver(&self) -> Result<(), Failure> {
        let environment = HandlerEnvironment::new(AddressGuard::allowing(["127.0.0.0/8"])?);
        let service = DeliverService::new(self.pool.clone(), self.key.clone(), environment);
        service.observer(self.observer.clone()).run(self.shutdown.clone()).await;
        Ok(())
    }

    /// Stores the access key of the simulator, and returns the part that reconciles its account.
    async fn reconcile(&self, reach: &Reach) -> Result<ReconcileService, Failure> {
        let endpoints = Endpoints::open(self.pool.clone(), self.key.clone()).await?;
        let client = reach.client()?;
        let account = endpoints.ensure_account(client.environment(), &client.session().await?.mage_id).await?;
        let keys = AccessKeys::open(self.pool.clone(), self.key.clone()).await?;
        let ApiKey { application_id, application_secret } = reach.key();
        keys.store(account, &application_id, client.api_url().as_str(), Some(&application_secret)).await?;
        let connect: Connect = Arc::new(move |_: Environment, _: ApiKey| Ok::<Client, _>(client.clone()));
        Ok(ReconcileService::new(self.pool.clone(), self.key.clone(), connect)
            .intervals(ReconcileIntervals::default().incremental(RECONCILE_INTERVAL))
            .observer(self.observer.clone()))
    }
}

/// Serves the operator API and its pages until shutdown.
async fn serve_console(options: &Receives, pool: PgPool, shutdown: CancellationToken) -> Result<(), Failure> {
    let listener = OperatorListener::bind(options.operator.ok_or("the operator API has no address")?)?;
    let service = OperatorService::new(Store::new(pool)).shutdown(shutdown.clone()).network_router(&[]);
    listener.serve(service, shutdown).await;
    Ok(())
}

/// Runs the process of an operator service without other parts.
pub(super) async fn console(
    options: &Receives,
    database: PgConnectOptions,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let pool = PgPool::connect_with(database).await?;
    // It receives no callbacks.
    println!("127.0.0.1:0");
    serve_console(options, pool, shutdown).await
}

/// Runs the process of a worker that only delivers.
pub(super) async fn deliver(
    options: &Receives,
    database: PgConnectOptions,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let pool = PgPool::connect_with(database).await?;
    let key = master_key(Path::new(&options.folder), &options.database)?;
    // It listens nowhere.
    println!("127.0.0.1:0");
    Beside { pool, key, observer: Observer::default(), shutdown }.deliver().await
}
