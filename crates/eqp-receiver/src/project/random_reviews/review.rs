//! A review as it is played: its changes, and the callbacks that are heard of them.

use eqp_types::{Flow, Timestamp};
use fastrand::Rng;
use time::OffsetDateTime;

pub(super) const FLOWS: [Flow; 3] = [Flow::Overall, Flow::Technical, Flow::Marketing];

/// Whether something happens that happens so many times in a hundred.
pub(super) fn percent(chance: &mut Rng, percent: usize) -> bool {
    chance.usize(..100) < percent
}

/// One change, as the Marketplace would call back about it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) second: i64,
    pub(super) named: usize,
    /// Overall, technical, marketing, just after the change.
    pub(super) snapshot: [&'static str; 3],
}

impl Change {
    pub(super) fn later_form(&self) -> String {
        let [overall, technical, marketing] = self.snapshot;
        format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s", "item_id": "i",
            "eqp_flow": "{}", "current_status": "{}", "modified_at": "{}",
            "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}}}}}}"#,
            FLOWS[self.named],
            self.snapshot[self.named],
            timestamp(self.second),
        )
    }

    pub(super) fn first_form(&self) -> String {
        format!(
            r#"{{"callback_event": "eqp_status_update", "update_info":
            {{"submission_id": "s", "eqp_flow": "{}", "current_status": "{}"}}}}"#,
            FLOWS[self.named], self.snapshot[self.named],
        )
    }
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::of(OffsetDateTime::from_unix_timestamp(1_600_000_000 + second).unwrap())
}

/// Plays a review: both flows side by side, rejections and recalls that are submitted again, the release. One in two is
/// looked at before its end.
/// `same_second`: how many of a hundred changes bear the second of the one before.
pub(super) fn play(chance: &mut Rng, same_second: usize) -> Vec<Change> {
    let mut snapshot = ["draft", "draft", "draft"];
    let mut changes = Vec::new();
    let mut second = 0;
    let mut patience = 3;
    while snapshot[0] != "released_to_store" && changes.len() < 40 {
        let named = 1 + chance.usize(..2);
        let next = match (named, snapshot[named]) {
            (_, "approved") if snapshot == ["approved", "approved", "approved"] => {
                snapshot[0] = "released_to_store";
                "approved"
            }
            (_, "approved") => continue,
            (1, "draft" | "rejected" | "recalled") => "in_automation",
            (1, "in_automation") if patience > 0 && percent(chance, 15) => "rejected",
            (1, "in_automation") | (2, "awaiting_marketing_review") if patience > 0 && percent(chance, 5) => "recalled",
            (1, "in_automation") => "awaiting_manual_qa",
            (1, "awaiting_manual_qa") => "in_manual_qa",
            (2, "draft" | "rejected" | "recalled") => "awaiting_marketing_review",
            (2, "awaiting_marketing_review") => "in_marketing_review",
            (_, _) if patience > 0 && percent(chance, 40) => "rejected",
            (_, _) => "approved",
        };
        patience -= i32::from(matches!(next, "rejected" | "recalled"));
        snapshot[named] = next;
        if snapshot[0] == "draft" {
            snapshot[0] = "in_progress";
        }
        if snapshot == ["in_progress", "approved", "approved"] {
            snapshot[0] = "approved";
        }
        if changes.is_empty() || !percent(chance, same_second) {
            second += 1 + i64::try_from(chance.usize(..100)).unwrap();
        }
        changes.push(Change { second, named, snapshot });
    }
    if percent(chance, 50) {
        changes.truncate(1 + chance.usize(..changes.len()));
    }
    changes
}

/// Loses some callbacks; at least the last word of the review is heard.
pub(super) fn lose(chance: &mut Rng, changes: &[Change], of_hundred: usize) -> Vec<Change> {
    let last = changes.len() - 1;
    let kept = |(at, _): &(usize, &Change)| *at == last || !percent(chance, of_hundred);
    changes.iter().enumerate().filter(kept).map(|(_, change)| change.clone()).collect()
}

pub(super) fn with_copies(chance: &mut Rng, bodies: &[String], of_hundred: usize) -> Vec<String> {
    let twice = |body: &String| if percent(chance, of_hundred) { vec![body.clone(); 2] } else { vec![body.clone()] };
    bodies.iter().flat_map(twice).collect()
}
