//! The conditions of the listings in the store: versions that only Packagist has, and dates that are due.

use eqp_store::internal::listing_check;
use eqp_store::sqlx::{self, PgConnection};
use time::OffsetDateTime;

use super::condition::{AlertKind, Condition, Finding, Observation};
use crate::listings::{ListingsDue, considered_since, due_together, read};

/// Observes the last findings about the listings. Those older than seven days have ended, because nobody checks these listings any more.
pub(super) async fn observe(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Observation, sqlx::Error> {
    let mut observation = Observation::default();
    for check in listing_check::since(connection, considered_since(now)).await? {
        let Some(found) = read(&check) else {
            observation.unknown = vec![AlertKind::PackagistConflict, AlertKind::ListingDue];
            continue;
        };
        let account = Some(check.account);
        observation.findings.extend(due_together(&found.dates).into_iter().map(|due| Finding {
            account,
            key: key(&due),
            caused_at: due.since,
            condition: Condition::ListingDue { rule: due.rule, line: due.line, skus: due.skus, due_at: due.due_at },
        }));
        observation.findings.extend(found.conflicts.into_iter().map(|conflict| Finding {
            account,
            key: conflict.sku.clone(),
            caused_at: conflict.since,
            condition: Condition::PackagistConflict {
                sku: conflict.sku,
                packagist: conflict.packagist,
                store: conflict.store,
                consequence: conflict.consequence,
                since: conflict.since,
            },
        }));
    }
    Ok(observation)
}

/// Returns the subject of the alert: one for each release line, and one for each listing that had no update.
fn key(due: &ListingsDue) -> String {
    let rule: &'static str = due.rule.into();
    let subject = due.line.as_deref().or(due.skus.first().map(String::as_str)).unwrap_or_default();
    format!("{rule} {subject}")
}
