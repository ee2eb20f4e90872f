//! The conditions of the listings in the store: versions that only Packagist has, and dates that are due.

use eqp_store::internal::listing_check;
use eqp_store::sqlx::{self, PgConnection};
use time::OffsetDateTime;

use super::condition::{AlertKind, Condition, Finding, Observation};
use crate::listings::{ListingsDue, considered_since, due_together, read};

/// Observes what was last found about the listings. If it is too old, nothing is known.
pub(super) async fn observe(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Observation, sqlx::Error> {
    let checks = listing_check::since(connection, considered_since(now)).await?;
    if checks.is_empty() {
        return Ok(Observation {
            findings: Vec::new(),
            unknown: vec![AlertKind::PackagistConflict, AlertKind::ListingDue],
        });
    }
    let mut findings = Vec::new();
    for check in checks {
        let found = read(&check);
        let account = Some(check.account);
        findings.extend(due_together(&found.dates).into_iter().map(|due| Finding {
            account,
            key: key(&due),
            caused_at: due.since,
            condition: Condition::ListingDue { rule: due.rule, line: due.line, skus: due.skus, due_at: due.due_at },
        }));
        findings.extend(found.conflicts.into_iter().map(|conflict| Finding {
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
    Ok(findings.into())
}

/// Returns the subject of the alert: one for each release line, and one for each listing that had no update.
fn key(due: &ListingsDue) -> String {
    let rule: &'static str = due.rule.into();
    let subject = due.line.as_deref().or(due.skus.first().map(String::as_str)).unwrap_or_default();
    format!("{rule} {subject}")
}
