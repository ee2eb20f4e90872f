//! `eqp listings due`: lists the dates of listings that have passed or are near.

use clap::Args;
use eqp_release::listing_dates::{ListingDate, ReleaseLines, dates_due, live_listings};
use eqp_release::read_packages;
use eqp_types::Environment;
use serde::Serialize;

use super::release_lines::{ReleaseLinesOption, ReleaseLinesOrigin, origin, print_origin, today};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, counted, escaped, or_dash};

/// The restriction that applies to all dates.
const COMPUTED: &str = "The dates are computed from Adobe's published rules. Adobe's e-mail takes precedence.";

/// List the dates of listings that have passed or are within 30 days
///
/// Three rules of Adobe lead to a date: a listing needs a version that is compatible with a new patch release of Commerce
/// within 30 days, and with a minor release within 60 days; it is removed after 12 months without an update, with a
/// notice after 11; and it is removed 30 days after the end of support of the last line that it shows.
///
/// Only listings whose version in the store does not show the line are listed. Adobe runs its tests again for each
/// release, and a listing that passes needs nothing. A listing that shows minor versions such as 2.4 includes all of
/// their lines.
///
/// Exit codes with --exit-code: 8 if a date is listed; 7 if the Marketplace could not be queried.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp listings due
  eqp listings due --release-lines core-releases.json
  eqp listings due --exit-code --json | jq -r '.dates[].sku'")]
pub(crate) struct Due {
    #[command(flatten)]
    lines: ReleaseLinesOption,
    /// Exit with a code that depends on the result
    #[arg(long)]
    exit_code: bool,
}

/// The dates of listings.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DueDates<'a> {
    /// The environment.
    environment: Environment,
    /// The release lines that the dates are computed from.
    release_lines: ReleaseLinesOrigin<'a>,
    /// The restriction that applies to all dates.
    note: &'a str,
    /// The number of listings in the store.
    listings: usize,
    /// The dates, the first one first.
    dates: &'a [ListingDate],
}

impl Due {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let lines = self.lines.read()?;
        let client = client(&context.settings.marketplace)?;
        let read = read_packages(&client).await.map_err(Failure::from);
        let packages =
            read.map_err(|failure| if self.exit_code { failure.with_exit(Exit::Unreachable) } else { failure });
        let listings = live_listings(&packages?);
        let dates = dates_due(&listings, &lines, today());
        let environment = client.environment();
        if context.output.is_json() {
            let release_lines = origin(&lines);
            let listings = listings.len();
            context.output.json(&DueDates { environment, release_lines, note: COMPUTED, listings, dates: &dates })?;
        } else {
            show(&dates, &lines, listings.len(), context)?;
        }
        if self.exit_code && !dates.is_empty() {
            return Err(Failure::new(Exit::OutOfStep, "a date of a listing is due").already_reported());
        }
        Ok(())
    }
}

fn show(dates: &[ListingDate], lines: &ReleaseLines, listings: usize, context: &Context) -> Result {
    let output = context.output;
    if dates.is_empty() {
        output.line(format_args!("No date is due ({} in the store).", counted(listings, "listing")))?;
    } else {
        let mut table = Table::new(&["due", "product", "in the store", "reason"]);
        for date in dates {
            let passed = if date.has_passed { " (passed)" } else { "" };
            let due = format!("{}{passed}", date.due);
            table.row([due, date.sku.to_string(), or_dash(date.version.as_deref()), escaped(&date.sentence)]);
        }
        output.line(table)?;
        if let Some(line) = dates.iter().find_map(|date| date.line.as_deref()) {
            output
                .line(format_args!("See what is missing: eqp packages recertify --commerce {}", newest(lines, line)))?;
        }
    }
    output.line(COMPUTED)?;
    print_origin(lines, output)
}

/// Returns the newest line, which a new version should show.
fn newest<'a>(lines: &'a ReleaseLines, other: &'a str) -> &'a str {
    lines.newest(today()).map_or(other, |line| line.name.as_str())
}
