//! The stored result of one run of one benchmark.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::machine::machine;
use crate::Failure;
use crate::figure::{Figure, Measurement};
use crate::harness::{Harness, kept};
use crate::rows::{Measured, Row};
use crate::scale::{Extent, Scale};

/// The result of one run of a benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(with = "time::serde::rfc3339")]
    pub(super) at: OffsetDateTime,
    pub(super) seconds: u64,
    pub(super) machine: String,
    pub(super) extent: Extent,
    /// Whether the build was optimised.
    pub(super) release: bool,
    /// By the ID of the target.
    pub(super) found: BTreeMap<String, Measurement>,
    pub(super) columns: Vec<String>,
    pub(super) lines: Vec<Vec<String>>,
    pub(super) notes: Vec<String>,
}

impl Record {
    /// Runs a benchmark, and stores the result if it is meaningful. A failure is a result too, so that the other benchmarks still run.
    pub(crate) fn make(row: &Row, scale: Scale) -> Result<Self, Failure> {
        eprintln!("{}: {}", row.name, row.title);
        let begun = Instant::now();
        let measured = (row.measure)(&Harness::new(scale)?).unwrap_or_else(|error| {
            eprintln!("{}: failed: {error}", row.name);
            let failed = row.promises.iter().map(|promise| (promise.id, Measurement::Failed(error.to_string())));
            Measured { found: failed.collect(), ..Measured::default() }
        });
        let record = Self {
            at: OffsetDateTime::now_utc(),
            seconds: begun.elapsed().as_secs(),
            machine: machine(),
            extent: scale.extent,
            release: !cfg!(debug_assertions),
            found: measured.found.into_iter().map(|(id, found)| (id.to_owned(), found)).collect(),
            columns: measured.columns,
            lines: measured.lines,
            notes: measured.notes,
        };
        if record.counts() {
            let file = file(row);
            fs::create_dir_all(file.parent().unwrap_or(&file))?;
            fs::write(file, serde_json::to_string_pretty(&record)?)?;
        }
        Ok(record)
    }

    /// Returns the stored result of the newest full run, if there is one.
    pub(crate) fn kept(row: &Row) -> Result<Option<Self>, Failure> {
        let file = file(row);
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| {
                format!("{} is from another version ({error}): remove it and run the benchmark again", file.display())
                    .into()
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns each target of the benchmark with its result.
    pub(crate) fn figures(&self, row: &'static Row) -> Vec<Figure> {
        let found =
            |id| self.found.get(id).cloned().unwrap_or_else(|| Measurement::Failed("it was not measured".to_owned()));
        row.promises.iter().map(|promise| Figure { promise, found: found(promise.id) }).collect()
    }

    /// Returns whether the result is from an optimised build and not from a smoke run.
    fn counts(&self) -> bool {
        self.release && self.extent != Extent::Smoke
    }
}

fn file(row: &Row) -> PathBuf {
    kept("found").join(format!("{}.json", row.name))
}

/// A benchmark for tests of the report.
#[cfg(test)]
pub(super) mod example {
    use time::macros::datetime;

    use super::*;
    use crate::figure::Promise;

    pub(in crate::report) static MISSED_AND_NOT_RUN: Row = Row {
        name: "example",
        title: "An example",
        how: "By hand.",
        takes: ("", ""),
        promises: &[
            Promise::at_least("missed", 4.0, 5.5, "a rate"),
            Promise::at_most("not_there", 2.0, 1.0, "a latency"),
        ],
        measure: |_| Ok(Measured::default()),
    };

    pub(in crate::report) fn record() -> Record {
        let found = [
            ("missed".to_owned(), Measurement::Rounds(vec![2.0, 3.0, 9.0])),
            ("not_there".to_owned(), Measurement::NotRun("no such program".to_owned())),
        ];
        Record {
            at: datetime!(2026-01-31 12:00:00 UTC),
            seconds: 12,
            machine: "two cores".to_owned(),
            extent: Extent::Quick,
            release: true,
            found: found.into(),
            columns: ["round", "rate"].map(str::to_owned).to_vec(),
            lines: vec![["1", "2"].map(str::to_owned).to_vec()],
            notes: vec!["A note.".to_owned()],
        }
    }

    #[test]
    fn a_stored_record_is_read_again() {
        let text = serde_json::to_string(&record()).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record());
    }

    #[test]
    fn a_trial_and_an_unoptimised_build_do_not_count() {
        assert!(record().counts());
        assert!(!Record { release: false, ..record() }.counts());
        assert!(!Record { extent: Extent::Smoke, ..record() }.counts());
    }
}
