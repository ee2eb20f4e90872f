//! Loads the certificate of the public listener, keeps it up to date, and reports when it expires.
//!
//! The contents of the files are compared every five seconds, so it does not matter how the files are replaced. A new pair
//! that cannot be used, or that is outside its validity period, does not replace a valid certificate. At the start, an
//! expired certificate is served with an error in the log instead of refusing to start: the clock may be wrong or a renewal
//! under way, and a running receiver picks up the new certificate as soon as it exists.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eqp_tls::{Identity, ServerIdentity, Validity};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::accept::CertificateNote;
use crate::endpoint::heartbeat::CertificateExpiry;
use crate::{Error, Metrics};
use eqp_store::internal::Part;

/// The source of the server certificate.
///
/// ```
/// let tls = eqp_receiver::Tls::Files { certificate: "fullchain.pem".into(), key: "privkey.pem".into() };
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Tls {
    /// No certificate: plain HTTP, on a loopback address or behind a TLS-terminating proxy.
    #[default]
    Off,
    /// A certificate with its key, which are never reloaded.
    Identity(Identity),
    /// PEM files, which are reloaded when they change.
    Files {
        /// The certificate chain, leaf first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    #[cfg(feature = "local-ca")]
    /// A certificate of a local CA, for development. The CA is created in a folder on first use.
    LocalCa {
        /// The folder of the CA. Clients must trust the certificate in its file `local-ca.pem`.
        folder: PathBuf,
        /// The host names and addresses of the server, such as `localhost` and `127.0.0.1`.
        names: Vec<String>,
    },
}

impl Tls {
    pub(super) fn identity(&self) -> Result<Option<ServerIdentity>, Error> {
        Ok(match self {
            Self::Off => None,
            Self::Identity(identity) => Some(ServerIdentity::given(identity)),
            Self::Files { certificate, key } => Some(ServerIdentity::from_files(certificate, key)?),
            #[cfg(feature = "local-ca")]
            Self::LocalCa { folder, names } => Some(ServerIdentity::from_local_ca(folder, names)?),
        })
    }
}

/// The interval at which the files are read.
const PERIOD: Duration = Duration::from_secs(5);
/// The wait before a failed reload is retried once. Certificate and key are often written one after the other, so a pair may
/// not match for a moment.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The numbers of days before the expiry at which it is logged.
const NOTICE_DAYS: [i64; 4] = [1, 7, 14, 30];

/// Watches one certificate. Cheap to clone.
#[derive(Clone)]
pub(super) struct CertificateWatch {
    pub(super) identity: ServerIdentity,
    /// Notified to read the files now.
    pub(super) reload: Arc<Notify>,
    pub(super) metrics: Metrics,
    /// The remark that `/readyz` shows.
    pub(super) note: CertificateNote,
    /// The time that the heartbeat reports.
    pub(super) expiry: CertificateExpiry,
}

/// How close a certificate is to its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExpiryState {
    Fine,
    /// At most this many days are left. One of [`NOTICE_DAYS`].
    Expires(i64),
    Expired,
    NotYetValid,
}

/// The state that was logged last, so that each state is logged once.
#[derive(Default)]
struct Reported {
    expiry: Option<ExpiryState>,
    failure: Option<ReloadFailure>,
}

/// The reason why the files are not used.
#[derive(PartialEq, Eq)]
struct ReloadFailure {
    error: String,
    /// A short text for `/readyz`.
    summary: &'static str,
}

impl ReloadFailure {
    fn of(error: &eqp_tls::Error) -> Self {
        let summary = match error {
            eqp_tls::Error::Expired { .. } => "the files contain an expired certificate, see the log",
            eqp_tls::Error::NotYetValid { .. } => "the files contain a certificate that is not valid yet, see the log",
            _ => "the files cannot be reloaded, see the log",
        };
        Self { error: error.to_string(), summary }
    }
}

impl ExpiryState {
    fn of(validity: Validity, now: OffsetDateTime) -> Self {
        if now < validity.not_before {
            return Self::NotYetValid;
        }
        let left = validity.not_after - now;
        if left.is_negative() {
            return Self::Expired;
        }
        NOTICE_DAYS.into_iter().find(|days| left <= time::Duration::days(*days)).map_or(Self::Fine, Self::Expires)
    }
}

