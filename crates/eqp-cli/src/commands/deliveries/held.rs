//! Deliveries that a retry does not send now, and why.

use std::collections::{BTreeMap, BTreeSet};

use eqp_console::{Delivery, Subscription, SubscriptionState, WaitReason};

use crate::output::counted;

/// The number of deliveries whose predecessors are named one by one.
const NAMED: usize = 5;

/// Deliveries that a retry does not send now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) count: u64,
    /// The reasons, one line each.
    pub(super) reasons: Vec<String>,
}

impl Held {
    /// Returns those of the selected deliveries that are held back.
    pub(super) fn among(selected: &[Delivery], subscriptions: &[Subscription]) -> Self {
        let state = |name: &str| subscriptions.iter().find(|one| one.name == name).map(|one| one.state);
        let ids: BTreeSet<i64> = selected.iter().map(|one| one.id).collect();
        let (mut by_state, mut behind, mut quiet) = (BTreeMap::<_, u64>::new(), Vec::new(), 0);
        for one in selected {
            match state(&one.subscription) {
                Some(state @ (SubscriptionState::Paused | SubscriptionState::Down)) => {
                    *by_state.entry((one.subscription.as_str(), state == SubscriptionState::Paused)).or_default() += 1;
                }
                _ => match (one.waits_for, one.held_by) {
                    // An earlier delivery that is retried as well holds it back only until it has been sent.
                    (Some(WaitReason::EarlierDelivery), Some(earlier)) if !ids.contains(&earlier) => {
                        behind.push((one.id, earlier));
                    }
                    (Some(WaitReason::QuietHours), _) => quiet += 1,
                    _ => {}
                },
            }
        }
        let mut reasons = Vec::new();
        for ((name, is_paused), count) in &by_state {
            let (count, reason) = (counted(*count, "delivery"), if *is_paused { "paused" } else { "down" });
            reasons.push(if *is_paused {
                format!("{count} of {name} will be sent after the subscription is resumed: it is {reason}")
            } else {
                format!("{count} of {name} will be sent when its handler is available again: it is {reason}")
            });
        }
        for (id, earlier) in behind.iter().take(NAMED) {
            reasons.push(format!(
                "delivery {id} waits for delivery {earlier} about the same submission, file or alert: retry or discard that one"
            ));
        }
        if let Some(more) = behind.len().checked_sub(NAMED).filter(|more| *more > 0) {
            reasons.push(format!("{} wait for earlier deliveries", counted(more, "more delivery")));
        }
        if quiet > 0 {
            reasons.push(format!("{} will be sent after the quiet hours", counted(quiet, "delivery")));
        }
        let count = by_state.values().sum::<u64>() + behind.len() as u64 + quiet;
        Self { count, reasons }
    }
}
