//! Weekly digests: one message per week, which sums up the week, instead of one per event.
//!
//! The fan-out creates their deliveries. The message is created when it is sent, so that one that has waited is not outdated.

mod compose;
mod digest_time;
mod source;

use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{ANSWER, DeliverySource, LaneKey, NewDelivery, digest, within};
use eqp_store::sqlx::{self, PgConnection, PgPool};
use time::OffsetDateTime;

pub use digest_time::{DigestTime, DigestTimeError};
pub(crate) use source::DigestSource;

use crate::subscription::Subscription;

/// The interval at which a process looks whether a week has ended.
pub(crate) const LOOK: Duration = Duration::from_mins(1);

/// Returns the end of the last week if no digests of it were created.
pub(crate) async fn due(pool: &PgPool, time: DigestTime) -> Result<Option<OffsetDateTime>, Error> {
    let position = within(ANSWER, digest::position(pool)).await?;
    Ok(time.due(position.now, position.last))
}

/// Locks the position of digests. Returns the end of the week whose digests have to be created, and the generation of the subscriptions.
pub(crate) async fn lock_due(
    connection: &mut PgConnection,
    time: DigestTime,
) -> Result<Option<(OffsetDateTime, i64)>, sqlx::Error> {
    let Some(position) = digest::try_lock(connection).await? else { return Ok(None) };
    Ok(time.due(position.now, position.last).map(|week| (week, position.generation)))
}

/// Inserts the deliveries of the digests of a week, in the transaction that holds the lock. Subscriptions that are paused receive them when
/// they are resumed.
pub(crate) async fn create(
    connection: &mut PgConnection,
    subscriptions: &[Subscription],
    week: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    // A subscription that was created afterwards begins with the next week.
    let receives = |one: &&Subscription| one.filter.digest.is_some() && one.created_at <= week;
    let deliveries: Vec<NewDelivery> = subscriptions
        .iter()
        .filter(receives)
        .map(|subscription| NewDelivery {
            subscription: subscription.id,
            lane: LaneKey::of_digests(),
            source: DeliverySource::Digest,
            event_seq: week.unix_timestamp(),
            not_before: None,
            replay: None,
        })
        .collect();
    digest::create(connection, week, &deliveries).await
}
