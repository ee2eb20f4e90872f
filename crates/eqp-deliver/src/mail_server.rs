//! The mail server of a worker.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use eqp_types::Secret;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use rustls::pki_types::ServerName;

use crate::DefinitionError;

/// The time limit of one mail.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Characters with a meaning in commands and headers. Addresses that contain them would have to be quoted.
const SPECIAL: &[char] = &['"', '(', ')', ',', ':', ';', '<', '>', '[', '\\', ']'];

/// The mail server to which a worker submits mails.
///
/// ```
/// use eqp_deliver::{MailSecurity, MailServer};
///
/// let server = MailServer::new("mail.example.com", "eqp <eqp@example.com>")?.port(465).security(MailSecurity::Tls)?;
/// assert!(MailServer::new("mail.example.com", "nobody").is_err());
/// # Ok::<(), eqp_deliver::DefinitionError>(())
/// ```
#[derive(Clone)]
pub struct MailServer {
    pub(crate) host: String,
    port: Option<u16>,
    pub(crate) security: MailSecurity,
    pub(crate) credentials: Option<(String, Secret)>,
    pub(crate) from: Mailbox,
    pub(crate) timeout: Duration,
    trusted_ca: Option<Certificate>,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS, which begins with the command STARTTLS. Nothing is sent without it.
    #[default]
    StartTls,
    /// TLS from the start of the connection.
    Tls,
    /// None. Only to this machine.
    None,
}

impl MailSecurity {
    fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl MailServer {
    /// Creates a server to which mails are submitted with STARTTLS. Their sender is `from`, such as `eqp <eqp@example.com>`.
    ///
    /// # Errors
    /// [`DefinitionError::Mail`] if the host or the sender is not valid.
    pub fn new(host: impl Into<String>, from: &str) -> Result<Self, DefinitionError> {
        let host = host.into();
        if ServerName::try_from(host.as_str()).is_err() {
            return Err(wrong("the name of the mail server is not valid"));
        }
        let sender = || wrong("the sender is not an address such as eqp@example.com or \"eqp <eqp@example.com>\"");
        if from.chars().any(char::is_control) {
            return Err(sender());
        }
        let from: Mailbox = from.trim().parse().map_err(|_| sender())?;
        address(from.email.as_ref()).map_err(|_| sender())?;
        let security = MailSecurity::default();
        Ok(Self { host, port: None, security, credentials: None, from, timeout: TIMEOUT, trusted_ca: None })
    }

    /// Sets the port. By default it is 587, 465 with [`MailSecurity::Tls`], or 25 with [`MailSecurity::None`].
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets how the connection is protected.
    ///
    /// # Errors
    /// [`DefinitionError::Mail`] if the connection to another machine would not be protected.
    pub fn security(mut self, security: MailSecurity) -> Result<Self, DefinitionError> {
        let is_local = match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        };
        if security == MailSecurity::None && !is_local {
            return Err(wrong("only a mail server on this machine (localhost) can be used without TLS"));
        }
        self.security = security;
        Ok(self)
    }

    /// Authenticates with a user name and a password.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.credentials = Some((user.into(), password));
        self
    }

    /// Sets the time limit of one mail, 20 seconds by default. At least one second is used.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_secs(1));
        self
    }

    /// Trusts the CAs in a PEM file, in addition to those of the system.
    ///
    /// # Errors
    /// [`DefinitionError::Mail`] if the text contains no certificate, or an invalid one.
    pub fn trusting_ca_pem(mut self, pem: &str) -> Result<Self, DefinitionError> {
        let invalid = || wrong("the CA file contains no certificate in PEM format, or an invalid one");
        if !pem.contains("BEGIN CERTIFICATE") {
            return Err(invalid());
        }
        self.trusted_ca = Some(Certificate::from_pem(pem.as_bytes()).map_err(|_| invalid())?);
        Ok(self)
    }

    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port.unwrap_or_else(|| self.security.port()))
    }

    /// Returns the parameters of TLS, or `None` without TLS.
    pub(crate) fn tls(&self) -> Result<Option<TlsParameters>, DefinitionError> {
        if self.security == MailSecurity::None {
            return Ok(None);
        }
        let mut tls = TlsParameters::builder(self.host.clone());
        if let Some(ca) = &self.trusted_ca {
            tls = tls.add_root_certificate(ca.clone());
        }
        tls.build().map(Some).map_err(|error| wrong(&format!("TLS cannot be set up: {error}")))
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = self.address();
        f.debug_struct("MailServer").field("host", &host).field("port", &port).finish_non_exhaustive()
    }
}

/// Reads an address that needs no quotation and no extension of the mail server.
pub(crate) fn address(text: &str) -> Result<Address, &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(SPECIAL) {
        return Err("it contains a character that is not allowed; write international domains as xn--…");
    }
    text.parse().map_err(|_| "it is not an address such as ann@example.com")
}

fn wrong(reason: &str) -> DefinitionError {
    DefinitionError::Mail { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_used_is_rejected() {
        let server = |host: &str, from: &str| MailServer::new(host, from).map_err(|error| error.to_string());
        for (host, from, reason) in [
            ("", "eqp@example.com", "the name of the mail server"),
            ("mail example", "eqp@example.com", "the name of the mail server"),
            ("smtps://mail.example.com", "eqp@example.com", "the name of the mail server"),
            ("mail.example.com", "eqp", "the sender"),
            ("mail.example.com", "eqp <eqp@example.com>\r\nBcc: x@example.com", "the sender"),
            ("mail.example.com", "eqp <eqp@bücher.example>", "the sender"),
        ] {
            let error = server(host, from).unwrap_err();
            assert!(error.contains(reason), "{host} {from}: {error}");
        }
        assert!(server("192.0.2.7", "\"Äcme, eqp\" <eqp@example.com>").is_ok());
    }

    #[test]
    fn only_this_machine_can_be_used_without_tls() {
        let without = |host: &str| MailServer::new(host, "eqp@example.com").unwrap().security(MailSecurity::None);
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(without(host).unwrap().address(), (host, 25));
        }
        for host in ["mail.example.com", "10.0.0.1", "localhost.example.com"] {
            assert!(without(host).is_err(), "{host}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        let server = MailServer::new("mail.example.com", "eqp@example.com").unwrap();
        let printed = format!("{:?}", server.credentials("eqp", Secret::new("hush")));
        assert_eq!(printed, "MailServer { host: \"mail.example.com\", port: 587, .. }");
    }
}
