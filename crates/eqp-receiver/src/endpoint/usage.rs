//! When a credential came with a callback: noted where callbacks are answered, written to the database from time to time.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use time::OffsetDateTime;

/// Milliseconds of the epoch; there was no callback before it.
const NEVER: i64 = 0;

/// The first and the last use of one credential, as far as this receiver knows. It outlives reloads.
#[derive(Debug)]
pub(crate) struct Usage {
    first: AtomicI64,
    last: AtomicI64,
    /// The last use that the database knows.
    written: AtomicI64,
}

/// Uses that the database does not know yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unwritten {
    pub(crate) first: OffsetDateTime,
    pub(crate) last: OffsetDateTime,
}

impl Usage {
    /// With the last use that the database knows.
    pub(crate) fn known(last: Option<OffsetDateTime>) -> Self {
        let last = last.map_or(NEVER, milliseconds);
        Self { first: AtomicI64::new(NEVER), last: AtomicI64::new(last), written: AtomicI64::new(last) }
    }

    /// Notes a callback that is durable.
    pub(crate) fn note(&self, at: OffsetDateTime) {
        let at = milliseconds(at);
        if self.first.load(Relaxed) == NEVER {
            // Whoever comes first; both are of the same moment.
            self.first.store(at, Relaxed);
        }
        self.last.fetch_max(at, Relaxed);
    }

    /// The last use, if there was one.
    pub(crate) fn last(&self) -> Option<OffsetDateTime> {
        moment(self.last.load(Relaxed))
    }

    /// What is to be written, if anything is.
    pub(crate) fn unwritten(&self) -> Option<Unwritten> {
        let last = self.last.load(Relaxed);
        if last == self.written.load(Relaxed) {
            return None;
        }
        Some(Unwritten { first: moment(self.first.load(Relaxed))?, last: moment(last)? })
    }

    /// Says that the database knows of the uses up to this one.
    pub(crate) fn is_written(&self, unwritten: Unwritten) {
        self.written.store(milliseconds(unwritten.last), Relaxed);
    }
}

fn milliseconds(at: OffsetDateTime) -> i64 {
    at.unix_timestamp() * 1000 + i64::from(at.millisecond())
}

fn moment(milliseconds: i64) -> Option<OffsetDateTime> {
    let whole = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1000)).ok()?;
    (milliseconds != NEVER).then(|| whole + time::Duration::milliseconds(milliseconds.rem_euclid(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_to_be_written_until_it_is() {
        let at = |milliseconds| moment(milliseconds).unwrap();
        let usage = Usage::known(None);
        assert_eq!((usage.last(), usage.unwritten()), (None, None));
        for milliseconds in [1_001, 3_000, 2_500] {
            usage.note(at(milliseconds));
        }
        let unwritten = usage.unwritten().unwrap();
        assert_eq!(unwritten, Unwritten { first: at(1_001), last: at(3_000) });
        usage.note(at(4_000));
        usage.is_written(unwritten);
        assert_eq!(usage.unwritten().unwrap().last, at(4_000), "one that came while the others were written");
        usage.is_written(usage.unwritten().unwrap());
        assert_eq!(usage.unwritten(), None);
        assert_eq!(Usage::known(Some(at(5_000))).unwritten(), None, "the database knows");
    }
}
