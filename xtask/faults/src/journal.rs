//! The journal of answered IDs, and its comparison with the database.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::Failure;

/// A response with an ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    /// The number of the callback.
    pub(crate) number: u64,
    pub(crate) round: u32,
}

impl Entry {
    /// Returns the line of the file.
    pub(crate) fn line(&self) -> String {
        format!("{} {} {}\n", self.round, self.number, self.id)
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (round, number, id) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
        Some(Self { id: id.parse().ok()?, number, round })
    }
}

/// The journal file, up to the position that was read.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    read: u64,
}

impl Journal {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), read: 0 }
    }

    /// Returns the entries since the last read. The sender must be paused, so that every line is complete.
    pub(crate) fn more(&mut self) -> Result<Vec<Entry>, Failure> {
        let mut file = std::fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        self.read += file.read_to_string(&mut text)? as u64;
        text.lines().map(|line| Entry::read(line).ok_or_else(|| format!("the journal says `{line}`").into())).collect()
    }
}

/// The stored callbacks: for each the number in its body, if the body is unchanged.
pub(crate) type Stored = HashMap<Uuid, Option<u64>>;

/// Returns the entries that are not stored, or stored with another body.
pub(crate) fn lost(answered: &[Entry], stored: &Stored) -> Vec<Entry> {
    answered.iter().filter(|entry| stored.get(&entry.id) != Some(&Some(entry.number))).copied().collect()
}

/// Returns the IDs of callbacks that were sent once but stored more often. Each number is sent once.
pub(crate) fn doubled(stored: &Stored) -> Vec<Vec<Uuid>> {
    let mut ids: BTreeMap<u64, Vec<Uuid>> = BTreeMap::new();
    for (id, number) in stored {
        if let Some(number) = number {
            ids.entry(*number).or_default().push(*id);
        }
    }
    ids.into_values().filter(|ids| ids.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u128, number: u64) -> Entry {
        Entry { id: Uuid::from_u128(id), number, round: 3 }
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let entry = entry(7, 42);
        assert_eq!(Entry::read(entry.line().trim_end()), Some(entry));
        for broken in ["", "1 2", "1 2 3", "x 2 00000000-0000-0000-0000-000000000007"] {
            assert_eq!(Entry::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn new_lines_are_read_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut journal = Journal::at(file.path());
        assert_eq!(journal.more().unwrap(), []);
        for number in 1..3 {
            let mut text = std::fs::read_to_string(file.path()).unwrap();
            text += &entry(1, number).line();
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(journal.more().unwrap(), [entry(1, number)]);
        }
    }

    #[test]
    fn a_callback_not_stored_byte_for_byte_is_lost() {
        let stored = Stored::from([
            (Uuid::from_u128(1), Some(1)),
            (Uuid::from_u128(2), Some(1)),
            (Uuid::from_u128(4), None),
            (Uuid::from_u128(9), Some(9)),
        ]);
        let answered = [entry(1, 1), entry(2, 2), entry(3, 3), entry(4, 4)];
        assert_eq!(lost(&answered, &stored), answered[1..]);
        assert_eq!(lost(&[], &stored), [], "more may be stored than was answered");
    }

    #[test]
    fn a_callback_sent_once_and_stored_twice_is_doubled() {
        let [a, b, c, d] = [1, 2, 3, 4].map(Uuid::from_u128);
        let mut found = doubled(&Stored::from([(a, Some(1)), (b, Some(2)), (c, Some(1)), (d, None)]));
        for ids in &mut found {
            ids.sort_unstable();
        }
        assert_eq!(found, [[a, c]]);
        assert!(doubled(&Stored::from([(a, Some(1)), (b, Some(2))])).is_empty());
    }
}
