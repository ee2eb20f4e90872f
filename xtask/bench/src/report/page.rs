//! Generates the measured part of docs/benchmarks.md; the rest of the page is written by hand.

use std::fmt::Write as _;

use time::format_description::well_known::Iso8601;

use super::record::Record;
use crate::Failure;
use crate::figure::{Figure, shown};
use crate::rows::Row;
use crate::scale::Extent;

const BEGIN: &str = "<!-- begin: written by `cargo xtask bench --write` -->";
const END: &str = "<!-- end -->";

/// Returns the page with a new measured part.
pub(super) fn renewed(page: &str, measured: &str) -> Result<String, Failure> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or("the page does not contain the markers of the measured part")?;
    Ok(format!("{before}{BEGIN}\n\n{measured}\n{END}{after}"))
}

/// Returns a table of all figures, followed by each benchmark with its measurements.
pub(super) fn measured(records: &[(&'static Row, Record)]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        text,
        "![Each result with its floor and aim](benchmarks.svg)\n\n\
         Each result relative to its floor; longer is better. The bar ends at the median, the dots are the rounds, and the triangle \
         is the aim.\n"
    );
    let _ = writeln!(text, "| ID | measurement | median | floor | aim | |\n|---|---|---|---|---|---|");
    for figure in records.iter().flat_map(|(row, record)| record.figures(row)) {
        let _ = writeln!(text, "{}", line(&figure));
    }
    let _ = writeln!(text, "\nMeasured on: {}.", machines(records));
    for (row, record) in records {
        let _ = write!(text, "\n{}", section(row, record));
    }
    text
}

fn line(figure: &Figure) -> String {
    let promise = figure.promise;
    let median = figure.median().map_or_else(|| "–".to_owned(), shown);
    let (sign, verdict) = (promise.sign(), figure.verdict());
    format!(
        "| `{}` | {} | {median} | {sign} {} | {sign} {} | {verdict} |",
        promise.id, promise.what, promise.floor, promise.aim
    )
}

/// Returns each machine once, because benchmarks can be run on several machines.
fn machines(records: &[(&'static Row, Record)]) -> String {
    let mut all: Vec<&str> = records.iter().map(|(_, record)| record.machine.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all.join("; ")
}

fn section(row: &'static Row, record: &Record) -> String {
    let mut text = format!("### {}\n\n{}\n\n", row.title, row.how);
    let rounds = match record.extent {
        Extent::Full => "",
        Extent::Quick => ", quick",
        Extent::Smoke => ", a trial",
    };
    let day = record.at.date().format(&Iso8601::DATE).expect("a date can be written");
    let _ = writeln!(text, "`cargo xtask bench {}`: {day}, {} s{rounds}.\n", row.name, record.seconds);
    if !record.columns.is_empty() {
        let _ = writeln!(text, "| {} |\n|{}", record.columns.join(" | "), "---|".repeat(record.columns.len()));
        for cells in &record.lines {
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text.push('\n');
    }
    for figure in record.figures(row) {
        let _ = writeln!(text, "- {figure}");
    }
    for note in &record.notes {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::example::{MISSED_AND_NOT_RUN, record};

    #[test]
    fn every_promise_of_a_row_is_shown_with_its_result() {
        let text = measured(&[(&MISSED_AND_NOT_RUN, record())]);
        for line in [
            "| `missed` | a rate | 3.00 | ≥ 4 | ≥ 5.5 | MISSED |",
            "| `not_there` | a latency | – | ≤ 2 | ≤ 1 | not run |",
            "Measured on: two cores.",
            "`cargo xtask bench example`: 2026-01-31, 12 s, quick.",
            "| round | rate |",
            "| 1 | 2 |",
            "- missed: 3.00 (floor ≥ 4, aim 5.5): MISSED",
            "- not_there: not run: no such program",
            "A note.",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is missing from:\n{text}");
        }
    }

    #[test]
    fn only_the_text_between_the_marks_is_replaced() {
        let page = format!("# By hand\n\n{BEGIN}\nold\n{END}\n\n## Also by hand\n");
        let new = renewed(&page, "new\n").unwrap();
        assert_eq!(new, format!("# By hand\n\n{BEGIN}\n\nnew\n\n{END}\n\n## Also by hand\n"));
        assert_eq!(renewed(&new, "new\n").unwrap(), new);
        assert!(renewed("no marks", "new").is_err());
    }

    #[test]
    fn the_page_of_the_repository_has_its_marks() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md")).unwrap();
        assert!(renewed(&page, "").is_ok());
    }
}
