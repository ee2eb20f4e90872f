//! Where the operator is answered.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

use super::ListenAddress;

/// Nobody but this machine reaches it.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8444);

/// The listener for metrics and health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum OperatorListen {
    /// At the usual address, or, where that is taken, nowhere: two receivers on one machine are no failure.
    Usual,
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl OperatorListen {
    /// The address to try.
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
        text.parse().map(|ListenAddress(address)| Self::At(address)).map_err(|why| format!("is not `off`, and {why}"))
    }
}

impl TryFrom<String> for OperatorListen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("`{text}` {why}"))
    }
}
