//! Calls a public URL with a wrong password, which a receiver rejects.

use std::path::Path;

use reqwest::StatusCode;

use super::request::{PublicUrlError, ReachedUrl, client, is_challenge, no_response, reached, resolve};

/// Sends a callback with a random user name and password to a public URL. A receiver rejects it without reading its body. `local_ca` is the
/// certificate of a CA that is trusted in addition to those of the system.
///
/// # Errors
/// Returns a [`PublicUrlError`] if the response is not that of a receiver.
pub async fn probe_public_url(url: &str, local_ca: Option<&Path>) -> Result<ReachedUrl, PublicUrlError> {
    resolve(url).await?;
    let client = client(local_ca, None)?;
    let (user, password) = (format!("doctor-{:016x}", fastrand::u64(..)), format!("{:032x}", fastrand::u128(..)));
    let sent = client.post(url).basic_auth(user, Some(password)).body("{}").send().await;
    let response = sent.map_err(|error| no_response(&error))?;
    match response.status() {
        StatusCode::UNAUTHORIZED if is_challenge(&response) => Ok(reached(&response)),
        // There were too many failures from this address. Only a receiver limits them with this status.
        StatusCode::TOO_MANY_REQUESTS => Ok(reached(&response)),
        status if status.is_success() => Err(PublicUrlError::Accepted { status: status.as_u16() }),
        status => Err(PublicUrlError::NotAReceiver { status: status.as_u16() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_without_an_address_is_reported_as_such() {
        // The top-level domain `invalid` never exists.
        let error = probe_public_url("https://eqp.invalid/callbacks/main", None).await.unwrap_err();
        assert!(matches!(&error, PublicUrlError::Unresolved { host, .. } if host == "eqp.invalid"), "{error:?}");
        for url in ["http://127.0.0.1:1/", "http://[::1]:1/"] {
            let error = probe_public_url(url, None).await.unwrap_err();
            assert!(matches!(error, PublicUrlError::Unreachable { .. }), "{url}: {error:?}");
        }
    }
}
