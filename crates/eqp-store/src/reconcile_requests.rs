//! Requests to reconcile accounts soon, from the parts of a process that notice a reason for it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Requests to compare accounts with the Marketplace before the next periodic run: callbacks may have been lost. Requests that are not
/// taken yet are combined, so there are never more than there are endpoints. Cheap to clone; all clones share the requests.
#[derive(Clone, Debug, Default)]
pub struct ReconcileRequests(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    requested: Mutex<RequestedAccounts>,
    notify: Notify,
}

/// The accounts to reconcile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedAccounts {
    /// All accounts.
    pub all: bool,
    /// The accounts of the endpoints with these names.
    pub endpoints: BTreeSet<String>,
}

impl ReconcileRequests {
    /// Requests a run of all accounts, after an outage.
    pub fn request_all(&self) {
        self.add(|requested| requested.all = true);
    }

    /// Requests a run of the account of an endpoint, because it has refused a callback.
    pub fn request(&self, endpoint: &str) {
        self.add(|requested| {
            requested.endpoints.insert(endpoint.to_owned());
        });
    }

    /// Takes the requests.
    pub fn take(&self) -> RequestedAccounts {
        std::mem::take(&mut *self.0.requested.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a request. Returns at once if one was made since the last wait.
    pub async fn requested(&self) {
        self.0.notify.notified().await;
    }

    fn add(&self, change: impl FnOnce(&mut RequestedAccounts)) {
        // No code under the lock can panic halfway, so a poisoned lock is still consistent.
        change(&mut self.0.requested.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.notify.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_combined_until_they_are_taken() {
        let requests = ReconcileRequests::default();
        let receiver = requests.clone();
        for endpoint in ["main", "other", "main"] {
            receiver.request(endpoint);
        }
        requests.requested().await;
        assert_eq!(requests.take().endpoints.len(), 2);
        receiver.request_all();
        assert_eq!(requests.take(), RequestedAccounts { all: true, endpoints: BTreeSet::new() });
        assert_eq!(requests.take(), RequestedAccounts::default());
    }
}
