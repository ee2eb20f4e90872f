//! Sends a canary: a callback with a credential of its own, which passes through everything that a callback of the Marketplace does.

use std::path::Path;

use eqp_types::Secret;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::request::{PublicUrlError, ReachedUrl, client, is_challenge, no_response, reached, resolve};

/// The body of a canary, which shows people what it is. It is never interpreted.
pub const CANARY_BODY: &str = r#"{"eqp_canary": true}"#;

/// The credential of a canary.
#[derive(Clone, Copy, Debug)]
pub struct CanaryCredential<'a> {
    /// The user name.
    pub username: &'a str,
    /// The password.
    pub password: &'a Secret,
}

/// The reason why a canary was not acknowledged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanaryError {
    /// The URL does not lead to a receiver.
    #[error(transparent)]
    Url(#[from] PublicUrlError),
    /// A receiver rejected the credential.
    #[error("a receiver answers, but rejects the credential of the canary (status {status})")]
    Rejected {
        /// The HTTP status.
        status: u16,
    },
    /// A receiver cannot store callbacks.
    #[error("the receiver cannot store callbacks now (status 503)")]
    NotStored,
    /// The response is successful, but not that of a receiver.
    #[error("the response is successful (status {status}), but does not contain the ID of a stored callback")]
    NoId {
        /// The HTTP status.
        status: u16,
    },
}

/// The response of a receiver.
#[derive(Deserialize)]
struct Acknowledgement {
    id: Uuid,
}

/// Sends a canary to a public URL, and returns the ID with which the receiver has acknowledged it. With `via`, the URL of an HTTP or SOCKS
/// proxy, the host of that proxy makes the request. It also resolves the name, and cannot read the credential, because TLS ends here.
/// `local_ca` is the certificate of a CA that is trusted in addition to those of the system.
///
/// # Errors
/// Returns a [`CanaryError`] if the canary was not acknowledged.
pub async fn send_canary(
    url: &str,
    credential: CanaryCredential<'_>,
    local_ca: Option<&Path>,
    via: Option<&Url>,
) -> Result<(Uuid, ReachedUrl), CanaryError> {
    if via.is_none() {
        resolve(url).await?;
    }
    let request = client(local_ca, via)?
        .post(url)
        .basic_auth(credential.username, Some(credential.password.expose()))
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("eqp-doctor/", env!("CARGO_PKG_VERSION")))
        .body(CANARY_BODY);
    let response = request.send().await.map_err(|error| no_response(&error))?;
    let (status, reached) = (response.status(), reached(&response));
    match status {
        StatusCode::OK => {
            let acknowledged: Option<Acknowledgement> = response.json().await.ok();
            let id = acknowledged.map(|acknowledged| acknowledged.id);
            Ok((id.ok_or(CanaryError::NoId { status: status.as_u16() })?, reached))
        }
        StatusCode::UNAUTHORIZED if is_challenge(&response) => Err(CanaryError::Rejected { status: status.as_u16() }),
        StatusCode::TOO_MANY_REQUESTS => Err(CanaryError::Rejected { status: status.as_u16() }),
        StatusCode::SERVICE_UNAVAILABLE => Err(CanaryError::NotStored),
        status if status.is_success() => Err(CanaryError::NoId { status: status.as_u16() }),
        status => Err(PublicUrlError::NotAReceiver { status: status.as_u16() }.into()),
    }
}
