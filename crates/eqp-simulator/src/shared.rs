//! What the tasks of a simulator share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::market::Market;
use crate::sent::SentLog;

/// The Marketplace's memory, and who has to hear of its changes.
pub(crate) struct Shared {
    market: Mutex<Market>,
    /// Wakes the review clock: something new may be due earlier.
    pub(crate) rescheduled: Notify,
    /// Raised with every change, and with every callback sent.
    pub(crate) revision: watch::Sender<u64>,
    pub(crate) log: Arc<SentLog>,
}

impl Shared {
    pub(crate) fn new(market: Market, revision: watch::Sender<u64>, log: Arc<SentLog>) -> Self {
        Self { market: Mutex::new(market), rescheduled: Notify::new(), revision, log }
    }

    /// The memory, to look at it; never held across an await.
    pub(crate) fn market(&self) -> MutexGuard<'_, Market> {
        self.market.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything that happened.
    pub(crate) fn reset(&self) {
        self.change(|market| {
            market.reset();
            self.log.clear();
        });
    }

    /// Ends every session token of every account.
    pub(crate) fn end_sessions(&self) {
        self.change(|market| market.accounts.iter_mut().for_each(|account| account.tokens.clear()));
    }

    /// Changes the memory, and tells of it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Market) -> T) -> T {
        let result = change(&mut self.market());
        self.rescheduled.notify_one();
        self.revision.send_modify(|revision| *revision += 1);
        result
    }
}
