//! The conditions of the receivers: certificates, spools, and projection.

use std::collections::BTreeMap;

use eqp_store::internal::{ReceiverFacts, alert_facts, pending};
use eqp_store::sqlx::{self, PgConnection};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::condition::{AlertKind, Condition, Finding, Observation};

/// A receiver without a heartbeat for this long is not running. Heartbeats come every two seconds.
const HEARTBEAT_SECONDS: f64 = 120.0;
/// The time for which a spool may contain callbacks, and a callback may wait for its projection.
const PATIENCE: Duration = Duration::minutes(10);

/// Observes the running receivers, and what waits to be projected.
pub(super) async fn observe(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Observation, sqlx::Error> {
    let running = alert_facts::running_receivers(connection, HEARTBEAT_SECONDS).await?;
    let mut observation = of_receivers(&running, now);
    let backlog = pending::backlog(&mut *connection).await?;
    if let Some(oldest_at) = backlog.oldest.filter(|oldest| now - *oldest >= PATIENCE) {
        let condition = Condition::ProjectionBehind { oldest_at };
        observation.findings.push(Finding { account: None, key: String::new(), caused_at: oldest_at, condition });
    }
    Ok(observation)
}

fn of_receivers(running: &[ReceiverFacts], now: OffsetDateTime) -> Observation {
    if running.is_empty() {
        // A receiver that is restarted still has the same certificate, and its spool the same callbacks.
        let unknown = vec![
            AlertKind::CertificateExpiresWithinWeek,
            AlertKind::CertificateExpiresWithinMonth,
            AlertKind::SpoolNotEmpty,
        ];
        return Observation { findings: Vec::new(), unknown };
    }
    let mut findings = certificates(running, now);
    let spools = || running.iter().filter_map(|one| Some((one.spool_oldest_at?, one.spool_callbacks)));
    if let Some(oldest_at) = spools().map(|(oldest, _)| oldest).min().filter(|oldest| now - *oldest >= PATIENCE) {
        let callbacks = spools().map(|(_, callbacks)| callbacks).sum();
        let condition = Condition::SpoolNotEmpty { callbacks, oldest_at, receivers: spools().count() as u64 };
        findings.push(Finding { account: None, key: String::new(), caused_at: oldest_at, condition });
    }
    findings.into()
}

/// Several receivers usually serve the same certificate, which is one condition.
fn certificates(running: &[ReceiverFacts], now: OffsetDateTime) -> Vec<Finding> {
    let mut receivers: BTreeMap<OffsetDateTime, u64> = BTreeMap::new();
    for expires_at in running.iter().filter_map(|one| one.certificate_expires_at) {
        *receivers.entry(expires_at).or_default() += 1;
    }
    let mut findings = Vec::new();
    for (expires_at, receivers) in receivers {
        let mut add = |days, condition| {
            let caused_at = expires_at - Duration::days(days);
            if caused_at <= now {
                let key = expires_at.format(&Rfc3339).unwrap_or_else(|_| expires_at.to_string());
                findings.push(Finding { account: None, key, caused_at, condition });
            }
        };
        add(7, Condition::CertificateExpiresWithinWeek { expires_at, receivers });
        // It stays open in the last days: both end when the certificate is renewed.
        add(30, Condition::CertificateExpiresWithinMonth { expires_at, receivers });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(certificate: Option<i64>, spool: Option<i64>) -> ReceiverFacts {
        let at = |hours| OffsetDateTime::UNIX_EPOCH + Duration::hours(hours);
        let spool_callbacks = u64::from(spool.is_some());
        ReceiverFacts { certificate_expires_at: certificate.map(at), spool_oldest_at: spool.map(at), spool_callbacks }
    }

    fn kinds(running: &[ReceiverFacts]) -> Vec<AlertKind> {
        of_receivers(running, OffsetDateTime::UNIX_EPOCH).findings.iter().map(Finding::kind).collect()
    }

    #[test]
    fn a_certificate_is_reported_once_for_all_receivers() {
        use AlertKind::{CertificateExpiresWithinMonth as WithinMonth, CertificateExpiresWithinWeek as WithinWeek};
        assert_eq!(kinds(&[receiver(Some(31 * 24), None)]), []);
        assert_eq!(kinds(&[receiver(Some(30 * 24), None), receiver(Some(30 * 24), None)]), [WithinMonth]);
        assert_eq!(kinds(&[receiver(Some(7 * 24), None), receiver(None, None)]), [WithinWeek, WithinMonth]);
        assert_eq!(kinds(&[receiver(Some(-1), None)]), [WithinWeek, WithinMonth], "it has expired");
    }

    #[test]
    fn a_spool_may_contain_callbacks_for_ten_minutes() {
        assert_eq!(kinds(&[receiver(None, Some(0))]), []);
        assert_eq!(kinds(&[receiver(None, Some(-1)), receiver(None, Some(0))]), [AlertKind::SpoolNotEmpty]);
    }

    #[test]
    fn without_a_running_receiver_nothing_is_known() {
        let observation = of_receivers(&[], OffsetDateTime::UNIX_EPOCH);
        assert!(observation.findings.is_empty() && observation.unknown.len() == 3);
    }
}
