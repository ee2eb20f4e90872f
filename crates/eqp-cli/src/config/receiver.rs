//! The settings of the receiver: addresses, TLS, spool and retention.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use eqp_receiver::SpoolSettings;
use serde::Deserialize;

use super::from_folder;
use super::{ListenAddress, OperatorListen, Role};
use crate::arguments::{bytes, duration, timeout};
use crate::failure::{Failure, Result};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);

/// Options for the receiver.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReceiverOptions {
    /// Address to listen on, such as localhost:8443, or :8443 for all IPv4 addresses [default: 127.0.0.1:8443]
    #[arg(long, env = "EQP_LISTEN", hide_env_values = true, value_name = "ADDRESS")]
    pub(crate) listen: Option<ListenAddress>,
    /// Certificate chain (PEM), leaf first [default: issued by a local CA, for development]
    #[arg(long, env = "EQP_TLS_CERT", hide_env_values = true, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, env = "EQP_TLS_KEY", hide_env_values = true, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve plain HTTP behind a TLS-terminating proxy
    ///
    /// Takes the client address from the last entry of X-Forwarded-For (or Forwarded).
    #[arg(
        long,
        env = "EQP_BEHIND_PROXY",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new(),
        value_name = "BOOL"
    )]
    pub(crate) behind_proxy: Option<bool>,
    /// Additional host names and IP addresses for the certificate of the local CA
    #[arg(long, env = "EQP_TLS_NAMES", hide_env_values = true, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tls_names: Option<Vec<String>>,
    /// Folder of the spool, on a local disk; each receiver needs its own [default: spool in the data folder]
    #[arg(long, env = "EQP_SPOOL_DIR", hide_env_values = true, value_name = "FOLDER")]
    pub(crate) spool_dir: Option<PathBuf>,
    /// Maximum spool size in bytes; 0 disables the spool [default: 268435456]
    ///
    /// Without a spool, callbacks are answered 503 while the database is down.
    #[arg(long, env = "EQP_SPOOL_BYTES", hide_env_values = true, value_name = "BYTES", value_parser = bytes)]
    pub(crate) spool_bytes: Option<u64>,
    /// Address for the operator API, its pages, metrics and health checks, or off [default: 127.0.0.1:8444 if free]
    ///
    /// It serves plain HTTP. Other machines should reach it through a TLS-terminating proxy only.
    #[arg(long, env = "EQP_OPERATOR_LISTEN", hide_env_values = true, value_name = "ADDRESS")]
    pub(crate) operator_listen: Option<OperatorListen>,
    /// Host names under which the operator API and its pages can be called, besides localhost and IP addresses
    #[arg(
        long = "operator-host",
        env = "EQP_OPERATOR_HOSTS",
        hide_env_values = true,
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(crate) operator_hosts: Option<Vec<HostName>>,
    /// Delete projected callbacks older than this, such as 400d [default: never]
    #[arg(long, env = "EQP_RETENTION", hide_env_values = true, value_name = "AGE")]
    pub(crate) retention: Option<RetentionPeriod>,
    /// The parts of `eqp serve` that run in this process. The flag belongs to that command.
    #[arg(skip)]
    pub(crate) roles: Option<Vec<Role>>,
    /// The interval at which `eqp serve` reconciles accounts. The flag belongs to that command.
    #[arg(skip)]
    pub(crate) reconcile_interval: Option<ReconcileInterval>,
    /// The interval at which `eqp serve` checks the listings in the store. The flag belongs to that command.
    #[arg(skip)]
    pub(crate) listings_interval: Option<ListingsInterval>,
}

/// The protocol of the public listener.
#[derive(Debug)]
pub(crate) enum Wire {
    /// HTTPS with the certificate and key in these files.
    Files {
        /// The certificate chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// HTTPS with a certificate of the local CA for these names.
    LocalCa {
        /// Host names and addresses.
        names: Vec<String>,
    },
    /// Plain HTTP behind a proxy.
    BehindProxy,
}

impl ReceiverOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        let tls_from_self = self.tls_cert.is_some() || self.tls_key.is_some();
        let (tls_cert, tls_key) =
            if tls_from_self { (self.tls_cert, self.tls_key) } else { (weaker.tls_cert, weaker.tls_key) };
        Self {
            listen: self.listen.or(weaker.listen),
            tls_cert,
            tls_key,
            behind_proxy: self.behind_proxy.or(weaker.behind_proxy),
            tls_names: self.tls_names.or(weaker.tls_names),
            spool_dir: self.spool_dir.or(weaker.spool_dir),
            spool_bytes: self.spool_bytes.or(weaker.spool_bytes),
            operator_listen: self.operator_listen.or(weaker.operator_listen),
            operator_hosts: self.operator_hosts.or(weaker.operator_hosts),
            retention: self.retention.or(weaker.retention),
            roles: self.roles.or(weaker.roles),
            reconcile_interval: self.reconcile_interval.or(weaker.reconcile_interval),
            listings_interval: self.listings_interval.or(weaker.listings_interval),
        }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.tls_cert, folder);
        from_folder(&mut self.tls_key, folder);
        from_folder(&mut self.spool_dir, folder);
    }

    /// Returns the address to listen on.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen.map_or(DEFAULT_LISTEN, |listen| listen.0)
    }

    /// Returns the folder of the spool, or `None` if it is disabled.
    pub(crate) fn spool(&self, data: &Path) -> Option<SpoolSettings> {
        let settings = SpoolSettings::in_folder(self.spool_dir.clone().unwrap_or_else(|| data.join("spool")));
        match self.spool_bytes {
            Some(0) => None,
            Some(bytes) => Some(settings.bytes(bytes)),
            None => Some(settings),
        }
    }

    /// Returns the address for metrics and health checks.
    pub(crate) fn operator_listen(&self) -> OperatorListen {
        self.operator_listen.unwrap_or(OperatorListen::Usual)
    }

    /// Returns the protocol of the public listener.
    pub(crate) fn wire(&self) -> Result<Wire> {
        let behind_proxy = self.behind_proxy.unwrap_or(false);
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), Some(_)) if behind_proxy => {
                Err(Failure::usage("--behind-proxy serves plain HTTP, so a certificate cannot be used")
                    .next("remove --behind-proxy, or --tls-cert and --tls-key"))
            }
            (Some(certificate), Some(key)) => Ok(Wire::Files { certificate: certificate.clone(), key: key.clone() }),
            (None, None) if behind_proxy => Ok(Wire::BehindProxy),
            (None, None) => {
                let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
                let listen = self.listen().ip();
                if !listen.is_unspecified() && !listen.is_loopback() {
                    names.push(listen.to_string());
                }
                names.extend(self.tls_names.iter().flatten().cloned());
                Ok(Wire::LocalCa { names })
            }
            _ => Err(Failure::usage("--tls-cert and --tls-key must be used together")
                .next("pass both --tls-cert and --tls-key")),
        }
    }
}

