//! Checks the connections to the Marketplace and the database, and the certificate files. Creates and changes nothing.

use eqp_receiver::LocalCa;
use eqp_store::EndpointSummary;
use eqp_sync::Check;
use eqp_tls::ValidityProblem;
use time::OffsetDateTime;

use super::{deliveries, public_url, reconciliation};
use crate::compose::client::client;
use crate::compose::database::{Database, Upgrade};
use crate::compose::operator::Operator;
use crate::compose::receiver::{check_certificate, endpoints_to_read, known_master_key};
use crate::config::Wire;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::counted;

/// Number of days before its expiry from which on a certificate should be renewed.
const RENEWAL_DAYS: i64 = 30;

/// Requests a session token from the Marketplace with the access key.
pub(super) async fn marketplace(context: &Context) -> Check<Failure> {
    const NAME: &str = "Marketplace";
    let options = &context.settings.marketplace;
    if !options.has_key() {
        return Check::absent(NAME, format!("no access key for {}; run `eqp login`", options.environment()));
    }
    let asked = async {
        let client = client(options)?;
        let mage_id = client.session().await?.mage_id;
        Ok(format!("{mage_id} in {}, at {}", client.environment(), client.api_url()))
    };
    Check::new(NAME, asked.await)
}

/// Calls the server that commands use instead of a database. Returns `None` if none is configured.
pub(super) async fn server(context: &Context) -> Option<Check<Failure>> {
    const NAME: &str = "server";
    let url = context.settings.server.url.as_ref()?;
    let asked = async {
        let operator = Operator::open_to_read(context).await?;
        let called = operator.client().accounts().await;
        operator.close().await?;
        called?;
        Ok(format!("{url} accepts the token; commands call it instead of opening a database"))
    };
    Some(Check::new(NAME, asked.await))
}

/// Connects to the receiver's database, and checks its schema and its master key, and what is in it: deliveries, reconciliation, and
/// the public URLs of its endpoints. Starts the embedded Postgres if necessary.
pub(super) async fn database(context: &Context) -> [Check<Failure>; 4] {
    const NAME: &str = "database";
    let unchecked = |check| [check, deliveries::unchecked(), reconciliation::unchecked(), public_url::unchecked()];
    if context.settings.server.url.is_some() {
        return unchecked(Check::absent(NAME, "not checked: it belongs to the server; run `eqp doctor` there"));
    }
    let database = match Database::open_to_look(context, Upgrade::No).await {
        Ok(Some(database)) => database,
        Ok(None) => {
            let what = "no database yet in this data folder; `eqp serve` creates an embedded one";
            return unchecked(Check::absent(NAME, what));
        }
        Err(failure) => return unchecked(Check::new(NAME, Err(failure))),
    };
    let found = match look(&database, context).await {
        Ok((text, endpoints)) => {
            let deliveries = deliveries::deliveries(&database).await;
            let interval = context.settings.receiver.reconcile_interval.map(|interval| interval.0);
            let reconciliation = reconciliation::reconciliation(&database, interval).await;
            [Check::new(NAME, Ok(text)), deliveries, reconciliation, public_urls(context, &endpoints).await]
        }
        Err(failure) => unchecked(Check::new(NAME, Err(failure))),
    };
    match database.close().await {
        Ok(()) => found,
        Err(failure) => unchecked(Check::new(NAME, Err(failure))),
    }
}

/// Checks the public URLs. Those of a receiver with a certificate of the local CA are for development.
async fn public_urls(context: &Context, endpoints: &[EndpointSummary]) -> Check<Failure> {
    let uses_local_ca = matches!(context.settings.receiver.wire(), Ok(Wire::LocalCa { .. }));
    let local_ca = context.settings.data.look().ok().filter(|_| uses_local_ca);
    let local_ca = local_ca.map(|data| LocalCa::certificate_path(&data.tls()));
    public_url::public_urls(endpoints, local_ca.as_deref()).await
}

/// Returns a description of the database, and its endpoints.
async fn look(database: &Database, context: &Context) -> Result<(String, Vec<EndpointSummary>)> {
    if eqp_store::internal::schema::migrations(database.pool()).await?.iter().any(|step| !step.applied) {
        return Err(eqp_store::Error::NotMigrated.into());
    }
    let data = context.settings.data.look()?;
    let endpoints = match endpoints_to_read(database, &data, known_master_key(&data)?).await? {
        Some(endpoints) => endpoints.list().await?,
        None => Vec::new(),
    };
    let pending = database.reader().counts(None).await?.pending;
    let kind = if database.is_embedded() { "embedded" } else { "given" };
    Ok((format!("{kind}, schema up to date; {} pending", counted(pending, "callback")), endpoints))
}

/// Checks the certificate that the receiver serves, if it is in files.
pub(super) fn certificate(context: &Context) -> Check<Failure> {
    const NAME: &str = "certificate";
    let wire = match context.settings.receiver.wire() {
        Ok(wire) => wire,
        Err(failure) => return Check::new(NAME, Err(failure)),
    };
    let validity = match (check_certificate(&wire), &wire) {
        (Ok(Some(validity)), _) => validity,
        (Ok(None), Wire::BehindProxy) => return Check::absent(NAME, "not used: the proxy terminates TLS"),
        (Ok(None), _) => {
            return Check::absent(NAME, "not set; eqp serve uses a certificate of the local CA, for development");
        }
        (Err(failure), _) => return Check::new(NAME, Err(failure)),
    };
    let now = OffsetDateTime::now_utc();
    if let Some(problem) = validity.problem_at(now) {
        let failure = Failure::new(Exit::Failed, format!("the certificate {problem}")).next(remedy(problem));
        return Check::new(NAME, Err(failure));
    }
    let days = (validity.not_after - now).whole_days();
    let text = format!("expires in {days} days, on {}", validity.not_after.date());
    if days < RENEWAL_DAYS {
        return Check::warning(NAME, format!("{text}; renew it now"));
    }
    Check::new(NAME, Ok(text))
}

/// Returns the remedy for a certificate that is not valid.
pub(super) fn remedy(problem: ValidityProblem) -> &'static str {
    match problem {
        ValidityProblem::NotYetValid { .. } => "wait until then, or check the clock of this machine",
        ValidityProblem::Expired { .. } => "renew it; a running receiver reloads its files automatically",
    }
}
