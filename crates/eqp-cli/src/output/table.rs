//! Tables and track lines.

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement};

/// A table without borders. On a terminal it keeps to its width; elsewhere nothing is wrapped.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// A table with these heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        use std::io::IsTerminal;
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(if std::io::stdout().is_terminal() {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        table.set_header(heads);
        Self(table)
    }

    /// Adds a row.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        // Colour would be counted as width.
        let plain = |cell: T| anstream::adapter::strip_str(&cell.into()).to_string();
        self.0.add_row(cells.into_iter().map(plain).collect::<Vec<String>>());
    }

    /// Numbers stand at the right of their column.
    pub(crate) fn right(&mut self, column: usize) {
        if let Some(column) = self.0.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<_> = self.0.lines().map(|line| line.trim_end().to_owned()).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// The tracks of a subject as one readable line: `overall in_progress · technical approved · marketing draft`.
pub(crate) fn track_line<'a>(tracks: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let parts: Vec<_> = tracks
        .into_iter()
        .map(|(flow, outcome)| {
            let style = style_of(outcome);
            format!("{flow} {style}{outcome}{style:#}")
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
    fn tracks_are_one_line() {
        let line = track_line([("overall", "in_progress"), ("technical", "approved")]);
        assert_eq!(anstream::adapter::strip_str(&line).to_string(), "overall in_progress · technical approved");
    }
}
