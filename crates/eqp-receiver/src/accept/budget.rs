//! Limits the memory for bodies, in total and per endpoint.
//!
//! Memory is reserved as bytes arrive, not for the announced length, so a slow sender reserves only what it has sent. One
//! endpoint gets at most three quarters of the memory. When its share is used up, one of its bodies at a time may still
//! arrive without a reservation (`last`). Without this exception, bodies that each hold a part of the share would wait for
//! each other forever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use eqp_store::EndpointId;

/// The memory for all bodies. Cheap to clone; all clones share it.
#[derive(Clone)]
pub(super) struct Budget(Arc<Shared>);

struct Shared {
    /// One permit per byte.
    all: Arc<Semaphore>,
    share: usize,
    endpoints: Mutex<HashMap<i64, Share>>,
}

#[derive(Clone)]
struct Share {
    bytes: Arc<Semaphore>,
    last: Arc<Semaphore>,
}

/// Memory reserved for one body, released when this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    all: OwnedSemaphorePermit,
    share: OwnedSemaphorePermit,
    last: Option<OwnedSemaphorePermit>,
}

/// The reservations of one body while it arrives.
pub(super) struct Account {
    all: Arc<Semaphore>,
    share: Share,
    reserved: Option<Reservation>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        let all = Arc::new(Semaphore::new(bytes));
        Self(Arc::new(Shared { all, share: bytes / 4 * 3, endpoints: Mutex::default() }))
    }

    /// Opens the account of a body that is sent to this endpoint.
    pub(super) fn account(&self, endpoint: EndpointId) -> Account {
        let share = {
            // No code under the lock can panic halfway, so a poisoned lock is still consistent.
            let mut endpoints = self.0.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Share { bytes: Arc::new(Semaphore::new(self.0.share)), last: Arc::new(Semaphore::new(1)) };
            endpoints.entry(endpoint.0).or_insert_with(new).clone()
        };
        Account { all: Arc::clone(&self.0.all), share, reserved: None }
    }
}

impl Account {
    /// Reserves memory for more bytes if it is available now. Returns false if the body has to wait for it.
    pub(super) fn try_reserve(&mut self, bytes: usize) -> bool {
        if self.reserved.as_ref().is_some_and(|reserved| reserved.last.is_some()) {
            return true;
        }
        let bytes = permits(bytes);
        let Ok(share) = Arc::clone(&self.share.bytes).try_acquire_many_owned(bytes) else { return false };
        let Ok(all) = Arc::clone(&self.all).try_acquire_many_owned(bytes) else { return false };
        self.add(all, share, None);
        true
    }

    /// Waits for memory for more bytes.
    pub(super) async fn reserve(&mut self, bytes: usize) {
        let bytes = permits(bytes);
        let (all, share) = (Arc::clone(&self.all), Arc::clone(&self.share.bytes));
        let some = async {
            let share = share.acquire_many_owned(bytes).await;
            (all.acquire_many_owned(bytes).await, share)
        };
        let last = Arc::clone(&self.share.last).acquire_owned();
        // The semaphores are never closed, so acquiring a permit does not fail.
        tokio::select! {
            biased;
            (all, share) = some => if let (Ok(all), Ok(share)) = (all, share) {
                self.add(all, share, None);
            },
            last = last => if let (Ok(all), Ok(share), Ok(last)) = (
                Arc::clone(&self.all).try_acquire_many_owned(0),
                Arc::clone(&self.share.bytes).try_acquire_many_owned(0),
                last,
            ) {
                self.add(all, share, Some(last));
            },
        }
    }

    /// Returns everything that was reserved.
    pub(super) fn finish(self) -> Option<Reservation> {
        self.reserved
    }

    fn add(&mut self, all: OwnedSemaphorePermit, share: OwnedSemaphorePermit, last: Option<OwnedSemaphorePermit>) {
        match &mut self.reserved {
            None => self.reserved = Some(Reservation { all, share, last }),
            Some(reserved) => {
                reserved.all.merge(all);
                reserved.share.merge(share);
                reserved.last = last;
            }
        }
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn free(budget: &Budget) -> usize {
        budget.0.all.available_permits()
    }

    #[tokio::test]
    async fn an_endpoint_gets_at_most_its_share_and_reservations_are_released() {
        let budget = Budget::new(1000);
        let (mut one, mut other) = (budget.account(EndpointId(1)), budget.account(EndpointId(1)));
        assert!(one.try_reserve(200) && other.try_reserve(250) && one.try_reserve(300));
        assert!(!other.try_reserve(1));
        assert!(budget.account(EndpointId(2)).try_reserve(250));
        assert_eq!(free(&budget), 250);
        let reserved = one.finish();
        assert!(!other.try_reserve(1));
        drop(reserved);
        assert!(other.try_reserve(300));
        drop(other);
        assert_eq!(free(&budget), 1000);
    }

    #[tokio::test]
    async fn bodies_that_each_hold_a_part_of_the_share_do_not_deadlock() {
        let budget = Budget::new(1000);
        let mut accounts: Vec<_> = (0..5).map(|_| budget.account(EndpointId(1))).collect();
        for account in &mut accounts {
            assert!(account.try_reserve(100));
        }
        for mut account in accounts {
            for _ in 0..10 {
                if !account.try_reserve(150) {
                    account.reserve(150).await;
                }
            }
        }
        assert_eq!(free(&budget), 1000);
        // A body that is larger than all of the memory still arrives, one at a time.
        let (mut large, mut next) = (budget.account(EndpointId(1)), budget.account(EndpointId(1)));
        large.reserve(5000).await;
        assert!(timeout(Duration::from_millis(20), next.reserve(5000)).await.is_err());
        drop(large);
        next.reserve(5000).await;
    }
}
