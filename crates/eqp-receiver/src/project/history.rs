//! The timed events around the observations of a batch, as loaded from the database.

use std::collections::{BTreeMap, HashMap};

use eqp_store::internal::{HistoryEntry, ReportId};
use eqp_types::Timestamp;

use super::decide::Neighbours;

/// The timed events of each track, ordered by their time, then by their number.
#[derive(Debug, Default)]
pub(crate) struct History(HashMap<i64, BTreeMap<(Timestamp, i64), HistoryEntry>>);

impl FromIterator<HistoryEntry> for History {
    fn from_iter<I: IntoIterator<Item = HistoryEntry>>(events: I) -> Self {
        let mut history = Self::default();
        for past in events {
            history.add(past);
        }
        history
    }
}

impl History {
    pub(crate) fn add(&mut self, past: HistoryEntry) {
        self.0.entry(past.track_id).or_default().insert((past.modified_at, past.seq), past);
    }

    /// Returns the neighbours of an observation, as input for the rule.
    pub(crate) fn around(&self, track_id: i64, at: Timestamp, status: &str) -> Neighbours<'_> {
        let Some(events) = self.0.get(&track_id) else { return Neighbours::default() };
        let before = events.range(..(at, i64::MIN)).next_back();
        let up_to = events.range(..=(at, i64::MAX)).next_back();
        let after = events.range((at, i64::MAX)..).next();
        Neighbours {
            exact: self.exact(track_id, at, status).is_some(),
            before: before.map(|(_, past)| past.status.as_str()),
            up_to: up_to.map(|(_, past)| past.status.as_str()),
            after: after.map(|(_, past)| past.status.as_str()),
        }
    }

    fn exact(&self, track_id: i64, at: Timestamp, status: &str) -> Option<&HistoryEntry> {
        let mut same_time = self.0.get(&track_id)?.range((at, i64::MIN)..=(at, i64::MAX));
        same_time.find(|(_, past)| past.status == status).map(|(_, past)| past)
    }

    /// Returns the first report of the repeated status, at this time or the nearest one.
    pub(crate) fn reported_by(&self, track_id: i64, at: Timestamp, status: &str) -> Option<ReportId> {
        let events = self.0.get(&track_id)?;
        let before = events.range(..(at, i64::MIN)).next_back();
        let after = events.range((at, i64::MAX)..).next();
        let near = [before, after].into_iter().flatten().map(|(_, past)| past).find(|past| past.status == status);
        self.exact(track_id, at, status).or(near)?.report
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::of(time::OffsetDateTime::from_unix_timestamp(second).unwrap())
    }

    #[test]
    fn finds_the_events_before_at_and_after_a_time() {
        let mut history = History::default();
        for (seq, at, status) in [(1, 10, "draft"), (2, 20, "in_automation"), (3, 20, "rejected"), (4, 30, "approved")]
        {
            let report = Some(ReportId::Callback(Uuid::from_u128(seq)));
            let seq = i64::try_from(seq).unwrap();
            history.add(HistoryEntry { track_id: 7, modified_at: second(at), seq, status: status.into(), report });
        }
        let seen = |at, status| {
            let neighbours = history.around(7, second(at), status);
            (neighbours.exact, neighbours.before, neighbours.up_to, neighbours.after)
        };
        assert_eq!(seen(5, "draft"), (false, None, None, Some("draft")));
        assert_eq!(seen(20, "in_automation"), (true, Some("draft"), Some("rejected"), Some("approved")));
        assert_eq!(seen(20, "draft"), (false, Some("draft"), Some("rejected"), Some("approved")));
        assert_eq!(seen(25, "draft"), (false, Some("rejected"), Some("rejected"), Some("approved")));
        assert_eq!(seen(99, "draft"), (false, Some("approved"), Some("approved"), None));
        assert!(!history.around(8, second(20), "draft").exact, "another track has no events");

        let reported_by = |at, status| history.reported_by(7, second(at), status).map(|id| id.uuid().as_u128());
        assert_eq!(reported_by(20, "in_automation"), Some(2));
        assert_eq!(reported_by(15, "draft"), Some(1));
        assert_eq!(reported_by(25, "approved"), Some(4));
        assert_eq!(reported_by(25, "recalled"), None);
    }
}
