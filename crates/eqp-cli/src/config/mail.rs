//! The mail server of a worker. A subscription names recipients only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::from_folder;
use crate::arguments::timeout;

/// The mail server. There are no flags for it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MailOptions {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) security: Option<Security>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) username: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) from: Option<String>,
    pub(crate) timeout: Option<MailTimeout>,
}

/// How the connection to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    StartTls,
    Tls,
    None,
}

/// The time limit of one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MailTimeout(pub(crate) Duration);

impl TryFrom<String> for MailTimeout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        timeout(&text).map(Self).map_err(|why| format!("`{text}`: {why}"))
    }
}

impl Security {
    /// The values in the configuration file.
    pub(crate) const NAMES: &[&str] = &["starttls", "tls", "none"];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }
}

impl MailOptions {
    /// Returns these options, or the weaker ones if they name no server: a password is sent only to the server that was configured
    /// together with it.
    pub(super) fn over(self, weaker: Self) -> Self {
        if self.host.is_some() { self } else { weaker }
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.ca_file, folder);
        from_folder(&mut self.password_file, folder);
    }
}

#[cfg(feature = "email")]
mod server {
    use eqp_deliver::{DefinitionError, MailSecurity, MailServer};
    use eqp_types::Secret;

    use super::{MailOptions, Security};
    use crate::config::secret::{from_environment, read_secret};
    use crate::failure::{Failure, Result};

    /// The name of the secret in errors.
    const WHAT: &str = "the password for the mail server";

    impl MailOptions {
        /// Returns the mail server, or `None` if there is none.
        pub(in crate::config) fn resolve(&self) -> Result<Option<MailServer>> {
            let missing = |key: &str| Failure::usage(format!("mail.{key} is missing"));
            let Some(host) = &self.host else {
                return if self.is_empty() { Ok(None) } else { Err(missing("host")) };
            };
            let from = self.from.as_ref().ok_or_else(|| missing("from"))?;
            let refused = |error: DefinitionError| Failure::usage("[mail] cannot be used").because(&error);
            let security = match self.security {
                Some(Security::StartTls) | None => MailSecurity::StartTls,
                Some(Security::Tls) => MailSecurity::Tls,
                Some(Security::None) => MailSecurity::None,
            };
            let mut server =
                MailServer::new(host, from).and_then(|server| server.security(security)).map_err(refused)?;
            if let Some(port) = self.port {
                server = server.port(port);
            }
            if let Some(timeout) = self.timeout {
                server = server.timeout(timeout.0);
            }
            if let Some(file) = &self.ca_file {
                let pem = std::fs::read_to_string(file)
                    .map_err(|error| Failure::usage(format!("cannot read {}", file.display())).because(&error))?;
                server = server.trusting_ca_pem(&pem).map_err(refused)?;
            }
            match (&self.username, self.password()?) {
                (Some(user), Some(password)) => Ok(Some(server.credentials(user, password))),
                (None, None) => Ok(Some(server)),
                (Some(_), None) => Err(missing("password_file")
                    .next("or set EQP_MAIL_PASSWORD, or EQP_MAIL_PASSWORD_FILE to a file with mode 0600")),
                (None, Some(_)) => Err(missing("username")),
            }
        }

        fn password(&self) -> Result<Option<Secret>> {
            if let Some((password, _)) = from_environment("EQP_MAIL_PASSWORD", WHAT)? {
                return Ok(Some(password));
            }
            self.password_file.as_ref().map(|file| read_secret(file, WHAT)).transpose()
        }

        fn is_empty(&self) -> bool {
            let Self { host, port, security, ca_file, username, password_file, from, timeout } = self;
            [host, username, from].into_iter().all(Option::is_none)
                && [ca_file, password_file].into_iter().all(Option::is_none)
                && port.is_none()
                && security.is_none()
                && timeout.is_none()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_server_is_complete_or_missing() {
            let read = |text: &str| toml::from_str::<MailOptions>(text).unwrap().resolve();
            assert!(read("").unwrap().is_none());
            assert!(read("host = 'mail.example.com'\nfrom = 'eqp@example.com'").unwrap().is_some());
            for (text, reason) in [
                ("from = 'eqp@example.com'", "mail.host is missing"),
                ("host = 'mail.example.com'", "mail.from is missing"),
                ("host = 'mail.example.com'\nfrom = 'eqp'", "[mail] cannot be used"),
                ("host = 'mail.example.com'\nfrom = 'eqp@example.com'\nsecurity = 'none'", "without TLS"),
                (
                    "host = 'mail.example.com'\nfrom = 'eqp@example.com'\nusername = 'eqp'",
                    "mail.password_file is missing",
                ),
                ("host = 'mail.example.com'\nfrom = 'eqp@example.com'\nca_file = '/nowhere'", "/nowhere"),
                (
                    "host = 'mail.example.com'\nfrom = 'eqp@example.com'\nusername = 'eqp'\npassword_file = '/nowhere'",
                    "the password for the mail server",
                ),
            ] {
                let failure = read(text).unwrap_err().to_string();
                assert!(failure.contains(reason), "{text}: {failure}");
            }
            assert!(toml::from_str::<MailOptions>("security = 'ssl'").is_err());
            assert!(toml::from_str::<MailOptions>("timeout = '5'").is_err());
        }
    }
}
