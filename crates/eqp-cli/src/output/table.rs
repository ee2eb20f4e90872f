//! Formats tables and lines of tracks.

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};

use super::terminal;
use crate::sanitize::{Paint, escaped, without_style};

/// Space around the text of a column.
const PADDING: usize = 2;

/// A table without borders. On a terminal it fits the width without breaking words: if the columns are too wide, those with the same
/// value in every row are printed once above the table; if that is not enough, each field gets its own line. Without a terminal
/// nothing is wrapped.
pub(crate) struct Table {
    heads: Vec<String>,
    shows_heads: bool,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    /// Minimum width of a column, if all columns fit with it.
    at_least: Vec<usize>,
    /// The width of the terminal; `None` without a terminal.
    width: Option<usize>,
}

impl Table {
    /// Creates a table with these column headings.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self {
            heads: heads.iter().map(ToString::to_string).collect(),
            shows_heads: true,
            rows: Vec::new(),
            right: Vec::new(),
            at_least: Vec::new(),
            width: terminal::width_of(&std::io::stdout()),
        }
    }

    /// Adds a row.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        // Colours are removed because they would count as width, and line ends are escaped because a cell is a value.
        let shown = |cell: T| escaped(&without_style(&cell.into()));
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// Right-aligns a column, such as one of numbers.
    pub(crate) fn right(&mut self, column: usize) {
        self.right.push(column);
    }

    /// Returns the width of each column, with `measure` as the width of a text.
    fn widths(&self, columns: &[usize], measure: impl Fn(&str) -> usize) -> Vec<usize> {
        let of = |column: &usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(*column)).map(String::as_str);
            let head = self.shows_heads.then(|| self.heads[*column].as_str());
            cells.chain(head).map(&measure).max().unwrap_or_default()
        };
        columns.iter().map(of).collect()
    }

    /// Returns the columns whose values differ between rows.
    fn varying_columns(&self) -> Vec<usize> {
        let varies = |column: &usize| {
            let mut cells = self.rows.iter().map(|row| row.get(*column));
            let first = cells.next();
            cells.any(|cell| Some(cell) != first)
        };
        (0..self.heads.len()).filter(varies).collect()
    }

    /// Lays out these columns within a total width; without a width, nothing is wrapped.
    fn side_by_side(&self, columns: &[usize], width: Option<usize>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let pick = |row: &[String]| -> Vec<String> {
            columns.iter().map(|column| row.get(*column).cloned().unwrap_or_default()).collect()
        };
        if self.shows_heads {
            table.set_header(pick(&self.heads));
        }
        for row in &self.rows {
            table.add_row(pick(row));
        }
        let mut least = self.at_least.clone();
        match width.and_then(|width| u16::try_from(width).ok()) {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
                least = self.widths(columns, longest_word);
            }
            None => _ = table.set_content_arrangement(ContentArrangement::Disabled),
        }
        for (column, width) in table.column_iter_mut().zip(least) {
            let width = u16::try_from(width + PADDING).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
        for (place, _) in columns.iter().enumerate().filter(|(_, column)| self.right.contains(column)) {
            if let Some(column) = table.column_mut(place) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    /// Formats each row with one line per field.
    fn fields(&self) -> String {
        let label = self.heads.iter().map(|head| head.chars().count()).max().unwrap_or_default();
        let lines = |row: &Vec<String>| {
            let filled = self.heads.iter().zip(row).filter(|(_, cell)| !cell.is_empty() && *cell != "-");
            filled.map(|(head, cell)| format!(" {head:<label$}  {cell}\n")).collect::<Vec<_>>().concat()
        };
        self.rows.iter().map(lines).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }
}

/// Returns the total width of columns with these widths.
fn together(widths: &[usize]) -> usize {
    widths.iter().map(|width| width + PADDING).sum()
}

/// Returns the width of a text, which is that of its widest line.
fn natural(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

/// Returns the minimum width of a text without broken words, which is that of its longest word.
fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default()
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<usize> = (0..self.heads.len()).collect();
        let Some(width) = self.width else { return f.write_str(&self.side_by_side(&all, None)) };
        if together(&self.widths(&all, natural)) <= width {
            return f.write_str(&self.side_by_side(&all, None));
        }
        let varying = self.varying_columns();
        let same = all.iter().filter(|column| self.rows.len() > 1 && self.shows_heads && !varying.contains(column));
        let constant: Vec<_> = same
            .filter_map(|column| Some((&self.heads[*column], self.rows[0].get(*column)?)))
            .filter(|(_, cell)| !cell.is_empty() && *cell != "-")
            .map(|(head, cell)| format!(" {head}: {cell}\n"))
            .collect();
        let above = constant.concat();
        for (columns, above) in [(&all, ""), (&varying, above.as_str())] {
            let fits = |widths: Vec<usize>| !columns.is_empty() && together(&widths) <= width;
            if fits(self.widths(columns, natural)) {
                return write!(f, "{above}{}", self.side_by_side(columns, None));
            }
            if fits(self.widths(columns, longest_word)) {
                return write!(f, "{above}{}", self.side_by_side(columns, Some(width)));
            }
            if self.rows.len() < 2 || !self.shows_heads {
                break;
            }
        }
        f.write_str(&self.fields())
    }
}

