//! Reads the contents of the digests of a number of deliveries.

use std::collections::HashMap;

use eqp_store::Error;
use eqp_store::internal::{
    ANSWER, DigestedChange, DigestedSubmission, StoredAlert, WaitingDelivery, alert, digest, within,
};
use eqp_store::sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::compose::compose;
use crate::message::AlertFacts;
use crate::subscription::Subscription;
use crate::{DescribeAlert, Message, OpenAlert};

/// The contents of the digests of a number of deliveries.
pub(crate) struct DigestSource {
    weeks: HashMap<i64, Week>,
    open: Vec<StoredAlert>,
    /// The end of the last week for which digests were created.
    last: Option<OffsetDateTime>,
}

struct Week {
    end: OffsetDateTime,
    submissions: Vec<DigestedSubmission>,
    changes: Vec<DigestedChange>,
}

impl DigestSource {
    /// Reads the weeks that end at these times, in seconds since 1970.
    pub(crate) async fn load(pool: &PgPool, ends: &[i64]) -> Result<Self, Error> {
        let mut weeks = HashMap::new();
        let last = within(ANSWER, digest::position(pool)).await?.last;
        for &end in ends {
            let Ok(at) = OffsetDateTime::from_unix_timestamp(end) else { continue };
            // The others are not sent.
            if last.is_some_and(|last| at < last) {
                continue;
            }
            let time = (at - time::Duration::WEEK, at);
            let submissions = within(ANSWER, digest::submissions(pool, time)).await?;
            let changes = within(ANSWER, digest::changes(pool, time)).await?;
            weeks.insert(end, Week { end: at, submissions, changes });
        }
        let open = if weeks.is_empty() { Vec::new() } else { within(ANSWER, alert::open_ones(pool)).await? };
        Ok(Self { weeks, open, last })
    }

    /// Returns the message of a delivery, or the reason why nothing is sent.
    pub(crate) fn message(
        &self,
        instance: Uuid,
        describe: &DescribeAlert,
        subscription: &Subscription,
        delivery: &WaitingDelivery,
    ) -> Result<Message, &'static str> {
        let week = match self.weeks.get(&delivery.event_seq) {
            Some(week) if self.last.is_none_or(|last| last <= week.end) => week,
            _ => return Err("a later digest replaces it"),
        };
        let filter = &subscription.filter;
        let now = OffsetDateTime::now_utc();
        let is_listed = |alert: &&StoredAlert| {
            let facts = AlertFacts::of(&alert.data);
            let is_of_account = alert.environment.zip(alert.mage_id.as_ref());
            facts.subscription_id != Some(subscription.id.0)
                && (facts.sku.is_none() || filter.matches_sku(facts.sku.as_deref()))
                && is_of_account.is_none_or(|(environment, mage_id)| filter.matches_account(environment, mage_id))
        };
        let alerts = self.open.iter().filter(is_listed);
        let alerts: Vec<OpenAlert> = alerts
            .map(|alert| OpenAlert::of_stored(alert, (describe)(&alert.subject.kind, &alert.data, now)))
            .collect();
        let data = compose(week.end, &week.submissions, &week.changes, alerts, filter);
        let data = data.ok_or("nothing has changed, nothing is in review, and no alert is open")?;
        Ok(Message::of_digest(instance, subscription.id.0, data))
    }
}