/// A host name under which the operator API can be called: without a scheme, a port or wildcards, which would never match.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HostName(String);

impl HostName {
    /// Returns the name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(is_allowed)
        };
        if name.len() <= 253 && name.split('.').all(is_label) {
            return Ok(Self(name.to_ascii_lowercase()));
        }
        Err("it is not a host name such as ops.example.com, without scheme, port and wildcards; international names are \
             written as xn--…"
            .to_owned())
    }
}

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("`{text}`: {why}"))
    }
}

/// The minimum interval. A shorter one is probably a mistake, and would only load the Marketplace.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);

/// The interval at which accounts are compared with the Marketplace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ReconcileInterval(pub(crate) Duration);

impl fmt::Display for ReconcileInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl FromStr for ReconcileInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let interval = timeout(text)?;
        if interval < SHORTEST_INTERVAL {
            return Err(format!("it is less than {} s", SHORTEST_INTERVAL.as_secs()));
        }
        Ok(Self(interval))
    }
}

impl TryFrom<String> for ReconcileInterval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("`{text}`: {why}"))
    }
}

/// The maximum interval: findings that are not confirmed for seven days end.
const LONGEST_INTERVAL: Duration = Duration::from_hours(3 * 24);

/// The interval at which the listings in the store are checked, unless the checks are disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum ListingsInterval {
    /// They are not checked.
    Off,
    /// They are checked once per interval.
    Every(ReconcileInterval),
}

impl ListingsInterval {
    /// The interval, unless another one is configured.
    pub(crate) const DEFAULT: Self = Self::Every(ReconcileInterval(Duration::from_hours(24)));
}

impl fmt::Display for ListingsInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Every(interval) => interval.fmt(f),
        }
    }
}

impl FromStr for ListingsInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => match text.parse()? {
                ReconcileInterval(interval) if interval > LONGEST_INTERVAL => {
                    Err("it is more than 3 days, and findings count for 7 days".to_owned())
                }
                interval => Ok(Self::Every(interval)),
            },
        }
    }
}

impl TryFrom<String> for ListingsInterval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("`{text}`: {why}"))
    }
}

/// The shortest retention period. A shorter one is probably a mistake in the unit, and would permanently delete recent
/// data.
const SHORTEST: time::Duration = time::Duration::DAY;

/// The age at which callbacks are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RetentionPeriod(pub(crate) Duration);

impl fmt::Display for RetentionPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds.is_multiple_of(86_400) => write!(f, "{}d", seconds / 86_400),
            seconds if seconds.is_multiple_of(3_600) => write!(f, "{}h", seconds / 3_600),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for RetentionPeriod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keep = duration(text)?;
        if keep < SHORTEST {
            return Err("it is less than a day".to_owned());
        }
        keep.try_into().map(Self).map_err(|_| "it is not a valid retention period".to_owned())
    }
}

impl TryFrom<String> for RetentionPeriod {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("`{text}`: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let options = ReceiverOptions { tls_cert: Some("c.pem".into()), ..Default::default() };
        assert_eq!(options.wire().unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_certificate_and_its_key_come_from_one_place() {
        let given = ReceiverOptions { tls_cert: Some("a".into()), ..Default::default() };
        let file = ReceiverOptions { tls_cert: Some("b".into()), tls_key: Some("c".into()), ..Default::default() };
        assert_eq!(given.over(file).tls_key, None);
    }

    #[test]
    fn a_host_that_could_never_match_is_refused() {
        for (text, name) in [("Ops.example.com", "ops.example.com"), ("ops.", "ops"), ("a_b-c.d", "a_b-c.d")] {
            assert_eq!(text.parse::<HostName>().unwrap().as_str(), name);
        }
        for text in
            ["", ".", "https://ops.example.com", "ops.example.com:8444", "*.example.com", "a b", "a..b", "ops/x", "é"]
        {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    #[test]
    fn nobody_keeps_for_less_than_a_day() {
        assert_eq!("400d".parse(), Ok(RetentionPeriod(Duration::from_hours(400 * 24))));
        assert_eq!("24h".parse(), Ok(RetentionPeriod(Duration::from_hours(24))));
        for text in ["400d", "25h", "86401s"] {
            assert_eq!(text.parse::<RetentionPeriod>().unwrap().to_string(), text);
        }
        for text in ["400m", "0d", "23h", "400", "-1d", "forever"] {
            assert!(text.parse::<RetentionPeriod>().is_err(), "{text}");
        }
    }
}
