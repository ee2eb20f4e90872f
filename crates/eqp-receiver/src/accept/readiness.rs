//! Whether callbacks can be made durable now, and where.

use std::sync::{Arc, Mutex, PoisonError};

/// As `/readyz` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Callbacks are taken, though not straight into the database.
    Degraded {
        reason: &'static str,
        /// How many are on this machine's disk.
        spooled: u64,
    },
    /// With the reason.
    NotReady(&'static str),
}

/// What `/readyz` says of the certificate, where there is something to say. All clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateNote(Arc<Mutex<Option<String>>>);

impl CertificateNote {
    pub(crate) fn set(&self, note: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the lane knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Health {
    /// Callbacks go into the database; or why they do not.
    pub(super) database: Result<(), &'static str>,
    pub(super) spool: Spooling,
}

/// Whether callbacks can be kept on this machine's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spooling {
    /// There is no spool, or it is not asked yet.
    Without,
    /// As far as is known.
    Takes,
    /// With the reason.
    Refuses(&'static str),
}

impl Health {
    pub(super) const STARTING: Self = Self { database: Err("starting"), spool: Spooling::Without };

    pub(super) fn readiness(self, spooled: u64) -> Readiness {
        match (self.database, self.spool) {
            (Ok(()), _) if spooled == 0 => Readiness::Ready,
            (Ok(()), _) => Readiness::Degraded { reason: "the spool cannot be read", spooled },
            (Err(reason), Spooling::Takes) => Readiness::Degraded { reason, spooled },
            (Err(reason), Spooling::Without) | (Err(_), Spooling::Refuses(reason)) => Readiness::NotReady(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_ready_only_where_neither_database_nor_spool_takes_callbacks() {
        let (down, full) = (Err("down"), Spooling::Refuses("full"));
        let degraded = |reason, spooled| Readiness::Degraded { reason, spooled };
        for (database, spool, spooled, readiness) in [
            (Ok(()), Spooling::Without, 0, Readiness::Ready),
            (Ok(()), Spooling::Takes, 0, Readiness::Ready),
            (Ok(()), full, 0, Readiness::Ready),
            (Ok(()), full, 3, degraded("the spool cannot be read", 3)),
            (down, Spooling::Takes, 0, degraded("down", 0)),
            (down, Spooling::Takes, 3, degraded("down", 3)),
            (down, Spooling::Without, 0, Readiness::NotReady("down")),
            (down, full, 3, Readiness::NotReady("full")),
        ] {
            assert_eq!(Health { database, spool }.readiness(spooled), readiness, "{database:?} {spool:?} {spooled}");
        }
    }
}
