//! The state that the tasks of a simulator share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::marketplace::Marketplace;
use crate::sent::SentLog;

/// The state of the Marketplace, with the channels that announce its changes.
pub(crate) struct Shared {
    marketplace: Mutex<Marketplace>,
    /// Wakes the review clock, because a new event may be due earlier.
    pub(crate) rescheduled: Notify,
    /// Increased with every change, and with every callback sent.
    pub(crate) revision: watch::Sender<u64>,
    pub(crate) log: Arc<SentLog>,
}

impl Shared {
    pub(crate) fn new(marketplace: Marketplace, revision: watch::Sender<u64>, log: Arc<SentLog>) -> Self {
        Self { marketplace: Mutex::new(marketplace), rescheduled: Notify::new(), revision, log }
    }

    /// Locks the state for reading; the guard must not be held across an await.
    pub(crate) fn marketplace(&self) -> MutexGuard<'_, Marketplace> {
        self.marketplace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resets the state and the log of callbacks.
    pub(crate) fn reset(&self) {
        self.change(|marketplace| {
            marketplace.reset();
            self.log.clear();
        });
    }

    /// Ends all sessions of all accounts.
    pub(crate) fn end_sessions(&self) {
        self.change(|marketplace| marketplace.accounts.iter_mut().for_each(|account| account.tokens.clear()));
    }

    /// Changes the state, and announces the change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Marketplace) -> T) -> T {
        let result = change(&mut self.marketplace());
        self.rescheduled.notify_one();
        self.revision.send_modify(|revision| *revision += 1);
        result
    }
}
