//! The conditions of the channel: missed and rejected callbacks, and registrations that are not as they should be.

use eqp_store::internal::{MissedCallbacks, RejectedSeries, alert_facts};
use eqp_store::sqlx::{self, PgConnection};
use time::{Duration, OffsetDateTime};

use super::condition::{Condition, Finding, Observation};

/// The time without a problem after which a callback shows that it is over. Without it, a Marketplace that drops every
/// second callback would open and resolve an alert with each.
pub(super) const SETTLED: Duration = Duration::hours(1);
/// The age up to which missed callbacks are considered.
const MISSED: Duration = Duration::days(30);

/// Observes the accounts and their endpoints.
pub(super) async fn observe(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Observation, sqlx::Error> {
    let missed = alert_facts::missed_callbacks(connection, now - MISSED).await?;
    let mut findings: Vec<_> = missed.into_iter().filter_map(|facts| missed_callbacks(&facts, now)).collect();
    let rejected = alert_facts::rejected_callbacks(connection).await?;
    findings.extend(rejected.into_iter().filter_map(|facts| rejected_callbacks(facts, now)));
    let drifting = alert_facts::drifting_registrations(connection).await?;
    findings.extend(drifting.into_iter().map(|facts| Finding {
        account: Some(facts.account),
        key: facts.endpoint.clone(),
        caused_at: facts.since,
        condition: Condition::RegistrationDrift { endpoint: facts.endpoint, state: facts.state, since: facts.since },
    }));
    Ok(findings.into())
}

/// Callbacks are missed until one arrives after the last of them was found.
fn missed_callbacks(facts: &MissedCallbacks, now: OffsetDateTime) -> Option<Finding> {
    let has_arrived = facts.last_callback_at.is_some_and(|at| at > facts.last_found_at);
    if has_arrived && now - facts.last_decided_at >= SETTLED {
        return None;
    }
    Some(Finding {
        account: Some(facts.account),
        key: String::new(),
        caused_at: facts.last_decided_at,
        condition: Condition::CallbacksMissed {
            callbacks: facts.callbacks,
            endpoints: facts.endpoints,
            silent_endpoints: facts.silent_endpoints,
            first_found_at: facts.first_found_at,
            last_found_at: facts.last_found_at,
        },
    })
}

/// Callbacks are rejected until one is accepted, or the endpoint is registered with another password.
fn rejected_callbacks(facts: RejectedSeries, now: OffsetDateTime) -> Option<Finding> {
    let is_repaired = facts.repaired_at.is_some_and(|at| at > facts.last_at);
    if is_repaired && now - facts.last_at >= SETTLED {
        return None;
    }
    Some(Finding {
        account: Some(facts.account),
        key: facts.endpoint.clone(),
        caused_at: facts.last_at,
        condition: Condition::CallbacksRejected {
            endpoint: facts.endpoint,
            requests: facts.requests,
            first_at: facts.first_at,
            last_at: facts.last_at,
        },
    })
}

#[cfg(test)]
mod tests {
    use eqp_store::AccountId;

    use super::*;

    #[test]
    fn missed_callbacks_end_with_a_callback_and_an_hour_without_another() {
        let at = |minutes| OffsetDateTime::UNIX_EPOCH + Duration::minutes(minutes);
        let facts = |last_callback_at| MissedCallbacks {
            account: AccountId(1),
            callbacks: 2,
            first_found_at: at(10),
            last_found_at: at(20),
            last_decided_at: at(35),
            last_callback_at,
            endpoints: 1,
            silent_endpoints: 1,
        };
        for (last_callback_at, now, is_missed) in [
            (None, 40, true),
            (None, 400, true),
            (Some(at(5)), 400, true),
            // One has arrived after all were found.
            (Some(at(30)), 40, true),
            (Some(at(30)), 94, true),
            (Some(at(30)), 95, false),
        ] {
            let found = missed_callbacks(&facts(last_callback_at), at(now)).is_some();
            assert_eq!(found, is_missed, "{last_callback_at:?} {now}");
        }
    }
}
