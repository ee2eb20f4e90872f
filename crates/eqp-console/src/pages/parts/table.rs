//! Tables, which are cards on narrow screens.

use maud::{Markup, html};

/// A table. Its rows become cards on narrow screens, where each cell shows the name of its column. The roles keep the meaning of the
/// elements, which browsers drop if a table is not displayed as one.
pub(crate) struct Table {
    caption: String,
    columns: &'static [&'static str],
    rows: Vec<Vec<Markup>>,
}

impl Table {
    /// Creates an empty table. The first column is the header of each row.
    pub(crate) fn new(caption: impl Into<String>, columns: &'static [&'static str]) -> Self {
        Self { caption: caption.into(), columns, rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Markup; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has one cell per column");
        self.rows.push(cells.into());
    }

    /// Returns whether the table has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Shows the table.
    pub(crate) fn show(&self) -> Markup {
        html! {
            table role="table" {
                caption { (self.caption) }
                thead role="rowgroup" {
                    tr role="row" { @for column in self.columns { th role="columnheader" scope="col" { (column) } } }
                }
                tbody role="rowgroup" {
                    @for row in &self.rows {
                        tr role="row" {
                            @for (index, (column, cell)) in self.columns.iter().zip(row).enumerate() {
                                @if index == 0 {
                                    th role="rowheader" scope="row" data-column=(column) { div { (cell) } }
                                } @else {
                                    td role="cell" data-column=(column) { @if !cell.0.is_empty() { div { (cell) } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
