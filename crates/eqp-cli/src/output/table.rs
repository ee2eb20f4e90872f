//! Tables and track lines.

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};

use super::screen::{Paint, visible, without_paint};

/// A table without borders. On a terminal it keeps to its width; elsewhere nothing is wrapped.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// A table with these heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        let mut table = Self::headless();
        table.0.set_header(heads);
        table
    }

    fn headless() -> Self {
        use std::io::IsTerminal;
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(if std::io::stdout().is_terminal() {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        Self(table)
    }

    /// Columns are no narrower than this, beside the padding; where they do not fit the terminal so, each page is laid out
    /// by itself.
    fn at_least(&mut self, widths: &[u16]) {
        const PADDING: u16 = 2;
        let wanted: u16 = widths.iter().map(|width| width.saturating_add(PADDING)).fold(0, u16::saturating_add);
        if self.0.width().is_some_and(|available| wanted > available) {
            return;
        }
        for (column, width) in self.0.column_iter_mut().zip(widths) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + PADDING)));
        }
    }

    /// Adds a row.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        // Colour would be counted as width, and a cell is a value: it ends no line.
        let shown = |cell: T| visible(&without_paint(&cell.into()));
        self.0.add_row(cells.into_iter().map(shown).collect::<Vec<String>>());
    }

    /// Numbers stand at the right of their column.
    pub(crate) fn right(&mut self, column: usize) {
        if let Some(column) = self.0.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A table that is written a page at a time, so that rows appear as they come. The first page sets the widths.
pub(crate) struct PagedTable {
    heads: &'static [&'static str],
    right: &'static [usize],
    widths: Vec<u16>,
}

impl PagedTable {
    /// A table with these heads and, at the right of their columns, the numbers of these columns.
    pub(crate) fn new(heads: &'static [&'static str], right: &'static [usize]) -> Self {
        Self { heads, right, widths: Vec::new() }
    }

    /// The next page; only the first has heads.
    pub(crate) fn page(&mut self, rows: impl IntoIterator<Item = Vec<String>>) -> Table {
        let is_first = self.widths.is_empty();
        let mut table = if is_first { Table::new(self.heads) } else { Table::headless() };
        for row in rows {
            table.row(row);
        }
        for column in self.right {
            table.right(*column);
        }
        if is_first {
            self.widths = table.0.column_max_content_widths();
        } else {
            table.at_least(&self.widths);
        }
        table
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<_> = self.0.lines().map(|line| line.trim_end().to_owned()).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Text, or a dash where there is none.
pub(crate) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".into(), |text| text.to_string())
}

/// The tracks of a subject as one readable line: `overall in_progress · technical approved · marketing draft`.
pub(crate) fn track_line<'a>(tracks: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let parts: Vec<_> = tracks
        .into_iter()
        .map(|(flow, outcome)| {
            let style = Paint(style_of(outcome));
            format!("{flow} {style}{}{style:#}", visible(outcome))
        })
        .collect();
    parts.join(" · ")
}

/// Good ends are green, bad ones red, what runs is yellow.
fn style_of(outcome: &str) -> Style {
    match outcome {
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

    #[test]
    fn tracks_are_one_line() {
        let line = track_line([("overall", "in_progress"), ("technical", "approved")]);
        assert_eq!(super::super::plain(&line), "overall in_progress · technical approved");
    }
}