/// A table that is printed page by page. The first page determines the widths.
pub(crate) struct PagedTable {
    heads: &'static [&'static str],
    right: &'static [usize],
    widths: Vec<usize>,
}

impl PagedTable {
    /// Creates a table with these column headings, in which the columns in `right` are right-aligned.
    pub(crate) fn new(heads: &'static [&'static str], right: &'static [usize]) -> Self {
        Self { heads, right, widths: Vec::new() }
    }

    /// Returns the next page. Only the first page has column headings.
    pub(crate) fn page(&mut self, rows: impl IntoIterator<Item = Vec<String>>) -> Table {
        let mut table = Table { shows_heads: self.widths.is_empty(), ..Table::new(self.heads) };
        for row in rows {
            table.row(row);
        }
        table.right = self.right.to_vec();
        if table.shows_heads {
            let all: Vec<usize> = (0..self.heads.len()).collect();
            self.widths = table.widths(&all, natural);
        } else if table.width.is_none_or(|width| together(&self.widths) <= width) {
            table.at_least.clone_from(&self.widths);
        }
        table
    }
}

/// Returns the text, or a dash if there is none.
pub(crate) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".into(), |text| text.to_string())
}

/// Formats the tracks of a resource as one line: `overall in_progress · technical approved · marketing draft`.
pub(crate) fn track_line<'a>(tracks: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let parts: Vec<_> = tracks
        .into_iter()
        .map(|(flow, status)| {
            let style = Paint(style_of(status));
            format!("{flow} {style}{}{style:#}", escaped(status))
        })
        .collect();
    parts.join(" · ")
}

/// Returns the colour of a status: green for success, red for failure, yellow while it is running.
fn style_of(status: &str) -> Style {
    match status {
        "approved" | "released_to_store" | "passed" | "pass" => AnsiColor::Green.on_default(),
        "rejected" | "failed" | "fail" | "canceled_by_admin" | "admin_removed_from_store" => {
            AnsiColor::Red.on_default()
        }
        "draft" | "recalled" => Style::new().dimmed(),
        _ => AnsiColor::Yellow.on_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_trailing_spaces_and_no_borders() {
        let mut table = Table::new(&["seq", "subject"]);
        table.right(0);
        table.row(["7", "s5w9k703ru"]);
        table.row(["12", "a"]);
        assert_eq!(table.to_string(), " seq  subject\n   7  s5w9k703ru\n  12  a");
    }

    #[test]
    fn pages_of_a_table_stand_under_each_other() {
        let mut table = PagedTable::new(&["id", "bytes"], &[1]);
        let row = |id: &str, bytes: &str| vec![id.to_owned(), bytes.to_owned()];
        assert_eq!(table.page([row("abcdef", "7")]).to_string(), " id      bytes\n abcdef      7");
        assert_eq!(table.page([row("a", "12")]).to_string(), " a          12");
        assert_eq!(table.page([row("abcdefgh", "1")]).to_string(), " abcdefgh      1");
    }

    fn events(width: usize) -> Table {
        let mut table = Table::new(&["seq", "received (UTC)", "environment", "subject", "outcome", "mark"]);
        table.right(0);
        table.width = Some(width);
        for (seq, subject, outcome) in [("1", "s5w9k703ru", "in_progress"), ("12", "2309480238.238475.0", "passed")] {
            table.row([seq, "2026-11-29 12:00:00", "production", subject, outcome, ""]);
        }
        table
    }

    #[test]
    fn a_table_that_fits_is_side_by_side() {
        let text = events(100).to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn on_a_narrower_terminal_words_are_not_broken_and_what_never_changes_is_said_once() {
        for width in [80, 60, 50, 40, 20, 1] {
            let text = events(width).to_string();
            for word in ["2026-11-29", "12:00:00", "production", "s5w9k703ru", "2309480238.238475.0", "in_progress"] {
                assert!(text.contains(word), "{word} at {width}:\n{text}");
            }
            if width >= 40 {
                assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
            }
        }
        assert_eq!(events(60).to_string().matches("production").count(), 1);
        assert!(events(30).to_string().contains(" subject         2309480238.238475.0\n"), "{}", events(30));
    }

    #[test]
    fn a_word_that_is_wider_than_the_terminal_stays_whole() {
        let mut table = Table::new(&["seq", "outcome"]);
        table.width = Some(80);
        table.row(["1".to_owned(), "x".repeat(250)]);
        assert!(table.to_string().contains(&"x".repeat(250)));
    }

    #[test]
    fn tracks_are_one_line() {
        let line = track_line([("overall", "in_progress"), ("technical", "approved")]);
        assert_eq!(super::super::plain(&line), "overall in_progress · technical approved");
    }
}
