//! Our receiver as it is sold.

use std::net::Ipv4Addr;

use eqp_receiver::{CancellationToken, Endpoints, Identity, MasterKey, NewEndpoint, Receiver, SpoolSettings, Tls};
use eqp_types::{Environment, MageId, Secret};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::{Kind, Receives};
use crate::Failure;
use crate::load::{Certificate, PATH};

pub(super) async fn serve(
    told: &Receives,
    database: PgConnectOptions,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let pool = PgPool::connect_with(database.clone()).await?;
    // Kept, because a receiver that starts again on the same database must have the same.
    let key = MasterKey::open(&told.folder.join(format!("{}.key", told.database)))?;
    register(pool, key.clone()).await?;
    let spool = SpoolSettings::in_folder(told.folder.join(format!("{}.spool", told.database)));
    let mut builder = Receiver::builder(database).master_key(key).spool(spool).listen((Ipv4Addr::LOCALHOST, 0).into());
    builder = builder.behind_proxy(told.behind_proxy);
    if told.tls {
        let certificate = Certificate::in_folder(&told.folder);
        builder = builder.tls(Tls::Identity(Identity::from_files(&certificate.chain, &certificate.key)?));
    }
    if told.kind == Kind::Ours {
        builder = builder.accept_only();
    }
    let receiver = builder.build().await?;
    println!("{}", receiver.local_addr());
    Ok(receiver.run(shutdown).await?)
}

/// Makes the endpoint that is called, unless it is there.
pub(crate) async fn register(pool: PgPool, key: MasterKey) -> Result<(), Failure> {
    let endpoints = Endpoints::open(pool, key).await?;
    if endpoints.list().await?.iter().any(|endpoint| endpoint.path == PATH) {
        return Ok(());
    }
    let account = endpoints.ensure_account(Environment::Sandbox, &MageId::new("MAG000000000")?).await?;
    let public_url = "https://localhost/callbacks/bench".parse()?;
    let new = NewEndpoint { account, name: "bench".to_owned(), path: None, public_url };
    let endpoint = endpoints.create(&new).await?;
    endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await?;
    Ok(())
}
