//! Parses addresses to listen on, in the forms that people write.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use serde::Deserialize;

/// An address to listen on, parsed from `127.0.0.1:8443`, `[::1]:8443`, `localhost:8443`, or `:8443` for every IPv4
/// address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ListenAddress(pub(crate) SocketAddr);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let example = "write it like 127.0.0.1:8443, [::1]:8443, localhost:8443 or :8443";
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("it has no port; {example}"))?;
        let port: u16 = port.parse().map_err(|_| format!("it has no port from 0 to 65535; {example}"))?;
        if host.is_empty() {
            return Ok(Self((Ipv4Addr::UNSPECIFIED, port).into()));
        }
        if host.contains([':', '/', '@']) {
            return Err(format!("it is not an address; {example}"));
        }
        // One address is chosen if a host name has several. Clients try all addresses of a name, so the IPv4 address is
        // enough.
        let mut found: Vec<_> = (host, port)
            .to_socket_addrs()
            .map_err(|error| format!("it names a host that cannot be resolved ({error}); {example}"))?
            .collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        found.first().copied().map(Self).ok_or_else(|| format!("it names a host without an address; {example}"))
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A configuration file may contain a secret in the wrong place, so the text is not repeated.
        text.parse()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The default address of the operator listener, reachable from this machine only.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8444);

/// The listener for metrics and health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum OperatorListen {
    /// Listens on the default address, or not at all if it is in use, so that two receivers can run on one machine.
    Usual,
    /// Listens on this address.
    At(SocketAddr),
    /// Does not listen.
    Off,
}

impl OperatorListen {
    /// Returns the address to listen on.
    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Usual => Some(DEFAULT),
            Self::At(address) => Some(address),
            Self::Off => None,
        }
    }
}

impl fmt::Display for OperatorListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usual => write!(f, "{DEFAULT}, if it is free"),
            Self::At(address) => address.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl FromStr for OperatorListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(|ListenAddress(address)| Self::At(address))
            .map_err(|why| format!("it is not `off`, and {why}"))
    }
}

impl TryFrom<String> for OperatorListen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("`{text}`: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_write_it() {
        for (text, address) in [
            ("127.0.0.1:8443", "127.0.0.1:8443"),
            ("[::1]:8443", "[::1]:8443"),
            ("localhost:8443", "127.0.0.1:8443"),
            (":8443", "0.0.0.0:8443"),
            ("127.0.0.1:0", "127.0.0.1:0"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), address, "{text}");
        }
        for text in [
            "",
            "8443",
            "localhost",
            "::1:8443x",
            "::1",
            "localhost:",
            "localhost:70000",
            "http://localhost:1",
            "a@b:1",
        ] {
            let why = text.parse::<ListenAddress>().unwrap_err();
            assert!(why.contains("127.0.0.1:8443"), "{text}: {why}");
        }
    }
}
