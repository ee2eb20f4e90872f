//! The conditions of the data: times far ahead of our clock, and unknown event codes.

use eqp_store::internal::alert_facts;
use eqp_store::sqlx::{self, PgConnection};
use time::{Duration, OffsetDateTime};

use super::channel::SETTLED;
use super::condition::{Condition, Finding, Observation};

/// The age up to which a report with a doubtful time is considered.
const CLOCK: Duration = Duration::days(7);
/// The age up to which an unknown event code is reported.
const UNKNOWN: Duration = Duration::days(30);

/// Observes the events.
pub(super) async fn observe(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Observation, sqlx::Error> {
    let clocks = alert_facts::doubtful_clocks(connection, now - CLOCK).await?;
    let clocks = clocks.into_iter().filter(|facts| !facts.is_followed || now - facts.received_at < SETTLED);
    let mut findings: Vec<_> = clocks
        .map(|facts| Finding {
            account: Some(facts.account),
            key: String::new(),
            caused_at: facts.received_at,
            condition: Condition::ClockDoubtful {
                modified_at: facts.modified_at.map(|at| at.to_string()),
                received_at: facts.received_at,
            },
        })
        .collect();
    let codes = alert_facts::unknown_event_codes(connection, now - UNKNOWN).await?;
    findings.extend(codes.into_iter().map(|facts| Finding {
        account: Some(facts.account),
        key: facts.code.clone(),
        caused_at: facts.last_at,
        condition: Condition::UnknownEventCode {
            code: facts.code,
            callbacks: facts.callbacks,
            first_at: facts.first_at,
            last_at: facts.last_at,
        },
    }));
    Ok(findings.into())
}
