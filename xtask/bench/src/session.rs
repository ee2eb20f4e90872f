//! A session at a simulator, without our client.

use eqp_types::ApiKey;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};

use crate::Failure;

/// Returns an HTTP client that trusts this CA.
pub(crate) fn http(ca_pem: &str) -> Result<Client, Failure> {
    let ca = Certificate::from_pem(ca_pem.as_bytes())?;
    Ok(Client::builder().tls_certs_only([ca]).no_proxy().build()?)
}

/// Requests a session token for this key.
pub(crate) async fn token(http: &Client, base_url: &str, key: &ApiKey) -> Result<String, Failure> {
    let request = http
        .post(format!("{base_url}/rest/v1/app/session/token"))
        .basic_auth(&key.application_id, Some(key.application_secret.expose()))
        .json(&json!({"grant_type": "session"}));
    let granted: Value = request.send().await?.error_for_status()?.json().await?;
    granted["ust"].as_str().map(str::to_owned).ok_or_else(|| "the simulator returned no token".into())
}
