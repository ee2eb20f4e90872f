//! Reads the notes of a release from GitHub or GitLab.

use std::fmt;
use std::time::Duration;

use eqp_types::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

use super::error::{HttpFailure, NotesError};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum size of a response, in bytes.
const MAX_RESPONSE_BYTES: usize = 2 * 1024 * 1024;

/// A code host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeHost {
    /// GitHub, or GitHub Enterprise.
    GitHub,
    /// GitLab.
    GitLab,
    /// GitLab, with the token of a CI job.
    GitLabJob,
}

/// A repository at a code host.
#[derive(Clone, Debug)]
pub struct HostedRepository {
    /// The host.
    pub host: CodeHost,
    /// The URL of the host's API, such as `https://api.github.com` or `https://gitlab.com/api/v4`.
    pub api_url: Url,
    /// The repository: `owner/name`, or the path or the ID of a GitLab project.
    pub repository: String,
    /// The token, for a private repository.
    pub token: Option<Secret>,
}

impl fmt::Display for HostedRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the release of {} at {}", self.repository, self.host.name())
    }
}

impl CodeHost {
    fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab | Self::GitLabJob => "GitLab",
        }
    }
}

impl HostedRepository {
    /// Returns the notes of the release with the first of these tags that exists. The inner error is the reason why there are none.
    pub(super) async fn notes(&self, tags: &[String]) -> Result<Result<String, String>, NotesError> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // A redirect would send the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("eqp-release/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| self.failed("", "HTTPS cannot be set up", Some(error)))?;
        for tag in tags {
            let response = self.request(&client, tag)?.send().await;
            let mut response =
                response.map_err(|error| self.failed(tag, "the request failed", Some(error.without_url())))?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => continue,
                status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                    let host = self.host.name().to_owned();
                    return Err(NotesError::NotAllowed { host, tag: tag.clone(), status: status.as_u16() });
                }
                status => return Err(self.failed(tag, &format!("the response was HTTP {}", status.as_u16()), None)),
            }
            let mut body = Vec::new();
            let broken = |error: reqwest::Error| self.failed(tag, "the response broke off", Some(error.without_url()));
            while let Some(chunk) = response.chunk().await.map_err(broken)? {
                body.extend_from_slice(&chunk);
                if body.len() > MAX_RESPONSE_BYTES {
                    return Err(self.failed(tag, "the response is larger than 2 MiB", None));
                }
            }
            let release: Value = serde_json::from_slice(&body)
                .map_err(|_| self.failed(tag, "the response is not JSON; check the URL of the API", None))?;
            let notes = release.get(self.field()).and_then(Value::as_str).unwrap_or_default();
            return Ok(Ok(notes.to_owned()));
        }
        let hint = if self.token.is_none() { "; a private repository needs a token" } else { "" };
        Ok(Err(format!("there is no release with the tag {}{hint}", tags.join(" or "))))
    }

    fn request(&self, client: &reqwest::Client, tag: &str) -> Result<RequestBuilder, NotesError> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let base = self.api_url.as_str().trim_end_matches('/');
        let tag_path = encoded(tag);
        let url = match self.host {
            CodeHost::GitHub => {
                let repository: Vec<_> = self.repository.split('/').map(encoded).collect();
                format!("{base}/repos/{}/releases/tags/{tag_path}", repository.join("/"))
            }
            CodeHost::GitLab | CodeHost::GitLabJob => {
                format!("{base}/projects/{}/releases/{tag_path}", encoded(&self.repository))
            }
        };
        let request = client.get(url).header(ACCEPT, "application/json");
        let Some(token) = &self.token else { return Ok(request) };
        let is_local = self.api_url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        if self.api_url.scheme() != "https" && !is_local {
            return Err(self.failed(tag, "the token is only sent over HTTPS", None));
        }
        let (name, value) = match self.host {
            CodeHost::GitHub => (AUTHORIZATION, format!("Bearer {}", token.expose())),
            CodeHost::GitLab => (HeaderName::from_static("private-token"), token.expose().to_owned()),
            CodeHost::GitLabJob => (HeaderName::from_static("job-token"), token.expose().to_owned()),
        };
        let value = HeaderValue::from_str(&value);
        let mut value =
            value.map_err(|_| self.failed(tag, "the token contains characters that cannot be sent", None))?;
        value.set_sensitive(true);
        Ok(request.header(name, value))
    }

    /// Returns the field with the notes.
    fn field(&self) -> &'static str {
        match self.host {
            CodeHost::GitHub => "body",
            CodeHost::GitLab | CodeHost::GitLabJob => "description",
        }
    }

    fn failed(&self, tag: &str, reason: &str, source: Option<reqwest::Error>) -> NotesError {
        NotesError::Host {
            host: self.host.name().to_owned(),
            tag: tag.to_owned(),
            reason: reason.to_owned(),
            source: source.map(HttpFailure),
        }
    }
}
