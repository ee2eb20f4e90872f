//! Checks whether the public URLs of the endpoints lead to a receiver, from this machine.

use std::path::PathBuf;

use eqp_receiver::LocalCa;
use eqp_store::EndpointSummary;
use eqp_sync::{Check, PublicUrlError, probe_public_url};
use time::OffsetDateTime;

use super::certificate::{RENEWAL_DAYS, remaining};
use crate::config::Wire;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::counted;

const NAME: &str = "public URL";
/// More URLs than these are not checked.
const MAX_URLS: usize = 10;

/// Returns the check for a database that cannot be read.
pub(super) fn unchecked() -> Check<Failure> {
    Check::absent(NAME, "not checked: the endpoints are in the database")
}

/// Returns the certificate of the local CA, if the receiver uses it, which is for development.
pub(super) fn local_ca(context: &Context) -> Option<PathBuf> {
    let uses_local_ca = matches!(context.settings.receiver.wire(), Ok(Wire::LocalCa { .. }));
    let data = context.settings.data.look().ok().filter(|_| uses_local_ca);
    data.map(|data| LocalCa::certificate_path(&data.tls()))
}

/// Calls the URL of each endpoint that is registered, or about to be, with a wrong password. A URL that does not lead to a receiver is a
/// failure, unless `is_proven`: something has arrived through it lately, but this machine cannot reach it.
pub(super) async fn public_urls(context: &Context, endpoints: &[EndpointSummary], is_proven: bool) -> Check<Failure> {
    let in_use = endpoints.iter().filter(|endpoint| endpoint.is_in_use());
    let mut urls: Vec<&str> = in_use.map(|endpoint| endpoint.public_url.as_str()).collect();
    urls.sort_unstable();
    urls.dedup();
    urls.truncate(MAX_URLS);
    if urls.is_empty() {
        return Check::absent(NAME, "no endpoint is registered; register one: eqp callbacks add");
    }
    let local_ca = local_ca(context);
    let mut problems: Vec<(String, &str)> = Vec::new();
    let mut expires_at: Option<OffsetDateTime> = None;
    for url in &urls {
        match probe_public_url(url, local_ca.as_deref()).await {
            Ok(reached) => expires_at = expires_at.into_iter().chain(reached.certificate_expires_at).min(),
            Err(error @ PublicUrlError::Accepted { .. }) => {
                let failure = Failure::new(Exit::Failed, format!("{url} is not served by a receiver"))
                    .because(&error)
                    .next("check which program answers there; callbacks to it are lost");
                return Check::new(NAME, Err(failure));
            }
            Err(error) => problems.push((format!("{url}: {error}"), remedy(&error))),
        }
    }
    if let Some((_, remedy)) = problems.first() {
        let listed: Vec<_> = problems.iter().map(|(problem, _)| problem.as_str()).collect();
        let what = format!("{} (as seen from this machine)", listed.join("; "));
        // Some networks do not route requests back to their own public address.
        let outside =
            "some networks cannot call their own public URL, so try it from outside: eqp doctor --canary --via URL";
        if is_proven {
            return Check::warning(NAME, what, format!("{remedy}; {outside}"));
        }
        return Check::new(NAME, Err(Failure::new(Exit::Failed, what).next(*remedy).next(outside)));
    }
    let what = format!("{} rejected a wrong password, as a receiver does", counted(urls.len(), "URL"));
    let Some(expires_at) = expires_at else { return Check::new(NAME, Ok(what)) };
    let left = expires_at - OffsetDateTime::now_utc();
    let what = format!("{what}; the certificate and its chain are trusted, and valid for {}", remaining(left));
    // Certificates of the local CA are renewed automatically.
    if left.whole_days() < RENEWAL_DAYS && local_ca.is_none() {
        return Check::warning(NAME, what, "renew the certificate, here or at the proxy in front");
    }
    Check::new(NAME, Ok(what))
}

/// Returns the remedy for a URL that does not lead to a receiver.
pub(super) fn remedy(error: &PublicUrlError) -> &'static str {
    match error {
        PublicUrlError::Unresolved { .. } => "create a DNS record for the name",
        PublicUrlError::Unreachable { .. } | PublicUrlError::TimedOut { .. } => {
            "start the receiver, and check firewall and port forwarding"
        }
        PublicUrlError::Certificate { is_expired: true, .. } => {
            "renew the certificate, here or at the proxy in front; a running receiver reloads its files automatically"
        }
        PublicUrlError::NoTls => {
            "serve HTTPS there: run the receiver with --tls-cert and --tls-key, or terminate TLS at the proxy in front"
        }
        PublicUrlError::Certificate { .. } => {
            "install a certificate for this name with its intermediate certificates, here or at the proxy in front"
        }
        _ => "check which program answers there, and to which address and path the proxy forwards requests",
    }
}
