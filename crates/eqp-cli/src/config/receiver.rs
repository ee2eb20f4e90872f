//! How the receiver is reached.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::BoolishValueParser;
use eqp_receiver::SpoolSettings;
use serde::Deserialize;

use super::file::from_folder;
use super::{Keep, ListenAddress, OperatorListen};
use crate::failure::{Failure, Outcome};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);

/// Where the receiver listens and what it proves itself with.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReceiverOptions {
    /// Address to listen on, such as localhost:8443; :8443 for every IPv4 address [default: 127.0.0.1:8443]
    #[arg(long, env = "EQP_LISTEN", hide_env_values = true, value_name = "ADDRESS")]
    pub(crate) listen: Option<ListenAddress>,
    /// Certificate chain (PEM), leaf first [default: one of a local CA made on first use, for development]
    #[arg(long, env = "EQP_TLS_CERT", hide_env_values = true, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, env = "EQP_TLS_KEY", hide_env_values = true, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve plain HTTP behind a TLS-terminating proxy, and use the last address in its X-Forwarded-For (or Forwarded)
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
    /// More names and addresses for the local CA's certificate, beside localhost
    #[arg(long, env = "EQP_TLS_NAMES", hide_env_values = true, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tls_names: Option<Vec<String>>,
    /// Folder for callbacks that the database cannot take, on a local disk, one for each receiver
    /// [default: spool in the data folder]
    #[arg(long, env = "EQP_SPOOL_DIR", hide_env_values = true, value_name = "FOLDER")]
    pub(crate) spool_dir: Option<PathBuf>,
    /// The most that it may hold; 0 for none, and 503 for senders in an outage [default: 268435456]
    #[arg(long, env = "EQP_SPOOL_BYTES", hide_env_values = true, value_name = "BYTES")]
    pub(crate) spool_bytes: Option<u64>,
    /// Address for metrics and health over plain HTTP, or off [default: 127.0.0.1:8444 if it is free]
    #[arg(long, env = "EQP_OPERATOR_LISTEN", hide_env_values = true, value_name = "ADDRESS")]
    pub(crate) operator_listen: Option<OperatorListen>,
    /// Delete callbacks older than this, once they are projected, such as 400d [default: keep them for ever]
    #[arg(long, env = "EQP_KEEP", hide_env_values = true, value_name = "AGE")]
    pub(crate) keep: Option<Keep>,
}

/// What the receiver speaks.
#[derive(Debug)]
pub(crate) enum Wire {
    /// HTTPS with the certificate and key in these files.
    Files {
        /// The chain.
        certificate: PathBuf,
        /// Its key.
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
            keep: self.keep.or(weaker.keep),
        }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.tls_cert, folder);
        from_folder(&mut self.tls_key, folder);
        from_folder(&mut self.spool_dir, folder);
    }

    /// The address to listen on.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen.map_or(DEFAULT_LISTEN, |listen| listen.0)
    }

    /// Where callbacks are kept that the database cannot take; none where that is not wished.
    pub(crate) fn spool(&self, data: &Path) -> Option<SpoolSettings> {
        let settings = SpoolSettings::in_folder(self.spool_dir.clone().unwrap_or_else(|| data.join("spool")));
        match self.spool_bytes {
            Some(0) => None,
            Some(bytes) => Some(settings.bytes(bytes)),
            None => Some(settings),
        }
    }

    /// Where to answer the operator.
    pub(crate) fn operator_listen(&self) -> OperatorListen {
        self.operator_listen.unwrap_or(OperatorListen::Usual)
    }

    /// What to speak there.
    pub(crate) fn wire(&self) -> Outcome<Wire> {
        let behind_proxy = self.behind_proxy.unwrap_or(false);
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), Some(_)) if behind_proxy => {
                Err(Failure::usage("--behind-proxy speaks plain HTTP: it has no use for a certificate")
                    .next("leave out --behind-proxy, or --tls-cert and --tls-key"))
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
            _ => {
                Err(Failure::usage("a certificate and its key go together").next("give both --tls-cert and --tls-key"))
            }
        }
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
}
