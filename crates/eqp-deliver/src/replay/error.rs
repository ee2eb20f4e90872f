//! The error of replays.

use crate::SubscriptionError;

/// The reason why a replay could not be planned, requested or cancelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A query failed.
    #[error(transparent)]
    Store(#[from] eqp_store::Error),
    /// The subscription does not exist.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// Events with these numbers do not exist, or do not match the rest of the selection.
    #[error("no event with {} is selected", listed(.seqs))]
    UnknownEvents {
        /// The numbers.
        seqs: Vec<i64>,
    },
    /// More numbers of events are given than one replay can have.
    #[error(
        "{count} events are selected by number, and at most {most} are allowed; select by time and filters instead"
    )]
    TooManyEvents {
        /// The number that is given.
        count: usize,
        /// The highest possible number.
        most: usize,
    },
    /// A subscription cannot be read by this version.
    #[error("a newer version has defined a subscription; pause or remove it, or update this program")]
    Unreadable,
    /// No subscription receives any of the selected events.
    #[error("there is nothing to replay: no subscription receives any of the selected events")]
    Nothing,
    /// As many replays as allowed have not created all of their deliveries.
    #[error("{most} replays are not complete yet; wait until one is, or cancel one")]
    TooManyReplays {
        /// The highest possible number.
        most: i64,
    },
    /// The number of deliveries is not the expected one, because events or subscriptions have changed.
    #[error("the replay would now have {planned} deliveries instead of {expected}; plan it again")]
    Changed {
        /// The expected number of deliveries.
        expected: u64,
        /// The number of deliveries now.
        planned: u64,
    },
    /// No replay has this number.
    #[error("there is no replay {id}")]
    NotFound {
        /// The number.
        id: i64,
    },
    /// The replay has ended, so it cannot be cancelled.
    #[error("replay {id} has already finished or been cancelled")]
    Ended {
        /// The number.
        id: i64,
    },
}

/// Lists numbers, at most five of them.
fn listed(seqs: &[i64]) -> String {
    let shown: Vec<String> = seqs.iter().take(5).map(ToString::to_string).collect();
    let noun = if seqs.len() == 1 { "the number" } else { "the numbers" };
    let more = seqs.len().checked_sub(5).filter(|more| *more > 0).map(|more| format!(" and {more} more"));
    format!("{noun} {}{}", shown.join(", "), more.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_five_numbers_are_listed() {
        assert_eq!(listed(&[7]), "the number 7");
        assert_eq!(listed(&[1, 2, 3, 4, 5, 6, 7]), "the numbers 1, 2, 3, 4, 5 and 2 more");
    }
}
