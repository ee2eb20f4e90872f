//! Creates the deliveries of replays, in batches.
//!
//! A batch is created only while few deliveries of the replay are waiting, so the queue stays short, and a cancelled replay ends soon.
//! Each batch and the position after it are written in one transaction: a process that crashes loses and repeats nothing.

use std::sync::Arc;
use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::replay::{Incomplete, advance, events, lock_next};
use eqp_store::internal::{ANSWER, Backoff, Part, ReplayPosition, Supervisor, within};
use eqp_store::sqlx::{self, PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{ReplaySelection, may_receive};
use crate::matching::match_replayed;
use crate::subscription::{Subscription, SubscriptionCache};

/// The number of waiting deliveries of a replay from which on no more are created.
const MOST_WAITING: i64 = 200;
/// The number of events that one transaction matches.
const EVENTS: u32 = 200;
/// The number of deliveries after which a batch ends, with the event that exceeds it.
const DELIVERIES: usize = 1_000;
/// The interval at which new replays are looked for.
const POLL: Duration = Duration::from_secs(1);
/// The interval at which an incomplete replay is continued.
const POLL_INCOMPLETE: Duration = Duration::from_millis(100);
const MIN_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The replays of one process.
pub(crate) struct ReplayRunner {
    pool: PgPool,
    supervisor: Supervisor,
    /// Notified when deliveries were created.
    inserted: Arc<Notify>,
    subscriptions: SubscriptionCache,
}

impl ReplayRunner {
    pub(crate) fn new(pool: PgPool, supervisor: Supervisor, inserted: Arc<Notify>) -> Self {
        Self { pool, supervisor, inserted, subscriptions: SubscriptionCache::default() }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        while !shutdown.is_cancelled() {
            self.supervisor.fault_point(Part::Deliver);
            let wait = match within(ANSWER, self.round()).await {
                Ok(wait) => {
                    backoff.reset();
                    wait
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    let error: &Error = &error;
                    tracing::warn!(
                        error = error as &dyn std::error::Error,
                        ?wait,
                        "cannot create the deliveries of a replay, retrying"
                    );
                    wait
                }
            };
            let _cancelled = shutdown.run_until_cancelled(sleep(wait)).await;
        }
    }

    /// Creates the next batch of one replay. Returns the wait until the next round.
    async fn round(&mut self) -> Result<Duration, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let position = match lock_next(&mut transaction, MOST_WAITING).await? {
            None => return Ok(POLL),
            Some(Incomplete::Full) => return Ok(POLL_INCOMPLETE),
            Some(Incomplete::Next(position)) => position,
        };
        let subscriptions = match self.subscriptions.of(&mut transaction, position.generation).await? {
            Ok(subscriptions) => subscriptions,
            // The fan-out pauses what this version cannot read, and the replay continues.
            Err(_unreadable) => return Ok(POLL),
        };
        let receiving: Vec<&Subscription> =
            subscriptions.iter().filter(|one| may_receive(one, position.subscription)).collect();
        if advance_by_a_batch(&mut transaction, &position, &receiving).await? {
            transaction.commit().await?;
            self.inserted.notify_waiters();
        }
        Ok(Duration::ZERO)
    }
}

async fn advance_by_a_batch(
    connection: &mut PgConnection,
    position: &ReplayPosition,
    receiving: &[&Subscription],
) -> Result<bool, sqlx::Error> {
    let selection: ReplaySelection =
        serde_json::from_str(&position.selection).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let filter = selection.filter(position.cursor_seq, position.end_seq, EVENTS);
    let events = events(connection, &filter, &selection.events).await?;
    let mut deliveries = match_replayed(connection, receiving, &events, position.id).await?;
    let mut to = match events.last() {
        Some(last) if events.len() >= EVENTS as usize => last.seq,
        _ => position.end_seq,
    };
    if let Some(last) = deliveries.get(DELIVERIES).map(|delivery| delivery.event_seq) {
        let end = deliveries.iter().position(|delivery| delivery.event_seq > last);
        if let Some(end) = end {
            deliveries.truncate(end);
            to = last;
        }
    }
    advance(connection, position, to, &deliveries).await
}
