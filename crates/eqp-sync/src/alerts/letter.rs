//! The letter to Marketplace support about a submission that waits.

use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{ANSWER, TrackInReview, review_facts, within};
use eqp_store::sqlx::PgPool;
use time::OffsetDateTime;

use super::review::current_stays;
use super::stuck::{Durations, HISTORY, Stage, Stay, Typical};
use super::text::{date, range, span_of};

/// The address of Marketplace support.
const SUPPORT: &str = "commercemarketplacesupport@adobe.com";

/// A letter to Marketplace support.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SupportLetter {
    /// The address of Marketplace support.
    pub to: &'static str,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
}

/// Writes letters to Marketplace support about submissions in a database.
///
/// ```no_run
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), eqp_store::Error> {
/// let letters = eqp_sync::SupportLetters::new(pool);
/// if let Some(letter) = letters.about("s5w9k703ru", time::OffsetDateTime::now_utc()).await? {
///     println!("{}", letter.body);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SupportLetters {
    pool: PgPool,
}

impl SupportLetters {
    /// Reads the submissions in this database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Writes a letter that asks for the state of a submission. Returns `None` if the submission waits for nothing.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if a query fails or takes longer than a minute.
    pub async fn about(&self, submission: &str, now: OffsetDateTime) -> Result<Option<SupportLetter>, Error> {
        let tracks = within(ANSWER, review_facts::in_review(&self.pool, Some(submission))).await?;
        let entries = within(ANSWER, review_facts::statuses(&self.pool, &tracks)).await?;
        let mut waits = Vec::new();
        for (track, stay) in current_stays(tracks, &entries).filter(|(_, stay)| stay.stage != Stage::Scan) {
            let history = within(ANSWER, review_facts::history(&self.pool, track.account, now - HISTORY)).await?;
            let typical = Durations::of(&history).typical(stay.stage, track.package_type.as_deref());
            waits.push((track, stay, typical));
        }
        Ok(write(&waits, now))
    }
}

fn write(waits: &[(TrackInReview, Stay, Option<Typical>)], now: OffsetDateTime) -> Option<SupportLetter> {
    let (track, _, _) = waits.first()?;
    let id = &track.resource_id;
    let product = match (&track.sku, &track.version) {
        (Some(sku), Some(version)) => format!("{sku} {version}"),
        (Some(sku), None) => sku.clone(),
        _ => "our extension".to_owned(),
    };
    let question =
        "Could you please check whether its review is waiting for something from us, and when we can\nexpect a result?";
    let waits: Vec<_> = waits.iter().map(|(_, stay, typical)| sentence(stay, *typical, now)).collect();
    let body = format!(
        "Hello,\n\nwe have a question about the submission {id} of {product}.\nOur MAGE ID is {}.\n\n{}\n\n{question}\n\n\
         Thank you,\n",
        track.mage_id,
        waits.join("\n")
    );
    Some(SupportLetter { to: SUPPORT, subject: format!("Submission {id}: state of the review of {product}"), body })
}

/// Says since when the submission has been at a stage, and how long this usually takes.
fn sentence(stay: &Stay, typical: Option<Typical>, now: OffsetDateTime) -> String {
    let (stage, since, waited) = (stay.stage, date(stay.since), span_of((now - stay.since).unsigned_abs()));
    let typical = typical.map(|typical| {
        let [p25, p75] = [typical.p25_seconds, typical.p75_seconds].map(Duration::from_secs);
        format!("\nThis step typically takes {} for us (our last {} submissions).", range(p25, p75), typical.samples)
    });
    format!("It has been in {stage} since {since} ({waited}).{}", typical.unwrap_or_default())
}
