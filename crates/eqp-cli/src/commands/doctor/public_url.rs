//! Checks whether the public URLs of the endpoints lead to a receiver, from this machine.

use std::collections::BTreeSet;
use std::path::Path;

use eqp_store::EndpointSummary;
use eqp_sync::{Check, PublicUrlError, probe_public_url};

use crate::failure::{Exit, Failure};
use crate::output::counted;

const NAME: &str = "public URL";
/// More URLs than these are not checked.
const MAX_URLS: usize = 10;

/// Returns the check for a database that cannot be read.
pub(super) fn unchecked() -> Check<Failure> {
    Check::absent(NAME, "not checked: the endpoints are in the database")
}

/// Calls each URL with a wrong password. `local_ca` is the certificate of the local CA, if the receiver uses it.
pub(super) async fn public_urls(endpoints: &[EndpointSummary], local_ca: Option<&Path>) -> Check<Failure> {
    let urls: BTreeSet<&str> = endpoints.iter().map(|endpoint| endpoint.public_url.as_str()).take(MAX_URLS).collect();
    if urls.is_empty() {
        return Check::absent(NAME, "no endpoint; create one: eqp callbacks add");
    }
    let mut problems = Vec::new();
    for url in &urls {
        match probe_public_url(url, local_ca).await {
            Ok(()) => {}
            Err(error @ PublicUrlError::Accepted { .. }) => {
                let failure = Failure::new(Exit::Failed, format!("{url} is not served by a receiver"))
                    .because(&error)
                    .next("check which program answers there; callbacks to it are lost");
                return Check::new(NAME, Err(failure));
            }
            Err(error) => problems.push(format!("{url}: {error}")),
        }
    }
    if problems.is_empty() {
        return Check::new(
            NAME,
            Ok(format!("{} rejected a wrong password, as a receiver does", counted(urls.len(), "URL"))),
        );
    }
    // Some networks do not route requests back to their own public address.
    let problems = problems.join("; ");
    Check::warning(NAME, format!("{problems} (as seen from this machine; try it from outside too)"))
}
