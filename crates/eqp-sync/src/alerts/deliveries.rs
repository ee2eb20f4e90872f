//! The conditions of deliveries: events that could not be delivered, and subscriptions that the program has paused.

use eqp_store::internal::{DeadDeliveries, PausedSubscription, alert_facts};
use eqp_store::sqlx::{self, PgConnection};

use super::condition::{Condition, Finding, Observation};

/// Observes the subscriptions.
pub(super) async fn observe(connection: &mut PgConnection) -> Result<Observation, sqlx::Error> {
    let dead = alert_facts::dead_deliveries(connection).await?;
    let paused = alert_facts::paused_subscriptions(connection).await?;
    let findings: Vec<_> = dead.into_iter().map(dead_deliveries).chain(paused.into_iter().map(is_paused)).collect();
    Ok(findings.into())
}

fn dead_deliveries(facts: DeadDeliveries) -> Finding {
    Finding {
        account: None,
        key: facts.name.clone(),
        caused_at: facts.last_at,
        condition: Condition::DeliveryDead {
            subscription: facts.name,
            subscription_id: facts.subscription.0,
            deliveries: facts.deliveries,
            first_at: facts.first_at,
            last_at: facts.last_at,
        },
    }
}

fn is_paused(facts: PausedSubscription) -> Finding {
    Finding {
        account: None,
        key: facts.name.clone(),
        caused_at: facts.since,
        condition: Condition::SubscriptionPaused {
            subscription: facts.name,
            subscription_id: facts.subscription.0,
            reason: facts.reason,
            since: facts.since,
        },
    }
}
