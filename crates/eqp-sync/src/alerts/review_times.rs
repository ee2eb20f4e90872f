//! The time that reviews in progress have taken, and usually take, for `status`.

use std::collections::HashMap;
use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{ANSWER, TrackInReview, review_facts, within};
use eqp_store::sqlx::{self, PgPool};
use time::OffsetDateTime;

use super::review::{Histories, current_stays};
use super::stuck::{self, Stage, StuckLimits, Typical};

/// A track that waits for the Marketplace, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewTime {
    /// The track.
    pub track: TrackInReview,
    /// The stage at which it waits.
    pub stage: Stage,
    /// When the report was received that it is at this stage.
    pub since: OffsetDateTime,
    /// The time after which it is stuck.
    pub limit: Duration,
    /// The earlier durations of this stage for this account, if they are known.
    pub typical: Option<Typical>,
}

/// Returns the submissions and files that wait for the Marketplace, by their tracks.
///
/// # Errors
/// Returns [`Error::Database`] if a query fails or takes longer than a minute.
pub async fn review_times(
    pool: &PgPool,
    limits: &StuckLimits,
    now: OffsetDateTime,
) -> Result<HashMap<i64, ReviewTime>, Error> {
    let reading = async {
        let mut connection = pool.acquire().await?;
        let tracks = review_facts::in_review(&mut *connection, None).await?;
        let entries = review_facts::statuses(&mut *connection, &tracks).await?;
        let (mut histories, mut times) = (Histories::default(), HashMap::new());
        for (track, stay) in current_stays(tracks, &entries) {
            let durations = histories.of(&mut connection, track.account, now).await?;
            let typical = durations.typical(stay.stage, track.package_type.as_deref());
            let limit = stuck::limit(limits.of(stay.stage), typical);
            times.insert(track.track, ReviewTime { stage: stay.stage, since: stay.since, limit, typical, track });
        }
        Ok::<_, sqlx::Error>(times)
    };
    within(ANSWER, reading).await
}
