//! Follows the status: redraws what has changed or, without a terminal, prints one line per change.

use std::time::Duration;

use eqp_console::Status;

use super::ShowStatus;
use super::source::Source;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Screen, escaped};
use crate::shutdown;

/// The time between two looks, and if the Marketplace alone is queried.
const INTERVAL: Duration = Duration::from_secs(10);
const MARKETPLACE_INTERVAL: Duration = Duration::from_mins(5);
const LEAST: Duration = Duration::from_secs(1);

/// Follows the status until a signal arrives.
pub(super) async fn watch(verb: &ShowStatus, source: &mut Source, context: &Context) -> Result {
    let stop = shutdown::requested();
    let usual = if source.is_marketplace_alone() { MARKETPLACE_INTERVAL } else { INTERVAL };
    let interval = verb.interval.unwrap_or(usual).max(LEAST);
    let mut view = View::new(context);
    let mut last: Option<Status> = None;
    while let Some(read) = stop.run_until_cancelled(source.read(&verb.skus, context)).await {
        match read {
            Ok(status) => {
                view.show(verb, context, last.as_ref(), &status)?;
                last = Some(status);
            }
            // The first failure ends the command, as without --watch. A later one may be temporary.
            Err(failure) => match &last {
                None => return Err(failure),
                Some(last) => view.interrupted(verb, context, last, &failure)?,
            },
        }
        if stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_none() {
            break;
        }
    }
    Ok(())
}

/// Where changes are shown.
enum View {
    /// A terminal on which lines are redrawn.
    Screen(Screen),
    /// One line per change. `is_failing`: the last look has failed, which was reported.
    Lines { is_failing: bool },
}

impl View {
    fn new(context: &Context) -> Self {
        match Screen::on_terminal() {
            Some(screen) if !context.output.is_json() => Self::Screen(screen),
            _ => Self::Lines { is_failing: false },
        }
    }

    fn show(&mut self, verb: &ShowStatus, context: &Context, last: Option<&Status>, status: &Status) -> Result {
        let is_failing = match self {
            Self::Screen(screen) => return screen.draw(&verb.layout(context).text(status)),
            Self::Lines { is_failing } => std::mem::take(is_failing),
        };
        let changes = last.map(|last| status.changes_since(last));
        if context.output.is_json() {
            return if changes.is_none_or(|changes| !changes.is_empty()) {
                context.output.json(status)
            } else {
                Ok(())
            };
        }
        let changes = changes.unwrap_or_else(|| vec![status.headline()]);
        if is_failing {
            context.output.note("the status can be read again");
        }
        let time = crate::output::utc(status.at);
        changes.iter().try_for_each(|change| context.output.line(format_args!("{time}  {}", escaped(change))))
    }

    fn interrupted(&mut self, verb: &ShowStatus, context: &Context, last: &Status, failure: &Failure) -> Result {
        let reason = failure.in_one_line();
        match self {
            Self::Screen(screen) => {
                let text = verb.layout(context).text(last);
                screen.draw(&format!(
                    "{text}\n\nNOT UPDATED since {} UTC, retrying: {reason}",
                    crate::output::utc(last.at)
                ))
            }
            Self::Lines { is_failing } => {
                if !std::mem::replace(is_failing, true) {
                    context.output.note(format_args!("the status cannot be read, retrying: {reason}"));
                }
                Ok(())
            }
        }
    }
}
