//! Shows lists of the Marketplace: a section from one response, or all records as a stream.

use clap::Args;
use eqp_client::{Page, UnreadableRecord};
use eqp_types::Environment;
use serde::Serialize;

use crate::arguments::{whole, within};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{PagedTable, escaped};

/// Number of records per request.
const AT_ONCE: u64 = 100;

/// The number of records that cannot be read that an error lists.
const MAX_UNREADABLE: usize = 5;

/// Selects the records of a list to show.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Paging {
    /// Maximum number of records
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = within(1..=u64::MAX))]
    limit: u64,
    /// Show all records, page by page; with --json one object per line
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
    /// Number of records to skip
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = whole::<u64>)]
    offset: u64,
}

/// Describes how to show records of one kind.
pub(super) struct Listed<T: 'static, S: 'static> {
    /// The name of the records.
    pub(super) name: &'static str,
    /// The column headings of the table.
    pub(super) heads: &'static [&'static str],
    /// The columns to right-align.
    pub(super) right: &'static [usize],
    /// Formats a record as a row.
    pub(super) row: fn(Environment, &T) -> Vec<String>,
    /// Records as one object, with the total number.
    pub(super) section: fn(Environment, Option<u64>, Vec<T>) -> S,
}

/// A record of a JSON stream, with the environment.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct StreamedRecord<'a, T> {
    /// The environment.
    environment: Environment,
    #[serde(flatten)]
    record: &'a T,
}

impl Paging {
    /// Shows a list. `fetch` returns a page for an offset and a limit; each page is printed as soon as it arrives.
    pub(super) async fn show<T: Serialize, S: Serialize>(
        self,
        context: &Context,
        environment: Environment,
        listed: &Listed<T, S>,
        fetch: impl AsyncFn(u64, u64) -> Result<Page<T>, eqp_client::Error>,
    ) -> Result {
        let output = context.output;
        let mut table = PagedTable::new(listed.heads, listed.right);
        let mut kept = Vec::new();
        let (mut shown, mut total) = (0, None);
        let mut unreadable = Vec::new();
        let mut next = Some(self.offset);
        while let Some(offset) = next {
            let asked = if self.all { AT_ONCE } else { AT_ONCE.min(self.limit - shown) };
            let mut page = fetch(offset, asked).await?;
            next = page.next_offset(asked);
            if !self.all {
                // A server may return more records than requested.
                page.items.truncate(usize::try_from(asked).unwrap_or(usize::MAX));
            }
            total = page.total;
            unreadable.append(&mut page.unreadable);
            unreadable.truncate(MAX_UNREADABLE);
            shown += page.items.len() as u64;
            match (output.is_json(), self.all) {
                (false, _) if page.items.is_empty() => {}
                (false, _) => output.line(table.page(page.items.iter().map(|item| (listed.row)(environment, item))))?,
                (true, true) => {
                    page.items.iter().try_for_each(|record| output.json(&StreamedRecord { environment, record }))?;
                }
                (true, false) => kept.append(&mut page.items),
            }
            if !self.all && shown >= self.limit {
                break;
            }
        }
        if output.is_json() && !self.all {
            output.json(&(listed.section)(environment, total, kept))?;
        }
        let name = listed.name;
        match total {
            _ if output.is_json() && !self.all => {}
            _ if shown == 0 => output.note(format_args!("no {name} in {environment}")),
            Some(total) if self.offset + shown < total => {
                output.note(format_args!("showing {shown} of {total}; use --all to show all"));
            }
            _ => {}
        }
        if unreadable.is_empty() { Ok(()) } else { Err(not_all_shown(name, &unreadable)) }
    }
}

/// Returns the failure for a list of which some records cannot be read. The others were shown.
fn not_all_shown(name: &str, unreadable: &[UnreadableRecord]) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("some {name} cannot be read; all others are shown"));
    unreadable.iter().fold(failure, |failure, record| {
        let UnreadableRecord { position, field, problem, .. } = record;
        let field = if field.is_empty() { String::new() } else { format!("`{}`: ", escaped(field)) };
        failure.why(format!("record {} of the list: {field}{}", position + 1, escaped(problem)))
    })
}
