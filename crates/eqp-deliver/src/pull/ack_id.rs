//! The IDs with which consumers acknowledge messages.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_store::internal::{AckedDelivery, LaneKey, SubscriptionId};
use time::OffsetDateTime;
use uuid::Uuid;

/// The format of the bytes, in case it changes while consumers hold messages.
const VERSION: u8 = 1;
const BYTES: usize = 1 + 4 + 8 + 8 + 16 + 8;

/// Identifies a fetched message: the delivery, and the lease of its lane. Consumers treat its text as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckId {
    pub(super) subscription: SubscriptionId,
    pub(super) delivery: i64,
    pub(super) lane: LaneKey,
    pub(super) lease: Uuid,
    /// When it was fetched, in milliseconds since 1970.
    pub(super) fetched_at: i64,
}

/// The error that a text is not the ID of a fetched message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ack ID was not returned with a message")]
#[non_exhaustive]
pub struct AckIdError;

impl AckId {
    pub(super) fn acked(&self) -> AckedDelivery {
        let elapsed = milliseconds(OffsetDateTime::now_utc()).saturating_sub(self.fetched_at);
        AckedDelivery {
            delivery: self.delivery,
            lane: self.lane,
            lease: self.lease,
            duration: Duration::from_millis(elapsed.max(0).unsigned_abs()),
        }
    }
}

/// Returns a time in the unit of [`AckId::fetched_at`].
pub(super) fn milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend(self.subscription.0.to_be_bytes());
        bytes.extend(self.delivery.to_be_bytes());
        bytes.extend(self.lane.0.to_be_bytes());
        bytes.extend(self.lease.as_bytes());
        bytes.extend(self.fetched_at.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for AckId {
    type Err = AckIdError;

    fn from_str(text: &str) -> Result<Self, AckIdError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == BYTES).ok_or(AckIdError)?;
        let [VERSION, rest @ ..] = &*bytes else { return Err(AckIdError) };
        let (subscription, rest) = rest.split_first_chunk().ok_or(AckIdError)?;
        let (delivery, rest) = rest.split_first_chunk().ok_or(AckIdError)?;
        let (lane, rest) = rest.split_first_chunk().ok_or(AckIdError)?;
        let (lease, rest) = rest.split_first_chunk().ok_or(AckIdError)?;
        let fetched_at = rest.first_chunk().ok_or(AckIdError)?;
        Ok(Self {
            subscription: SubscriptionId(i32::from_be_bytes(*subscription)),
            delivery: i64::from_be_bytes(*delivery),
            lane: LaneKey(i64::from_be_bytes(*lane)),
            lease: Uuid::from_bytes(*lease),
            fetched_at: i64::from_be_bytes(*fetched_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_read_back_from_its_text(
            (subscription, delivery, lane, lease, fetched_at) in any::<(i32, i64, i64, u128, i64)>()
        ) {
            let id = AckId {
                subscription: SubscriptionId(subscription),
                delivery,
                lane: LaneKey(lane),
                lease: Uuid::from_u128(lease),
                fetched_at,
            };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.to_string().len(), 60);
        }

        #[test]
        fn another_text_is_an_error(text in ".{0,80}") {
            prop_assume!(!text.starts_with('A') || text.len() != 60);
            prop_assert_eq!(text.parse::<AckId>(), Err(AckIdError));
        }
    }
}
