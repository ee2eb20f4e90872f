//! Records when a credential was used: in memory for each callback, and periodically in the database.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use eqp_store::internal::CredentialUse;
use time::OffsetDateTime;

/// The value for "never used", in milliseconds since the epoch.
const NEVER: i64 = 0;

/// The first and the last use of one credential that this receiver knows of. It survives reloads of the credentials.
#[derive(Debug)]
pub(crate) struct Usage {
    first: AtomicI64,
    last: AtomicI64,
    /// The last use that is stored in the database.
    written: AtomicI64,
}

impl Usage {
    /// Creates a record from the last use that is stored in the database.
    pub(crate) fn known(last: Option<OffsetDateTime>) -> Self {
        let last = last.map_or(NEVER, milliseconds);
        Self { first: AtomicI64::new(NEVER), last: AtomicI64::new(last), written: AtomicI64::new(last) }
    }

    /// Records the use of the credential for a durable callback.
    pub(crate) fn record(&self, at: OffsetDateTime) {
        let at = milliseconds(at);
        if self.first.load(Relaxed) == NEVER {
            // Of two concurrent first uses, either is fine.
            self.first.store(at, Relaxed);
        }
        self.last.fetch_max(at, Relaxed);
    }

    /// Returns the last use.
    pub(crate) fn last(&self) -> Option<OffsetDateTime> {
        timestamp(self.last.load(Relaxed))
    }

    /// Returns the uses that are not written to the database yet, if there are any.
    pub(crate) fn unwritten(&self) -> Option<CredentialUse> {
        let last = self.last.load(Relaxed);
        if last == self.written.load(Relaxed) {
            return None;
        }
        Some(CredentialUse { first: timestamp(self.first.load(Relaxed))?, last: timestamp(last)? })
    }

    /// Marks the uses up to this one as written.
    pub(crate) fn mark_written(&self, unwritten: CredentialUse) {
        self.written.store(milliseconds(unwritten.last), Relaxed);
    }
}

fn milliseconds(at: OffsetDateTime) -> i64 {
    at.unix_timestamp() * 1000 + i64::from(at.millisecond())
}

fn timestamp(milliseconds: i64) -> Option<OffsetDateTime> {
    let whole = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1000)).ok()?;
    (milliseconds != NEVER).then(|| whole + time::Duration::milliseconds(milliseconds.rem_euclid(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_unwritten_until_it_is_marked_as_written() {
        let at = |milliseconds| timestamp(milliseconds).unwrap();
        let usage = Usage::known(None);
        assert_eq!((usage.last(), usage.unwritten()), (None, None));
        for milliseconds in [1_001, 3_000, 2_500] {
            usage.record(at(milliseconds));
        }
        let unwritten = usage.unwritten().unwrap();
        assert_eq!(unwritten, CredentialUse { first: at(1_001), last: at(3_000) });
        usage.record(at(4_000));
        usage.mark_written(unwritten);
        assert_eq!(usage.unwritten().unwrap().last, at(4_000), "one that came while the others were written");
        usage.mark_written(usage.unwritten().unwrap());
        assert_eq!(usage.unwritten(), None);
        assert_eq!(Usage::known(Some(at(5_000))).unwritten(), None, "the database knows");
    }
}
