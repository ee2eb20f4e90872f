//! The results of a run: stored, printed, and written to the page.

mod machine;
mod page;
mod plot;
mod record;

use std::path::Path;

use serde_json::{Map, Value};

pub(crate) use record::Record;

use crate::Failure;
use crate::rows::{ROWS, Row};

/// The path of the page in the workspace.
const PAGE: &str = "docs/benchmarks.md";
const PICTURE: &str = "docs/benchmarks.svg";

/// Prints every benchmark with its targets.
pub(crate) fn list(rows: &[&Row]) {
    for row in rows {
        println!("{}  {} ({}; quick {})", row.name, row.title, row.takes.0, row.takes.1);
        for promise in row.promises {
            println!("    {} {} {}, aim {}: {}", promise.id, promise.sign(), promise.floor, promise.aim, promise.what);
        }
    }
}

/// Returns one object with an entry for each figure ID.
pub(crate) fn json(records: &[(&'static Row, Record)]) -> Map<String, Value> {
    let figures = records.iter().flat_map(|(row, record)| record.figures(row));
    figures.map(|figure| (figure.promise.id.to_owned(), figure.to_json())).collect()
}

/// Writes the page and its picture from the stored results.
pub(crate) fn write() -> Result<(), Failure> {
    let mut records = Vec::new();
    for row in ROWS {
        records.extend(Record::kept(row)?.map(|record| (row, record)));
    }
    if records.is_empty() {
        return Err("nothing to write: no benchmark has been run in a release build".into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let there = std::fs::read_to_string(root.join(PAGE))?;
    std::fs::write(root.join(PAGE), page::renewed(&there, &page::measured(&records))?)?;
    std::fs::write(root.join(PICTURE), plot::plot(&records))?;
    eprintln!("updated {PAGE} and {PICTURE} from {} of {} benchmarks", records.len(), ROWS.len());
    Ok(())
}
