//! `eqp doctor --canary`: sends a test callback through the public URL of each endpoint, and looks for it in the database.

use std::time::Duration;

use eqp_console::{Canary, CanaryResult, OperatorClient};
use eqp_sync::{CanaryCredential, CanaryError, Check, PublicUrlError, send_canary};
use tokio::time::{Instant, sleep};
use url::Url;

use super::certificate::remaining;
use super::public_url;
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};

const NAME: &str = "canary";
/// The time limit for an acknowledged canary to appear in the database. A receiver that has spooled it drains it within seconds.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Sends canaries to the endpoint with this name, or to all that are registered, from this machine or `via` a proxy on another one.
pub(super) async fn canaries(
    context: &Context,
    endpoint: Option<&str>,
    via: Option<&Url>,
) -> Result<Vec<Check<Failure>>> {
    let operator = Operator::open_existing(context, Upgrade::No).await?;
    let checked = check_all(context, operator.client(), endpoint, via).await;
    operator.close().await?;
    checked
}

async fn check_all(
    context: &Context,
    client: &OperatorClient,
    endpoint: Option<&str>,
    via: Option<&Url>,
) -> Result<Vec<Check<Failure>>> {
    let created = client.create_canaries(endpoint).await.map_err(|error| not_created(error.into()))?;
    let mut checks = Vec::new();
    for canary in created.canaries {
        checks.push(match check(context, client, &canary, via).await {
            Ok(Passed { what, path: None }) => Check::new(NAME, Ok(what)),
            Ok(Passed { what, path: Some(path) }) => Check::warning(
                NAME,
                format!("{what}; it arrived at {path}, which is not the path of the endpoint"),
                "callbacks are stored all the same; correct the URL rewriting of the proxy in front, or register the endpoint with --path",
            ),
            Err(failure) => Check::new(NAME, Err(failure)),
        });
    }
    Ok(checks)
}

/// Adds the remedy to the failure to create a canary.
fn not_created(failure: Failure) -> Failure {
    match failure.exit() {
        Exit::NotFound => failure.next("register an endpoint: eqp callbacks add, or list them: eqp callbacks list"),
        Exit::Failed => failure.next("run the command on the server, with the data folder and the user of `eqp serve`"),
        _ => failure,
    }
}

/// A canary that has passed.
struct Passed {
    what: String,
    /// The path and query at which it arrived, if the endpoint has another path.
    path: Option<String>,
}

async fn check(context: &Context, client: &OperatorClient, canary: &Canary, via: Option<&Url>) -> Result<Passed> {
    let Canary { endpoint, url, username, password, .. } = canary;
    let from = via.map_or_else(|| "from this machine".to_owned(), |via| format!("via {}", place(via)));
    let credential = CanaryCredential { username, password };
    let local_ca = public_url::local_ca(context);
    let sent = send_canary(url, credential, local_ca.as_deref(), via).await;
    let (id, reached) = sent.map_err(|error| {
        let failure = Failure::new(Exit::Failed, format!("{endpoint}: the canary was not acknowledged, {from}"));
        failure.why(format!("{url}: {error}")).next(remedy(&error, via.is_some()))
    })?;
    let expiry = reached
        .certificate_expires_at
        .map(|at| format!("; certificate trusted, and valid for {}", remaining(at - time::OffsetDateTime::now_utc())));
    let began = Instant::now();
    loop {
        let result: CanaryResult = client.confirm_canary(canary.id, id).await?;
        if result.is_stored && !result.is_unchanged {
            return Err(Failure::new(Exit::Failed, format!("{endpoint}: the canary arrived with another body"))
                .why(format!("callback {id} does not contain what was sent to {url}, {from}"))
                .next(
                    "check which program in front of the receiver changes bodies; callbacks through it are damaged",
                ));
        }
        if result.is_stored {
            let spooled = if result.via.as_deref() == Some("spool") { ", through the spool" } else { "" };
            let expiry = expiry.unwrap_or_default();
            let what = format!("{endpoint}: passed {from}: {url} stored callback {id}{spooled}{expiry}");
            return Ok(Passed { what, path: result.path });
        }
        if began.elapsed() >= PATIENCE {
            return Err(Failure::new(
                Exit::Failed,
                format!("{endpoint}: the canary was acknowledged, but is not in this database"),
            )
            .why(format!("{url} answered with the ID {id}, {from}"))
            .next("if the receiver cannot reach its database, the canary is in its spool: see `eqp spool show` there")
            .next("otherwise the URL leads to a receiver with another database: check DNS and the proxy in front"));
        }
        sleep(POLL).await;
    }
}

/// Returns the host of a proxy, without its password.
fn place(via: &Url) -> String {
    let port = via.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", via.scheme(), via.host_str().unwrap_or_default())
}

fn remedy(error: &CanaryError, is_via: bool) -> String {
    match error {
        CanaryError::Url(PublicUrlError::Unreachable { .. } | PublicUrlError::TimedOut { .. }) if is_via => {
            "check that the proxy accepts connections and may call the URL; without --via, this machine makes the request"
                .to_owned()
        }
        CanaryError::Url(error @ (PublicUrlError::Unreachable { .. } | PublicUrlError::TimedOut { .. })) => format!(
            "{}; some networks cannot call their own public URL: let another host make the request with --via",
            public_url::remedy(error)
        ),
        CanaryError::Url(error) => public_url::remedy(error).to_owned(),
        CanaryError::Rejected { .. } => {
            "the URL leads to a receiver of another installation, or one that cannot read its database: check its log, DNS and the \
             proxy in front"
                .to_owned()
        }
        CanaryError::NotStored => "see the log of the receiver, and run `eqp doctor` on its machine".to_owned(),
        _ => "check which program answers there; callbacks to it are lost".to_owned(),
    }
}
