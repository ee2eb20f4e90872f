//! The time that reviews have taken, and usually take, for `status` and for the pages of submissions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use eqp_store::internal::{ANSWER, ProductStatusEntry, TrackInReview, review_facts, within};
use eqp_store::sqlx::{self, PgPool};
use eqp_store::{AccountId, Error};
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::review::{HISTORY_PERIOD, Histories, current_stays};
use super::stuck::{self, HISTORY, Stage, StuckLimits, Typical};

/// The time for which finished reviews of products are summarized.
const YEAR: time::Duration = time::Duration::days(365);

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

/// Reads the durations of reviews. The history is read at most every ten minutes, because it contains thousands of events. Clones share
/// it.
#[derive(Clone, Debug, Default)]
pub struct ReviewClock {
    limits: StuckLimits,
    known: Arc<Mutex<Known>>,
}

/// The results of the last readings of the history.
#[derive(Debug, Default)]
struct Known {
    durations: Histories,
    products: Option<(OffsetDateTime, Vec<ProductReviewTime>)>,
}

impl ReviewClock {
    /// Uses these limits after which a review is stuck.
    pub fn new(limits: StuckLimits) -> Self {
        Self { limits, known: Arc::default() }
    }

    /// Returns the submissions and files that wait for the Marketplace, by their tracks.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if a query fails or takes longer than a minute.
    pub async fn in_review(&self, pool: &PgPool, now: OffsetDateTime) -> Result<HashMap<i64, ReviewTime>, Error> {
        let reading = async {
            let mut connection = pool.acquire().await?;
            let tracks = review_facts::in_review(&mut *connection, None).await?;
            let entries = review_facts::statuses(&mut *connection, &tracks).await?;
            let mut known = self.known.lock().await;
            let mut times = HashMap::new();
            for (track, stay) in current_stays(tracks, &entries) {
                let durations = known.durations.of(&mut connection, track.account, now).await?;
                let typical = durations.typical(stay.stage, track.package_type.as_deref());
                let limit = stuck::limit(self.limits.of(stay.stage), typical);
                times.insert(track.track, ReviewTime { stage: stay.stage, since: stay.since, limit, typical, track });
            }
            Ok::<_, sqlx::Error>(times)
        };
        within(ANSWER, reading).await
    }

    /// Returns the usual durations of each stage for the packages of one type of an account. Stages with fewer than 5 samples are omitted.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if a query fails or takes longer than a minute.
    pub async fn typical(
        &self,
        pool: &PgPool,
        account: AccountId,
        package_type: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<HashMap<Stage, Typical>, Error> {
        let reading = async {
            let mut connection = pool.acquire().await?;
            let mut known = self.known.lock().await;
            Ok::<_, sqlx::Error>(known.durations.of(&mut connection, account, now).await?.of_type(package_type))
        };
        within(ANSWER, reading).await
    }

    /// Returns the time in review of each product over the last 12 months, by SKU. Versions whose review was recalled, or had begun before
    /// the account was observed, are not considered.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if the query fails or takes longer than a minute.
    pub async fn of_products(&self, pool: &PgPool, now: OffsetDateTime) -> Result<Vec<ProductReviewTime>, Error> {
        if let Some((read_at, products)) = &self.known.lock().await.products
            && (now - *read_at).abs() < HISTORY_PERIOD
        {
            return Ok(products.clone());
        }
        // A review that ended a year ago began earlier.
        let history = within(ANSWER, review_facts::of_products(pool, now - HISTORY)).await?;
        let products = of_products(history, now - YEAR);
        self.known.lock().await.products = Some((now, products.clone()));
        Ok(products)
    }
}

/// The time that the reviews of a product took: from the first report that a version is in review to the report of the last result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProductReviewTime {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The SKU.
    pub sku: String,
    /// The number of versions whose reviews have ended in the last 12 months.
    pub reviews: u64,
    /// A quarter of them took at most this long.
    pub p25_seconds: u64,
    /// Half of them took at most this long.
    pub median_seconds: u64,
    /// Three quarters of them took at most this long.
    pub p75_seconds: u64,
}

/// Summarizes the reviews that have ended since a time.
fn of_products(history: Vec<ProductStatusEntry>, since: OffsetDateTime) -> Vec<ProductReviewTime> {
    let mut submissions: BTreeMap<(String, Environment, MageId, String), Vec<_>> = BTreeMap::new();
    for ProductStatusEntry { environment, mage_id, sku, submission_id, entry } in history {
        submissions.entry((sku, environment, mage_id, submission_id)).or_default().push(entry);
    }
    let mut products: BTreeMap<(String, Environment, MageId), Vec<Duration>> = BTreeMap::new();
    for ((sku, environment, mage_id, _), entries) in submissions {
        let stays = stuck::stays(&entries);
        let began = stays.iter().map(|stay| stay.since).min();
        let ended: Option<Vec<_>> = stays.iter().map(|stay| stay.until.filter(|_| stay.is_sample)).collect();
        let ended = ended.and_then(|ended| ended.into_iter().max()).filter(|ended| *ended >= since);
        let Some((began, ended)) = began.zip(ended) else { continue };
        // A clock that was set back in between makes a review unusable.
        let Ok(duration) = Duration::try_from(ended - began) else { continue };
        products.entry((sku, environment, mage_id)).or_default().push(duration);
    }
    let summarized = products.into_iter().map(|((sku, environment, mage_id), durations)| {
        let Typical { samples: reviews, p25_seconds, median_seconds, p75_seconds } = Typical::summary(durations);
        ProductReviewTime { environment, mage_id, sku, reviews, p25_seconds, median_seconds, p75_seconds }
    });
    summarized.collect()
}

#[cfg(test)]
mod tests {
    use eqp_store::Origin;
    use eqp_store::internal::StatusEntry;

    use super::*;

    fn entry(submission: &str, track: i64, day: i64, status: &str) -> ProductStatusEntry {
        let received_at = OffsetDateTime::UNIX_EPOCH + time::Duration::days(day);
        let (status, origin) = (status.to_owned(), Origin::Callback);
        ProductStatusEntry {
            environment: Environment::Sandbox,
            mage_id: MageId::new("MAG1").unwrap(),
            sku: "acme/checkout".to_owned(),
            submission_id: submission.to_owned(),
            entry: StatusEntry { track, status, received_at, origin, package_type: None },
        }
    }

    #[test]
    fn the_time_in_review_lasts_from_the_first_stage_to_the_last_result_of_both_reviews() {
        let history = vec![
            entry("s1", 1, 1, "in_automation"),
            entry("s1", 2, 2, "awaiting_marketing_review"),
            entry("s1", 1, 3, "in_manual_qa"),
            entry("s1", 1, 5, "approved"),
            entry("s1", 2, 9, "approved"),
            // It has not ended.
            entry("s2", 3, 5, "in_automation"),
            // It was recalled.
            entry("s3", 4, 5, "in_automation"),
            entry("s3", 4, 6, "recalled"),
            entry("s4", 5, 5, "in_automation"),
            entry("s4", 5, 9, "rejected"),
        ];
        let [only] = &of_products(history.clone(), OffsetDateTime::UNIX_EPOCH)[..] else { panic!("one product") };
        assert_eq!((only.sku.as_str(), only.reviews), ("acme/checkout", 2));
        assert_eq!(
            [only.p25_seconds, only.median_seconds, only.p75_seconds].map(|seconds| seconds / 86_400),
            [4, 4, 8]
        );
        assert!(of_products(history, OffsetDateTime::UNIX_EPOCH + time::Duration::days(10)).is_empty());
    }
}
