//! The timed events of the tracks of one batch, as far as the rule asks for them.

use std::collections::{BTreeMap, HashMap};

use eqp_types::Timestamp;
use uuid::Uuid;

use super::decide::Around;

/// A timed event of a track.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) track_id: i64,
    pub(crate) modified_at: Timestamp,
    pub(crate) seq: i64,
    pub(crate) outcome: String,
    pub(crate) callback_id: Option<Uuid>,
}

/// For each track its timed events, in the order of time and then of arrival.
#[derive(Debug, Default)]
pub(crate) struct History(HashMap<i64, BTreeMap<(Timestamp, i64), Past>>);

impl History {
    pub(crate) fn add(&mut self, past: Past) {
        self.0.entry(past.track_id).or_default().insert((past.modified_at, past.seq), past);
    }

    /// What the rule wants to know around an observation.
    pub(crate) fn around(&self, track_id: i64, at: Timestamp, outcome: &str) -> Around<'_> {
        let Some(events) = self.0.get(&track_id) else { return Around::default() };
        let before = events.range(..(at, i64::MIN)).next_back();
        let up_to = events.range(..=(at, i64::MAX)).next_back();
        let after = events.range((at, i64::MAX)..).next();
        Around {
            exact: self.exact(track_id, at, outcome).is_some(),
            before: before.map(|(_, past)| past.outcome.as_str()),
            up_to: up_to.map(|(_, past)| past.outcome.as_str()),
            after: after.map(|(_, past)| past.outcome.as_str()),
        }
    }

    fn exact(&self, track_id: i64, at: Timestamp, outcome: &str) -> Option<&Past> {
        let mut same_time = self.0.get(&track_id)?.range((at, i64::MIN)..=(at, i64::MAX));
        same_time.find(|(_, past)| past.outcome == outcome).map(|(_, past)| past)
    }

    /// The callback behind the event that makes an observation a copy: of this time, else the nearest before or after.
    pub(crate) fn told_by(&self, track_id: i64, at: Timestamp, outcome: &str) -> Option<Uuid> {
        let events = self.0.get(&track_id)?;
        let before = events.range(..(at, i64::MIN)).next_back();
        let after = events.range((at, i64::MAX)..).next();
        let near = [before, after].into_iter().flatten().map(|(_, past)| past).find(|past| past.outcome == outcome);
        self.exact(track_id, at, outcome).or(near)?.callback_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::of(time::OffsetDateTime::from_unix_timestamp(second).unwrap())
    }

    #[test]
    fn knows_what_was_before_at_and_after_a_time() {
        let mut history = History::default();
        for (seq, at, outcome) in [(1, 10, "draft"), (2, 20, "in_automation"), (3, 20, "rejected"), (4, 30, "approved")]
        {
            let callback_id = Some(Uuid::from_u128(seq));
            let seq = i64::try_from(seq).unwrap();
            history.add(Past { track_id: 7, modified_at: second(at), seq, outcome: outcome.into(), callback_id });
        }
        let seen = |at, outcome| {
            let around = history.around(7, second(at), outcome);
            (around.exact, around.before, around.up_to, around.after)
        };
        assert_eq!(seen(5, "draft"), (false, None, None, Some("draft")));
        assert_eq!(seen(20, "in_automation"), (true, Some("draft"), Some("rejected"), Some("approved")));
        assert_eq!(seen(20, "draft"), (false, Some("draft"), Some("rejected"), Some("approved")));
        assert_eq!(seen(25, "draft"), (false, Some("rejected"), Some("rejected"), Some("approved")));
        assert_eq!(seen(99, "draft"), (false, Some("approved"), Some("approved"), None));
        assert!(!history.around(8, second(20), "draft").exact, "of another track nothing is known");

        let told_by = |at, outcome| history.told_by(7, second(at), outcome).map(|id| id.as_u128());
        assert_eq!(told_by(20, "in_automation"), Some(2));
        assert_eq!(told_by(15, "draft"), Some(1));
        assert_eq!(told_by(25, "approved"), Some(4));
        assert_eq!(told_by(25, "recalled"), None);
    }
}
