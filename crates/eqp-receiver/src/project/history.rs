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
