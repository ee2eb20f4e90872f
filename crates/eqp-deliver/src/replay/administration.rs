//! Plans, requests, lists and cancels replays.

use eqp_store::Reader;
use eqp_store::internal::{ANSWER, NewReplay, StoredReplay, delivery, replay, within};
use eqp_store::sqlx::{PgConnection, PgPool};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::plan::{self, ReplayPlan};
use super::{ReplayError, ReplaySelection};

/// The maximum number of replays whose deliveries have not all been created.
const MAX_INCOMPLETE: i64 = 50;

/// The state of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplayState {
    /// Deliveries are still being created, or are waiting.
    Running,
    /// Every delivery has ended.
    Finished,
    /// It was cancelled, and its waiting deliveries were discarded.
    Cancelled,
}

/// A replay and the state of its deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplaySummary {
    /// The number, which the messages contain.
    pub id: i64,
    /// The state.
    pub state: ReplayState,
    /// The selected events, or `None` if a newer version has requested the replay.
    pub selection: Option<ReplaySelection>,
    /// The subscription that receives them. `None`: every one whose filter they match.
    pub subscription: Option<String>,
    /// The last event that is part of the replay.
    pub up_to_seq: i64,
    /// The number of deliveries when the replay was requested.
    pub planned: u64,
    /// The number of deliveries that have been created. It stays lower than `planned` if reprojection has replaced events since.
    pub created: u64,
    /// The number of deliveries that were discarded when it was cancelled.
    pub discarded: u64,
    /// Whether all of its deliveries have been created.
    pub is_complete: bool,
    /// The number of deliveries that are waiting.
    pub waiting: u64,
    /// The number of these that have failed before.
    pub retrying: u64,
    /// The number of deliveries that failed for good.
    pub dead: u64,
    /// When it was requested.
    pub requested_at: OffsetDateTime,
    /// The caller that requested it.
    pub requested_by: String,
    /// When it was cancelled.
    pub cancelled_at: Option<OffsetDateTime>,
}

impl From<StoredReplay> for ReplaySummary {
    fn from(stored: StoredReplay) -> Self {
        let state = match (stored.cancelled_at, stored.completed_at) {
            (Some(_), _) => ReplayState::Cancelled,
            (None, Some(_)) if stored.waiting == 0 => ReplayState::Finished,
            (None, _) => ReplayState::Running,
        };
        Self {
            id: stored.id,
            state,
            selection: serde_json::from_str(&stored.selection).ok(),
            subscription: stored.subscription,
            up_to_seq: stored.end_seq,
            planned: stored.planned.unsigned_abs(),
            created: stored.created.unsigned_abs(),
            discarded: stored.discarded.unsigned_abs(),
            is_complete: stored.completed_at.is_some(),
            waiting: stored.waiting.unsigned_abs(),
            retrying: stored.retrying.unsigned_abs(),
            dead: stored.dead.unsigned_abs(),
            requested_at: stored.requested_at,
            requested_by: stored.requested_by,
            cancelled_at: stored.cancelled_at,
        }
    }
}

/// Administers the replays of a database. A process with the deliver part ([`DeliverService`](crate::DeliverService)) carries them out.
///
/// ```no_run
/// use eqp_deliver::{ReplaySelection, Replays};
///
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// let plan = Replays::new(pool.clone()).plan(&ReplaySelection::of_events([1200]), Some("shop"), None).await?;
/// println!("{} events", plan.events);
/// let mut transaction = pool.begin().await?;
/// Replays::request(&mut transaction, &plan, "ann").await?;
/// transaction.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Replays {
    pool: PgPool,
}

impl Replays {
    /// Creates an administration that uses an existing connection pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Plans a replay of the selected events up to a number, by default up to the newest one: to one subscription, or to every
    /// subscription whose filter they match. Changes nothing.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError::Subscription`] if the subscription does not exist, [`ReplayError::UnknownEvents`] or
    /// [`ReplayError::TooManyEvents`] for the numbers of events, [`ReplayError::Unreadable`] if a newer version has defined a subscription,
    /// and [`ReplayError::Store`] if a query fails or planning takes longer than a minute.
    pub async fn plan(
        &self,
        selection: &ReplaySelection,
        to: Option<&str>,
        up_to_seq: Option<i64>,
    ) -> Result<ReplayPlan, ReplayError> {
        let newest = Reader::new(self.pool.clone()).latest_seq().await?;
        let up_to_seq = up_to_seq.map_or(newest, |up_to| up_to.min(newest));
        let mut connection = within(ANSWER, self.pool.acquire()).await?;
        match tokio::time::timeout(ANSWER, plan::plan(&mut connection, selection, to, up_to_seq)).await {
            Ok(plan) => plan,
            Err(_elapsed) => {
                let timed_out = std::io::Error::from(std::io::ErrorKind::TimedOut);
                Err(eqp_store::Error::from(eqp_store::sqlx::Error::Io(timed_out)).into())
            }
        }
    }

    /// Requests a planned replay, in a transaction of the caller. Returns its number.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError::Nothing`] if no subscription receives any of the events, [`ReplayError::TooManyReplays`] if 50 replays are not
    /// complete, and [`ReplayError::Store`] if a query fails.
    pub async fn request(connection: &mut PgConnection, plan: &ReplayPlan, by: &str) -> Result<i64, ReplayError> {
        if plan.deliveries == 0 {
            return Err(ReplayError::Nothing);
        }
        if within(ANSWER, replay::count_incomplete(connection)).await? >= MAX_INCOMPLETE {
            return Err(ReplayError::TooManyReplays { most: MAX_INCOMPLETE });
        }
        let selection = serde_json::to_string(&plan.selection).expect("a selection is valid JSON");
        let new = NewReplay {
            selection: &selection,
            target: plan.target.as_ref().map(|(id, name)| (*id, name.as_str())),
            end_seq: plan.up_to_seq,
            planned: i64::try_from(plan.deliveries).unwrap_or(i64::MAX),
            requested_by: by,
        };
        Ok(within(ANSWER, replay::insert(connection, &new)).await?)
    }

    /// Returns the newest replays, newest first.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError::Store`] if the query fails.
    pub async fn list(&self, limit: u32) -> Result<Vec<ReplaySummary>, ReplayError> {
        let stored = within(ANSWER, replay::list(&self.pool, None, limit.into())).await?;
        Ok(stored.into_iter().map(ReplaySummary::from).collect())
    }

    /// Returns one replay.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError::NotFound`] if no replay has this number, and [`ReplayError::Store`] if the query fails.
    pub async fn find(&self, id: i64) -> Result<ReplaySummary, ReplayError> {
        let stored = within(ANSWER, replay::find(&self.pool, id)).await?;
        stored.map(ReplaySummary::from).ok_or(ReplayError::NotFound { id })
    }

    /// Cancels a replay, in a transaction of the caller, and discards its waiting deliveries. Those that are being sent can still arrive.
    /// Returns the number of discarded deliveries.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError::Ended`] if the replay does not exist, was cancelled or has finished, and [`ReplayError::Store`] if a query
    /// fails.
    pub async fn cancel(connection: &mut PgConnection, id: i64, by: &str) -> Result<u64, ReplayError> {
        let waiting = within(ANSWER, replay::cancel(connection, id)).await?.ok_or(ReplayError::Ended { id })?;
        let note = format!("replay {id} was cancelled by {by}");
        let discarded = within(ANSWER, delivery::discard(&mut *connection, &waiting, &note)).await?;
        let number = i64::try_from(discarded).unwrap_or(i64::MAX);
        within(ANSWER, replay::record_discarded(connection, id, number)).await?;
        Ok(discarded)
    }
}
