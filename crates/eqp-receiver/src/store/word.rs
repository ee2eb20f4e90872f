//! Words and ids of the database, read into types.

use eqp_types::{Environment, MageId, Timestamp};
use time::OffsetDateTime;

/// Reads a column's text as a `T` that is spelled so.
pub(super) fn read<T>(text: &str) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Reads the two columns that name an account.
pub(super) fn account(environment: &str, mage_id: &str) -> Result<(Environment, MageId), sqlx::Error> {
    Ok((read(environment)?, read(mage_id)?))
}

/// The Marketplace's times have whole seconds.
pub(super) fn timestamp(moment: Option<OffsetDateTime>) -> Option<Timestamp> {
    moment.map(Timestamp::of)
}

/// And back.
pub(super) fn moment(timestamp: Option<Timestamp>) -> Option<OffsetDateTime> {
    timestamp.map(Timestamp::moment)
}
