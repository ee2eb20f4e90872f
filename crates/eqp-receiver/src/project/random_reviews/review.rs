//! Simulates a random review: its changes, and the callbacks that are received about them.

use eqp_types::{Flow, Timestamp};
use fastrand::Rng;
use time::OffsetDateTime;

pub(super) const FLOWS: [Flow; 3] = [Flow::Overall, Flow::Technical, Flow::Marketing];

/// Returns true with this probability.
pub(super) fn percent(rng: &mut Rng, percent: usize) -> bool {
    rng.usize(..100) < percent
}

/// One change, as the Marketplace would report it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) second: i64,
    pub(super) explicit: usize,
    /// The statuses (overall, technical, marketing) right after the change.
    pub(super) snapshot: [&'static str; 3],
}

impl Change {
    pub(super) fn later_form(&self) -> String {
        let [overall, technical, marketing] = self.snapshot;
        format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s", "item_id": "i",
            "eqp_flow": "{}", "current_status": "{}", "modified_at": "{}",
            "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}}}}}}"#,
            FLOWS[self.explicit],
            self.snapshot[self.explicit],
            timestamp(self.second),
        )
    }

    pub(super) fn first_form(&self) -> String {
        format!(
            r#"{{"callback_event": "eqp_status_update", "update_info":
            {{"submission_id": "s", "eqp_flow": "{}", "current_status": "{}"}}}}"#,
            FLOWS[self.explicit], self.snapshot[self.explicit],
        )
    }
}

/// Returns the API's answer about the submission after a change.
pub(super) fn package(change: &Change) -> String {
    let [overall, technical, marketing] = change.snapshot;
    format!(
        r#"{{"submission_id": "s", "item_id": "i", "sku": "acme/checkout", "modified_at": "{}",
        "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}}}}"#,
        timestamp(change.second),
    )
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::of(OffsetDateTime::from_unix_timestamp(1_600_000_000 + second).unwrap())
}

/// Simulates a review: both flows in parallel, rejections and recalls that are submitted again, and the release. Half of the
/// reviews are cut off before their end. `same_second` is the percentage of changes with the same second as the one before.
pub(super) fn play(rng: &mut Rng, same_second: usize) -> Vec<Change> {
    let mut snapshot = ["draft", "draft", "draft"];
    let mut changes = Vec::new();
    let mut second = 0;
    let mut patience = 3;
    while snapshot[0] != "released_to_store" && changes.len() < 40 {
        let explicit = 1 + rng.usize(..2);
        let next = match (explicit, snapshot[explicit]) {
            (_, "approved") if snapshot == ["approved", "approved", "approved"] => {
                snapshot[0] = "released_to_store";
                "approved"
            }
            (_, "approved") => continue,
            (1, "draft" | "rejected" | "recalled") => "in_automation",
            (1, "in_automation") if patience > 0 && percent(rng, 15) => "rejected",
            (1, "in_automation") | (2, "awaiting_marketing_review") if patience > 0 && percent(rng, 5) => "recalled",
            (1, "in_automation") => "awaiting_manual_qa",
            (1, "awaiting_manual_qa") => "in_manual_qa",
            (2, "draft" | "rejected" | "recalled") => "awaiting_marketing_review",
            (2, "awaiting_marketing_review") => "in_marketing_review",
            (_, _) if patience > 0 && percent(rng, 40) => "rejected",
            (_, _) => "approved",
        };
        patience -= i32::from(matches!(next, "rejected" | "recalled"));
        snapshot[explicit] = next;
        if snapshot[0] == "draft" {
            snapshot[0] = "in_progress";
        }
        if snapshot == ["in_progress", "approved", "approved"] {
            snapshot[0] = "approved";
        }
        if changes.is_empty() || !percent(rng, same_second) {
            second += 1 + i64::try_from(rng.usize(..100)).unwrap();
        }
        changes.push(Change { second, explicit, snapshot });
    }
    if percent(rng, 50) {
        changes.truncate(1 + rng.usize(..changes.len()));
    }
    changes
}

/// Loses some callbacks, but never the last one.
pub(super) fn lose(rng: &mut Rng, changes: &[Change], share: usize) -> Vec<Change> {
    let last = changes.len() - 1;
    let is_received = |(at, _): &(usize, &Change)| *at == last || !percent(rng, share);
    changes.iter().enumerate().filter(is_received).map(|(_, change)| change.clone()).collect()
}

pub(super) fn with_duplicates(rng: &mut Rng, bodies: &[String], share: usize) -> Vec<String> {
    let twice = |body: &String| if percent(rng, share) { vec![body.clone(); 2] } else { vec![body.clone()] };
    bodies.iter().flat_map(twice).collect()
}
