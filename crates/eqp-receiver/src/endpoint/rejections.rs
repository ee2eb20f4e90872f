//! Counts requests that were rejected although their user name is that of an endpoint, until the heartbeat has written them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use eqp_store::internal::rejected_callback::RejectedCallbacks;
use time::OffsetDateTime;

/// The rejected requests of each endpoint that are not in the database yet. There are as many entries as endpoints at most, so it needs
/// no limit.
#[derive(Debug, Default)]
pub(crate) struct Rejections(Mutex<BTreeMap<String, RejectedCallbacks>>);

impl Rejections {
    /// Counts a request with a user name of this endpoint.
    pub(crate) fn count(&self, endpoint: &str, at: OffsetDateTime) {
        self.add(RejectedCallbacks { endpoint: endpoint.to_owned(), requests: 1, first_at: at, last_at: at });
    }

    /// Takes all counts.
    pub(super) fn take(&self) -> Vec<RejectedCallbacks> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        taken.into_values().collect()
    }

    /// Adds counts, for example those that could not be written.
    pub(super) fn add(&self, added: RejectedCallbacks) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&added.endpoint) else {
            counts.insert(added.endpoint.clone(), added);
            return;
        };
        count.requests = count.requests.saturating_add(added.requests);
        count.first_at = count.first_at.min(added.first_at);
        count.last_at = count.last_at.max(added.last_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once_and_can_be_returned() {
        let rejections = Rejections::default();
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds);
        for (endpoint, seconds) in [("main", 7), ("other", 8), ("main", 9)] {
            rejections.count(endpoint, at(seconds));
        }
        let taken = rejections.take();
        assert!(rejections.take().is_empty());
        rejections.count("main", at(10));
        for one in taken {
            rejections.add(one);
        }
        let main = RejectedCallbacks { endpoint: "main".to_owned(), requests: 3, first_at: at(7), last_at: at(10) };
        assert_eq!(rejections.take()[0], main);
    }
}
