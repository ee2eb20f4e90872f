//! Back to the beginning.

use std::sync::atomic::Ordering;

use super::{Account, Market};
use crate::fault::Faults;

impl Market {
    /// What is there from the start.
    pub(super) fn begin(&mut self) {
        self.fill(0, self.manners.packages);
    }

    /// Forgets everything but the accounts and their access keys: files, packages, profiles, registrations, sessions,
    /// what is due, and faults that were added since the start. Ids begin again; the clock goes on.
    pub(crate) fn reset(&mut self) {
        for account in &mut self.accounts {
            *account = Account::new(account.mage_id.clone(), account.api_key.clone());
        }
        self.due.clear();
        self.count = 0;
        self.faults = Faults::new(self.manners.seed, self.manners.script.faults.clone());
        self.begin();
        self.era.fetch_add(1, Ordering::Relaxed);
    }
}
