//! Keeps the certificate of the public listener up to date, and reports when it expires.
//!
//! Its files are looked at every five seconds, by their contents: so it does not matter how they are replaced. A pair that
//! cannot be used leaves the one from before in use. A certificate that has expired, or is not valid yet, is served all the
//! same, with an error in the log: a clock can be wrong and a renewal be under way, and a receiver that runs takes the new
//! one as soon as it is there.

use std::sync::Arc;
use std::time::Duration;

use eqp_tls::{ServerIdentity, Validity};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Metrics;
use crate::accept::CertificateNote;
use crate::supervise::Part;

const PERIOD: Duration = Duration::from_secs(5);
/// Certificate and key are often written one after the other: a pair that does not match is looked at twice.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// With so many days left it is reported, once each.
const NOTICES: [i64; 4] = [1, 7, 14, 30];

/// Watches one certificate. Cheap to clone.
#[derive(Clone)]
pub(super) struct CertificateWatch {
    pub(super) identity: ServerIdentity,
    /// Notified when somebody wants the files to be read now.
    pub(super) reload: Arc<Notify>,
    pub(super) metrics: Metrics,
    /// For `/readyz`.
    pub(super) note: CertificateNote,
}

/// How near a certificate is to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fine,
    /// At most so many days are left, of those in [`NOTICES`].
    Expires(i64),
    Expired,
    NotYetValid,
}

/// What the log says already.
#[derive(Default)]
struct Reported {
    stage: Option<Stage>,
    trouble: Option<String>,
}

impl Stage {
    fn of(validity: Validity, now: OffsetDateTime) -> Self {
        if now < validity.not_before {
            return Self::NotYetValid;
        }
        let left = validity.not_after - now;
        if left.is_negative() {
            return Self::Expired;
        }
        NOTICES.into_iter().find(|days| left <= time::Duration::days(*days)).map_or(Self::Fine, Self::Expires)
    }
}

impl CertificateWatch {
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut reported = Reported::default();
        let mut asked = false;
        loop {
            self.metrics.supervisor().fault_point(Part::Certificate);
            let look = async {
                self.look(&mut reported, asked).await;
                tokio::select! {
                    () = sleep(PERIOD) => false,
                    () = self.reload.notified() => true,
                }
            };
            let Some(again) = shutdown.run_until_cancelled(look).await else { return };
            asked = again;
        }
    }

    async fn look(&self, reported: &mut Reported, asked: bool) {
        let mut reloaded = self.reload().await;
        if reloaded.is_err() && reported.trouble.is_none() {
            sleep(SECOND_LOOK).await;
            reloaded = self.reload().await;
        }
        let validity = self.identity.validity();
        match reloaded {
            Ok(is_new) => {
                reported.trouble = None;
                if is_new {
                    self.metrics.certificate().replaced();
                    tracing::info!(expires = %rfc3339(validity.not_after), "the certificate was replaced");
                } else if asked {
                    tracing::info!("the certificate was asked to be reloaded and is the same as before");
                }
            }
            Err(error) => {
                let trouble = error.to_string();
                if asked || reported.trouble.as_ref() != Some(&trouble) {
                    self.metrics.certificate().failed();
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the certificate cannot be reloaded; the one from before stays in use");
                }
                reported.trouble = Some(trouble);
            }
        }
        let stage = Stage::of(validity, OffsetDateTime::now_utc());
        if reported.stage != Some(stage) {
            log(stage, validity);
            reported.stage = Some(stage);
        }
        self.metrics.certificate().expires(validity.not_after);
        self.note.set(note(stage, validity, reported.trouble.is_some()));
    }

    /// Reading files can take its time.
    async fn reload(&self) -> Result<bool, eqp_tls::Error> {
        let identity = self.identity.clone();
        match tokio::task::spawn_blocking(move || identity.reload()).await {
            Ok(reloaded) => reloaded,
            // It is not cancelled: its panic is one of this part.
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

fn log(stage: Stage, validity: Validity) {
    let (from, until) = (rfc3339(validity.not_before), rfc3339(validity.not_after));
    match stage {
        Stage::Fine => tracing::debug!(expires = %until, "the certificate is valid"),
        Stage::Expires(days @ (14 | 30)) => {
            tracing::warn!(expires = %until, "the certificate expires in less than {days} days");
        }
        Stage::Expires(days) => tracing::error!(
            expires = %until,
            "the certificate expires in less than {days} days; renew it, it is reloaded when its files change"
        ),
        Stage::Expired => tracing::error!(
            expired = %until,
            "the certificate has expired, and senders refuse it; renew it, it is reloaded when its files change"
        ),
        Stage::NotYetValid => tracing::error!(
            valid_from = %from,
            "the certificate is not valid yet, and senders refuse it; check the clock, or replace the certificate"
        ),
    }
}

/// What `/readyz` says of it, if anything: a text that JSON needs not escape.
fn note(stage: Stage, validity: Validity, in_trouble: bool) -> Option<String> {
    let text = match stage {
        Stage::Fine if in_trouble => String::new(),
        Stage::Fine => return None,
        Stage::Expires(days) => format!("expires in less than {days} days, at {}", rfc3339(validity.not_after)),
        Stage::Expired => format!("expired at {}", rfc3339(validity.not_after)),
        Stage::NotYetValid => format!("not valid before {}", rfc3339(validity.not_before)),
    };
    let trouble = "its files cannot be reloaded, see the log";
    Some(match (text.as_str(), in_trouble) {
        ("", _) => trouble.to_owned(),
        (_, true) => format!("{text}; {trouble}"),
        (_, false) => text,
    })
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_reported_thirty_fourteen_seven_and_one_days_before_and_when_it_is_there() {
        let ca = eqp_tls::LocalCa::ephemeral().unwrap();
        let validity = ca.issue(&["localhost".to_owned()]).unwrap().validity();
        let end = validity.not_after;
        let day = time::Duration::DAY;
        for (now, stage) in [
            (validity.not_before - time::Duration::SECOND, Stage::NotYetValid),
            (validity.not_before, Stage::Fine),
            (end - day * 30 - time::Duration::SECOND, Stage::Fine),
            (end - day * 30, Stage::Expires(30)),
            (end - day * 14, Stage::Expires(14)),
            (end - day * 7, Stage::Expires(7)),
            (end - day * 2, Stage::Expires(7)),
            (end - day, Stage::Expires(1)),
            (end, Stage::Expires(1)),
            (end + time::Duration::SECOND, Stage::Expired),
        ] {
            assert_eq!(Stage::of(validity, now), stage, "{now}");
        }
        assert_eq!(note(Stage::Fine, validity, false), None);
        assert!(note(Stage::Fine, validity, true).unwrap().starts_with("its files"));
        let both = note(Stage::Expired, validity, true).unwrap();
        assert!(both.starts_with("expired at 20") && both.ends_with("see the log"), "{both}");
    }
}
