//! Bounded requests to Composer repositories: with a deadline, a maximum size, and without redirects.

use std::io::Read;
use std::time::Duration;

use eqp_types::Secret;
use flate2::read::MultiGzDecoder;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, IF_MODIFIED_SINCE, LAST_MODIFIED};
use url::Url;

/// The deadline of one request, with its response.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of a response as it is sent.
const MAX_SENT_BYTES: usize = 16 * 1024 * 1024;
/// The maximum size of an unpacked response.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The first bytes of a gzip file. The files of a repository can be compressed without a header that says so.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The user name and password of a Composer repository.
#[derive(Clone, Debug)]
pub struct RepositoryKey {
    /// The public key.
    pub user: String,
    /// The private key.
    pub password: Secret,
}

/// The response to a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// The content, unpacked.
    Content { body: Vec<u8>, last_modified: Option<String> },
    /// It has not changed since the given time.
    NotModified,
    /// The status of any other response.
    Status(u16),
}

/// A client for Composer repositories.
#[derive(Debug)]
pub(super) struct Http(reqwest::Client);

impl Http {
    /// Creates a client. `user_agent` names the program and a contact. `ca_pem` is trusted in addition to the system's certificates.
    pub(super) fn new(user_agent: &str, ca_pem: Option<&[u8]>) -> Result<Self, String> {
        let unusable = |_| "the CA certificate cannot be used".to_owned();
        let trusted = ca_pem.map(reqwest::Certificate::from_pem_bundle).transpose().map_err(unusable)?;
        let builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect could send the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(user_agent)
            .tls_certs_merge(trusted.into_iter().flatten());
        Ok(Self(builder.build().map_err(|_| "HTTPS cannot be set up".to_owned())?))
    }

    /// Sends a request. The error is a reason for people, without the URL.
    pub(super) async fn get(
        &self,
        url: Url,
        key: Option<&RepositoryKey>,
        if_modified_since: Option<&str>,
    ) -> Result<Answer, String> {
        let mut request = self.0.get(url).header(ACCEPT, "application/json");
        if let Some(key) = key {
            request = request.basic_auth(&key.user, Some(key.password.expose()));
        }
        if let Some(since) = if_modified_since {
            request = request.header(IF_MODIFIED_SINCE, since);
        }
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(Answer::NotModified),
            status => return Ok(Answer::Status(status.as_u16())),
        }
        let last_modified = response.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
        let last_modified = last_modified.map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_SENT_BYTES {
                return Err("the response is larger than 16 MiB".to_owned());
            }
        }
        let body = if body.starts_with(&GZIP) { unpacked(&body, MAX_BYTES)? } else { body };
        Ok(Answer::Content { body, last_modified })
    }
}

/// Unpacks a gzip file up to a maximum size.
fn unpacked(body: &[u8], max: u64) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(body).take(max + 1).read_to_end(&mut unpacked);
    read.map_err(|_| "the compressed response cannot be unpacked".to_owned())?;
    if unpacked.len() as u64 > max {
        return Err(format!("the response unpacks to more than {} MiB", max / 1024 / 1024));
    }
    Ok(unpacked)
}

/// Returns the reason of a failure, without the URL.
fn reason(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it did not respond in time"
    } else if error.is_connect() {
        "the connection failed"
    } else {
        "the response broke off"
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_compressed_response_is_unpacked_up_to_the_limit() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![b' '; 3 * 1024 * 1024]).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(unpacked(&packed, 3 * 1024 * 1024).unwrap().len(), 3 * 1024 * 1024);
        assert!(unpacked(&packed, 2 * 1024 * 1024).unwrap_err().contains("more than 2 MiB"));
        assert!(unpacked(&packed[..packed.len() / 2], u64::MAX - 1).is_err());
    }
}
