//! Our receiver with its default settings.

use std::net::Ipv4Addr;
use std::path::Path;

use eqp_receiver::{CancellationToken, Identity, Receiver, SpoolSettings, Tls};
use eqp_store::{Endpoints, MasterKey, NewEndpoint};
use eqp_types::{Environment, MageId, Secret};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::platform::Beside;
use super::{Kind, Receives};
use crate::Failure;
use crate::load::{Certificate, PATH};

pub(super) async fn serve(
    options: &Receives,
    database: PgConnectOptions,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let pool = PgPool::connect_with(database.clone()).await?;
    let key = master_key(&options.folder, &options.database)?;
    register(pool.clone(), key.clone()).await?;
    let spool = SpoolSettings::in_folder(options.folder.join(format!("{}.spool", options.database)));
    let mut builder =
        Receiver::builder(database).master_key(key.clone()).spool(spool).listen((Ipv4Addr::LOCALHOST, 0).into());
    builder = builder.behind_proxy(options.behind_proxy);
    if options.tls {
        let certificate = Certificate::in_folder(&options.folder);
        builder = builder.tls(Tls::Identity(Identity::from_files(&certificate.chain, &certificate.key)?));
    }
    if options.kind == Kind::Ours {
        builder = builder.accept_only();
    }
    let beside = Beside { pool, key, observer: builder.observer(), shutdown: shutdown.clone() };
    let receiver = builder.build().await?;
    println!("{}", receiver.local_addr());
    let (ended, beside) = tokio::join!(receiver.run(shutdown), beside.run(options));
    ended?;
    beside
}

/// Returns the master key of a database. It is stored, because a process that restarts with the same database needs the same key.
pub(crate) fn master_key(folder: &Path, database: &str) -> Result<MasterKey, Failure> {
    Ok(MasterKey::open(&folder.join(format!("{database}.key")))?)
}

/// Creates the endpoint, unless it exists.
pub(crate) async fn register(pool: PgPool, key: MasterKey) -> Result<(), Failure> {
    let endpoints = Endpoints::open(pool, key).await?;
    if endpoints.list().await?.iter().any(|endpoint| endpoint.path == PATH) {
        return Ok(());
    }
    let account = endpoints.ensure_account(Environment::Sandbox, &MageId::new("MAG000000000")?).await?;
    let public_url = "https://localhost/callbacks/bench".parse()?;
    let new = NewEndpoint::new(account, "bench", public_url);
    let endpoint = endpoints.create(&new).await?;
    endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await?;
    Ok(())
}
