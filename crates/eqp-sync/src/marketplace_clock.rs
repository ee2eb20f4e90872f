//! Compares the clock of this machine with that of the Marketplace's API, which reports its time with every response.

use std::time::Duration;

use reqwest::header::DATE;
use reqwest::{Certificate, Client};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

/// The time limit for the response.
const DEADLINE: Duration = Duration::from_secs(5);

/// Returns by how much the clock of this machine is ahead of that of an API, to about a second. Returns `None` if the API does not respond, or
/// does not report its time. `trusted_ca` is the PEM certificate of an additional CA.
pub async fn ahead_of_marketplace(api_url: &Url, trusted_ca: Option<&[u8]>) -> Option<time::Duration> {
    let trusted = trusted_ca.and_then(|pem| Certificate::from_pem_bundle(pem).ok()).unwrap_or_default();
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
        .tls_certs_merge(trusted)
        .build()
        .ok()?;
    let began = OffsetDateTime::now_utc();
    // The status does not matter: the request has no session.
    let response = client.head(api_url.clone()).send().await.ok()?;
    let middle = began + (OffsetDateTime::now_utc() - began) / 2;
    let reported = response.headers().get(DATE)?.to_str().ok()?;
    Some(middle - OffsetDateTime::parse(reported, &Rfc2822).ok()?)
}
