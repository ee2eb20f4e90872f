//! Derives what `/readyz` reports from the state of the database connection and of the spool.

use std::sync::{Arc, Mutex, PoisonError};

/// The report of `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Callbacks are accepted, but not written directly to the database.
    Degraded {
        reason: &'static str,
        /// The number of callbacks in the spool.
        spooled: u64,
    },
    /// Callbacks cannot be stored, with the reason.
    NotReady(&'static str),
}

/// The remark of `/readyz` about the certificate, if any. All clones share the same note.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateNote(Arc<Mutex<Option<String>>>);

impl CertificateNote {
    #[cfg(feature = "listener")]
    pub(crate) fn set(&self, note: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The state of both places where callbacks can be stored, as the batch writer last saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Health {
    /// Whether callbacks are written to the database; otherwise the reason.
    pub(super) database: Result<(), &'static str>,
    pub(super) spool: Spooling,
}

/// Whether callbacks can be stored in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spooling {
    /// There is no spool, or the receiver is still starting.
    Disabled,
    /// The last write succeeded, or there was none yet.
    Available,
    /// The last write failed, with the reason.
    Unavailable(&'static str),
}

impl Health {
    pub(super) const STARTING: Self = Self { database: Err("starting"), spool: Spooling::Disabled };

    pub(super) fn readiness(self, spooled: u64) -> Readiness {
        match (self.database, self.spool) {
            (Ok(()), _) if spooled == 0 => Readiness::Ready,
            (Ok(()), _) => Readiness::Degraded { reason: "the spool cannot be read", spooled },
            (Err(reason), Spooling::Available) => Readiness::Degraded { reason, spooled },
            (Err(reason), Spooling::Disabled) | (Err(_), Spooling::Unavailable(reason)) => Readiness::NotReady(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_not_ready_only_if_neither_database_nor_spool_accepts_callbacks() {
        let (down, full) = (Err("down"), Spooling::Unavailable("full"));
        let degraded = |reason, spooled| Readiness::Degraded { reason, spooled };
        for (database, spool, spooled, readiness) in [
            (Ok(()), Spooling::Disabled, 0, Readiness::Ready),
            (Ok(()), Spooling::Available, 0, Readiness::Ready),
            (Ok(()), full, 0, Readiness::Ready),
            (Ok(()), full, 3, degraded("the spool cannot be read", 3)),
            (down, Spooling::Available, 0, degraded("down", 0)),
            (down, Spooling::Available, 3, degraded("down", 3)),
            (down, Spooling::Disabled, 0, Readiness::NotReady("down")),
            (down, full, 3, Readiness::NotReady("full")),
        ] {
            assert_eq!(Health { database, spool }.readiness(spooled), readiness, "{database:?} {spool:?} {spooled}");
        }
    }
}
