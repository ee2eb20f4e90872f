//! What came of it, for people and for programs.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::fault::{Done, Kind};
use crate::ledger::Entry;

/// So many ids of each thing that is wrong are told.
const MOST_IDS: usize = 20;

/// Adds up over all rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// With an id, by a receiver.
    pub(crate) answered: u64,
    /// In the database at the end.
    pub(crate) stored: u64,
    /// Answered and not stored.
    pub(crate) lost: u64,
    /// Sent once and stored more often.
    pub(crate) doubled: u64,
    /// Processes that were ended as a crash does.
    pub(crate) kills: u64,
    /// Times in which a receiver or both could not reach a database that takes callbacks.
    pub(crate) outages: u64,
    pub(crate) seed: u64,
    /// The number of the first round, and how many came to their end.
    pub(crate) first: u32,
    pub(crate) rounds: u32,
    /// Told to come again.
    pub(crate) refused: u64,
    /// Not answered at all.
    pub(crate) unanswered: u64,
    /// What went wrong how often.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// What this machine does not allow to be broken.
    pub(crate) not_made: Vec<String>,
    pub(crate) wrong: Vec<Wrong>,
    #[serde(skip)]
    lost_ids: HashSet<Uuid>,
}

/// Something that must not be.
#[derive(Debug, Serialize)]
pub(crate) struct Wrong {
    /// None where the comparison at the end has found it.
    pub(crate) round: Option<u32>,
    pub(crate) what: String,
    /// Some of them.
    pub(crate) which: Vec<String>,
    pub(crate) count: usize,
}

impl Report {
    pub(crate) fn new(seed: u64, first: u32, not_made: Vec<String>) -> Self {
        Self {
            answered: 0,
            stored: 0,
            lost: 0,
            doubled: 0,
            kills: 0,
            outages: 0,
            seed,
            first,
            rounds: 0,
            refused: 0,
            unanswered: 0,
            faults: BTreeMap::new(),
            not_made,
            wrong: Vec::new(),
            lost_ids: HashSet::new(),
        }
    }

    pub(crate) fn count(&mut self, kind: Kind, done: &Done) {
        *self.faults.entry(kind.name()).or_default() += done.times;
        self.kills += done.kills;
        self.outages += done.outages;
    }

    /// An answer that was broken; counted once, also where it is noticed again.
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

    /// Notes what must not be; nothing, where there is none of it.
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
            "answered {}, stored {}, lost {}, doubled {}, kills {}, outages {}, seed {}",
            self.answered, self.stored, self.lost, self.doubled, self.kills, self.outages, self.seed
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
    fn what_is_lost_makes_it_bad_and_says_how_to_run_it_again() {
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
