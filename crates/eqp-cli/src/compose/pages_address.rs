//! The address of the pages, which commands print as a part of links.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use eqp_types::Secret;
use url::{Host, Url};

use crate::config::{HostName, OperatorListen};
use crate::context::Context;
use crate::failure::{Failure, Result};

/// The options that decide where the pages are.
#[derive(Args, Debug)]
pub(crate) struct PagesAddress {
    /// Base URL of the pages, such as https://ops.example.com [default: that of the server]
    #[arg(long, value_name = "URL", value_parser = base_url)]
    at: Option<Url>,
    /// The variables of `eqp serve`, which decide where the pages are.
    #[arg(long, hide = true, env = "EQP_OPERATOR_LISTEN", hide_env_values = true)]
    operator_listen: Option<OperatorListen>,
    #[arg(
        long = "operator-host",
        hide = true,
        env = "EQP_OPERATOR_HOSTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    operator_hosts: Option<Vec<HostName>>,
}

/// The base URL of the pages.
#[derive(Clone, Debug)]
pub(crate) struct PagesBase(Url);

impl PagesBase {
    /// Returns the link to a path with a secret.
    pub(crate) fn link(&self, path: &Secret) -> String {
        format!("{}{}", self.0.as_str().trim_end_matches('/'), path.expose())
    }
}

impl PagesAddress {
    /// Returns the base URL of the pages: the given one, and otherwise that of the server that is called, of the first name under which the
    /// operator listener can be called, or of its address.
    pub(crate) fn base(&self, context: &Context) -> Result<PagesBase> {
        match &self.at {
            Some(base) => Ok(PagesBase(base.clone())),
            None => self.default_base(context).map(PagesBase),
        }
    }

    fn default_base(&self, context: &Context) -> Result<Url> {
        if let Some(server) = context.settings.server.resolve()? {
            return Ok(server.url);
        }
        let receiver = &context.settings.receiver;
        let hosts = self.operator_hosts.as_ref().or(receiver.operator_hosts.as_ref());
        let name = hosts.into_iter().flatten().next().map(HostName::as_str);
        let listen = self.operator_listen.unwrap_or_else(|| receiver.operator_listen());
        let text = match (name, listen.address().or(OperatorListen::Usual.address())) {
            (Some(name), _) => format!("https://{name}"),
            (None, Some(address)) => format!("http://{}", reachable(address)),
            (None, None) => {
                return Err(Failure::usage("the address of the pages is not known").next("pass it with --at URL"));
            }
        };
        text.parse().map_err(|_| Failure::usage("the address of the pages is not known").next("pass it with --at URL"))
    }
}

/// Returns an address that can be connected to instead of one that represents all addresses of the machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { (IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()).into() } else { address }
}

/// Parses the URL of the pages.
fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "it is not a URL such as https://ops.example.com".to_owned())?;
    let is_usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    let is_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if is_usable && url.scheme() == "http" && !is_this_machine {
        return Err("over plain HTTP, others could read the link; use https:// except on this machine".to_owned());
    }
    if is_usable {
        return Ok(url);
    }
    Err("it is not only a scheme, a host and a port, such as https://ops.example.com".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_base_of_a_url_is_accepted() {
        for text in ["https://ops.example.com", "http://127.0.0.1:8444/"] {
            assert!(base_url(text).is_ok(), "{text}");
        }
        for text in [
            "ops.example.com",
            "http://ops.example.com",
            "ftp://x",
            "https://a:b@x",
            "https://x/path",
            "https://x?q",
            "https://x/#f",
            "",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }
}