impl CertificateWatch {
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut reported = Reported::default();
        let mut requested = false;
        loop {
            self.metrics.supervisor().fault_point(Part::Certificate);
            let check = async {
                self.check(&mut reported, requested).await;
                tokio::select! {
                    () = sleep(PERIOD) => false,
                    () = self.reload.notified() => true,
                }
            };
            let Some(again) = shutdown.run_until_cancelled(check).await else { return };
            requested = again;
        }
    }

    async fn check(&self, reported: &mut Reported, requested: bool) {
        let mut reloaded = self.reload().await;
        if reloaded.is_err() && reported.failure.is_none() {
            sleep(RETRY_DELAY).await;
            reloaded = self.reload().await;
        }
        let validity = self.identity.validity();
        match reloaded {
            Ok(is_new) => {
                reported.failure = None;
                if is_new {
                    self.metrics.certificate().replaced();
                    tracing::info!(expires = %rfc3339(validity.not_after), "certificate replaced");
                } else if requested {
                    tracing::info!("certificate reload requested, files are unchanged");
                }
            }
            Err(error) => {
                let failure = ReloadFailure::of(&error);
                if requested || reported.failure.as_ref() != Some(&failure) {
                    self.metrics.certificate().failed();
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "cannot reload the certificate, the old one stays in use");
                }
                reported.failure = Some(failure);
            }
        }
        let expiry = ExpiryState::of(validity, OffsetDateTime::now_utc());
        if reported.expiry != Some(expiry) {
            log(expiry, validity);
            reported.expiry = Some(expiry);
        }
        self.metrics.certificate().expires(validity.not_after);
        self.expiry.set(validity.not_after);
        self.note.set(note(expiry, validity, reported.failure.as_ref().map(|failure| failure.summary)));
    }

    /// Reads the files on a blocking thread, because they may be on a slow network drive.
    async fn reload(&self) -> Result<bool, eqp_tls::Error> {
        let identity = self.identity.clone();
        match tokio::task::spawn_blocking(move || identity.reload()).await {
            Ok(reloaded) => reloaded,
            // The task is never cancelled, so it has panicked. This counts as a panic of this part.
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

fn log(expiry: ExpiryState, validity: Validity) {
    let (from, until) = (rfc3339(validity.not_before), rfc3339(validity.not_after));
    match expiry {
        ExpiryState::Fine => tracing::debug!(expires = %until, "certificate is valid"),
        ExpiryState::Expires(days @ (14 | 30)) => {
            tracing::warn!(expires = %until, days, "certificate expires soon");
        }
        ExpiryState::Expires(days) => tracing::error!(
            expires = %until,
            days,
            "certificate expires soon; renew it, changed files are reloaded automatically"
        ),
        ExpiryState::Expired => tracing::error!(
            expired = %until,
            "certificate has expired and senders reject it; renew it, changed files are reloaded automatically"
        ),
        ExpiryState::NotYetValid => tracing::error!(
            valid_from = %from,
            "certificate is not valid yet and senders reject it; check the clock, or replace the certificate"
        ),
    }
}

/// Returns what `/readyz` reports about the certificate, if anything. The text contains nothing that JSON would escape.
fn note(expiry: ExpiryState, validity: Validity, failure: Option<&str>) -> Option<String> {
    let text = match expiry {
        ExpiryState::Fine => None,
        ExpiryState::Expires(days) => {
            Some(format!("expires in less than {days} days, at {}", rfc3339(validity.not_after)))
        }
        ExpiryState::Expired => Some(format!("expired at {}", rfc3339(validity.not_after))),
        ExpiryState::NotYetValid => Some(format!("not valid before {}", rfc3339(validity.not_before))),
    };
    match (text, failure) {
        (Some(text), Some(failure)) => Some(format!("{text}; {failure}")),
        (text, failure) => text.or_else(|| failure.map(str::to_owned)),
    }
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_is_reported_thirty_fourteen_seven_and_one_days_before_and_when_reached() {
        let ca = eqp_tls::LocalCa::ephemeral().unwrap();
        let validity = ca.issue(&["localhost".to_owned()]).unwrap().validity();
        let end = validity.not_after;
        let day = time::Duration::DAY;
        for (now, expiry) in [
            (validity.not_before - time::Duration::SECOND, ExpiryState::NotYetValid),
            (validity.not_before, ExpiryState::Fine),
            (end - day * 30 - time::Duration::SECOND, ExpiryState::Fine),
            (end - day * 30, ExpiryState::Expires(30)),
            (end - day * 14, ExpiryState::Expires(14)),
            (end - day * 7, ExpiryState::Expires(7)),
            (end - day * 2, ExpiryState::Expires(7)),
            (end - day, ExpiryState::Expires(1)),
            (end, ExpiryState::Expires(1)),
            (end + time::Duration::SECOND, ExpiryState::Expired),
        ] {
            assert_eq!(ExpiryState::of(validity, now), expiry, "{now}");
        }
        let failure = Some("the files cannot be reloaded, see the log");
        assert_eq!(note(ExpiryState::Fine, validity, None), None);
        assert_eq!(note(ExpiryState::Fine, validity, failure).as_deref(), failure);
        let both = note(ExpiryState::Expired, validity, failure).unwrap();
        assert!(both.starts_with("expired at 20") && both.ends_with("see the log"), "{both}");
    }
}
