//! The report of a run, as text and as JSON.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::fault::{Done, Kind};
use crate::journal::Entry;

/// The largest number of IDs that are listed for each violation.
const MOST_IDS: usize = 20;

/// The totals of all rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Callbacks answered with an ID.
    pub(crate) answered: u64,
    /// Callbacks stored at the end.
    pub(crate) stored: u64,
    /// Answered but not stored.
    pub(crate) lost: u64,
    /// Sent once but stored more often.
    pub(crate) doubled: u64,
    /// Messages that the handlers accepted, each counted once.
    pub(crate) delivered: u64,
    /// Messages that say that an earlier one was not delivered.
    pub(crate) marked: u64,
    /// The number of killed processes.
    pub(crate) kills: u64,
    /// The number of those that interrupted an attempt to deliver.
    pub(crate) kills_in_flight: u64,
    /// The number of times in which a receiver had no database that accepts callbacks.
    pub(crate) outages: u64,
    pub(crate) seed: u64,
    /// The number of the first round, and the number of finished rounds.
    pub(crate) first: u32,
    pub(crate) rounds: u32,
    /// Answered 429 or 503.
    pub(crate) refused: u64,
    /// Not answered.
    pub(crate) unanswered: u64,
    /// The number of times that each fault took effect.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// The faults that cannot be injected on this machine.
    pub(crate) unavailable: Vec<String>,
    pub(crate) wrong: Vec<Wrong>,
    #[serde(skip)]
    lost_ids: HashSet<Uuid>,
}

/// A violated invariant.
#[derive(Debug, Serialize)]
pub(crate) struct Wrong {
    /// The round; `None` if the comparison at the end found it.
    pub(crate) round: Option<u32>,
    pub(crate) what: String,
    /// Some of them.
    pub(crate) which: Vec<String>,
    pub(crate) count: usize,
}

impl Report {
    pub(crate) fn new(seed: u64, first: u32, unavailable: Vec<String>) -> Self {
        Self {
            answered: 0,
            stored: 0,
            lost: 0,
            doubled: 0,
            delivered: 0,
            marked: 0,
            kills: 0,
            kills_in_flight: 0,
            outages: 0,
            seed,
            first,
            rounds: 0,
            refused: 0,
            unanswered: 0,
            faults: BTreeMap::new(),
            unavailable,
            wrong: Vec::new(),
            lost_ids: HashSet::new(),
        }
    }

    pub(crate) fn count(&mut self, kind: Kind, done: &Done) {
        *self.faults.entry(kind.name()).or_default() += done.times;
        self.kills += done.kills;
        self.kills_in_flight += done.kills_in_flight;
        self.outages += done.outages;
    }

    /// Reports a lost callback; counted once even if it is found again.
    pub(crate) fn lose(&mut self, entry: &Entry) {
        if !self.lost_ids.insert(entry.id) {
            return;
        }
        self.lost += 1;
        let what = "lost";
        let place = self.wrong.iter_mut().find(|wrong| wrong.round == Some(entry.round) && wrong.what == what);
        match place {
            Some(wrong) => {
                wrong.count += 1;
                if wrong.which.len() < MOST_IDS {
                    wrong.which.push(entry.id.to_string());
                }
            }
            None => self.wrong(Some(entry.round), what, [entry.id]),
        }
    }

    /// Records a violation, unless the list is empty.
    pub(crate) fn wrong(&mut self, round: Option<u32>, what: &str, which: impl IntoIterator<Item = impl fmt::Display>) {
        let mut which: Vec<_> = which.into_iter().map(|one| one.to_string()).collect();
        let count = which.len();
        which.truncate(MOST_IDS);
        if count > 0 {
            self.wrong.push(Wrong { round, what: what.to_owned(), which, count });
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Wrong { round, what, which, count } in &self.wrong {
            let place = round.map_or_else(|| "at the end".to_owned(), |round| format!("in round {round}"));
            writeln!(f, "WRONG {place}, {what}: {count}")?;
            for one in which {
                writeln!(f, "  {one}")?;
            }
        }
        write!(
            f,
            "answered {}, stored {}, lost {}, doubled {}, delivered {}, kills {} ({} during an attempt to deliver), outages {}, seed {}",
            self.answered,
            self.stored,
            self.lost,
            self.doubled,
            self.delivered,
            self.kills,
            self.kills_in_flight,
            self.outages,
            self.seed
        )?;
        if let Some(round) = self.wrong.iter().find_map(|wrong| wrong.round) {
            write!(f, "\nagain: cargo xtask faults --seed {} --first {round} --rounds 1", self.seed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_callback_fails_the_run_and_shows_how_to_repeat_it() {
        let mut report = Report::new(7, 1, Vec::new());
        assert!(report.is_good());
        report.wrong(Some(1), "none of these", [""; 0]);
        assert!(report.is_good());
        for id in (1..=30).chain([1]) {
            report.lose(&Entry { id: Uuid::from_u128(id), number: 1, round: 12 });
        }
        assert!(!report.is_good());
        let text = report.to_string();
        assert!(text.starts_with("WRONG in round 12, lost: 30\n  00000000-0000-0000-0000-000000000001\n"), "{text}");
        assert!(text.contains("lost 30,") && text.ends_with("--seed 7 --first 12 --rounds 1"), "{text}");
        assert_eq!(report.wrong[0].which.len(), MOST_IDS);
    }
}
