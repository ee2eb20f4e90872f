//! The server whose operator API commands call, and the token for it.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::Secret;
use serde::Deserialize;
use url::{Host, Url};

use super::from_folder;
use super::secret::{from_environment, read_secret};
use crate::failure::{Exit, Failure, Result};

/// The name of the secret in errors.
const WHAT: &str = "the token for the server";

/// Options for a server.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct ServerOptions {
    /// Base URL of a server to call instead of opening the database, such as https://ops.example.com
    ///
    /// This is the address of the operator listener of `eqp serve`. Set the token in EQP_TOKEN, or in the file named by
    /// EQP_TOKEN_FILE. Plain HTTP is allowed only for a server on this machine.
    #[arg(
        id = "server",
        long,
        global = true,
        env = "EQP_SERVER_URL",
        hide_env_values = true,
        hide_short_help = true,
        value_name = "URL"
    )]
    pub(crate) url: Option<ServerUrl>,
    /// The file with mode 0600 that contains the token.
    #[arg(skip)]
    pub(crate) token_file: Option<PathBuf>,
}

/// A server and the token for it.
#[derive(Debug)]
pub(crate) struct Server {
    /// The base URL.
    pub(crate) url: Url,
    /// The token.
    pub(crate) token: Secret,
}

impl ServerOptions {
    /// Returns these options, or the weaker ones if they name no server: a token is sent only to the server that was configured
    /// together with it.
    pub(super) fn over(self, weaker: Self) -> Self {
        if self.url.is_some() { self } else { weaker }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.token_file, folder);
    }

    /// Fails if the URL cannot be used.
    pub(super) fn check(&self) -> Result {
        self.url.as_ref().map_or(Ok(()), |url| url.usable().map(drop))
    }

    /// Returns the server and its token, or `None` if commands open the database themselves.
    pub(crate) fn resolve(&self) -> Result<Option<Server>> {
        let Some(url) = &self.url else { return Ok(None) };
        let url = url.usable()?.clone();
        if let Some((token, _)) = from_environment("EQP_TOKEN", WHAT)? {
            return Ok(Some(Server { url, token }));
        }
        let Some(file) = &self.token_file else {
            return Err(Failure::new(Exit::NotAuthorised, "no token is configured for the server")
                .next("create one on the server: eqp token create NAME --scope read (for eqp listen: --scope consume)")
                .next("set EQP_TOKEN, or EQP_TOKEN_FILE to a file with mode 0600"));
        };
        Ok(Some(Server { url, token: read_secret(file, WHAT)? }))
    }
}

/// The URL of a server, or the reason why the given text cannot be used as one. The text may contain a secret by mistake, so it is not
/// repeated in errors.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct ServerUrl(Result<Url, &'static str>);

impl ServerUrl {
    fn usable(&self) -> Result<&Url> {
        self.0.as_ref().map_err(|why| {
            Failure::usage("the server URL cannot be used")
                .why(*why)
                .next("pass a URL such as https://ops.example.com or http://127.0.0.1:8444")
        })
    }
}

fn read(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "it is not a URL")?;
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine(&url) => {}
        "http" => {
            return Err("plain HTTP is allowed on this machine only, because it would send the token in clear text");
        }
        _ => return Err("it does not begin with https://"),
    }
    // If a password contains a `/`, the rest of it becomes the path.
    if url.password().is_some() || !url.username().is_empty() || url.path().contains('@') {
        return Err("it contains credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl From<String> for ServerUrl {
    fn from(text: String) -> Self {
        Self(read(&text))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(url) => url.fmt(f),
            Err(why) => write!(f, "(unusable: {why})"),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_url_is_not_repeated_in_the_error() {
        for (text, reason) in [
            ("https://hush@ops.example.com", "credentials"),
            ("https://ops.example.com/?token=hush", "query"),
            ("http://hush.example.com", "plain HTTP"),
            ("hush", "not a URL"),
            ("hush:8444", "https://"),
        ] {
            let url = ServerUrl::from(text.to_owned());
            let shown = format!("{url} {url:?} {}", url.usable().unwrap_err());
            assert!(shown.contains(reason) && !shown.contains("hush"), "{text}: {shown}");
        }
        assert!(ServerUrl::from("http://localhost:8444".to_owned()).usable().is_ok());
    }

    #[test]
    fn a_token_is_not_used_for_a_server_from_another_place() {
        let url = |text: &str| Some(ServerUrl::from(text.to_owned()));
        let file = ServerOptions { url: url("https://ops.example.com"), token_file: Some("token".into()) };
        let flag = ServerOptions { url: url("https://evil.example.com"), token_file: None };
        assert_eq!(flag.over(file.clone()).token_file, None);
        assert_eq!(ServerOptions::default().over(file).token_file, Some("token".into()));
    }
}
