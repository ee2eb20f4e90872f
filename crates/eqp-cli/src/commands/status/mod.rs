//! `eqp status`: shows what needs the vendor, what is stuck, what is in review, and what is fine.

mod badge;
mod layout;
mod markdown;
mod source;
mod watch;

use std::time::Duration;

use clap::{Args, ValueEnum};
use eqp_console::{ProductStatus, Status};

use self::layout::{Layout, Marks};
pub(super) use self::markdown::md;
use self::source::Source;
use crate::arguments::{sku, timeout};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::escaped;

/// Show which products need attention, are stuck or are in review
///
/// Reads the status from the server given by --server, otherwise from the database, otherwise from the Marketplace
/// alone: with at most 5 calls, and one more for each rejected submission. Each product is shown in the first group
/// that applies: needs you, stuck, in review, fine. A review is stuck if it takes longer than three times the median of
/// your earlier reviews, or longer than a fixed limit (configuration key alerts.manual_qa_limit and others).
///
/// Exit codes with --exit-code: 5 if a version was rejected; 8 if anything else needs attention (a product needs you or
/// is stuck, a date is due, the status may be out of date, or a registration has drifted); 7 if no source could be
/// queried.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp status
  eqp status acme/checkout                   # all versions of a product
  eqp status acme/checkout --format sentence # text to forward
  eqp status --watch
  eqp status --exit-code --json | jq '.needs_you[].sku'")]
pub(crate) struct ShowStatus {
    /// SKUs of products to show with all of their versions [default: all products, without finished versions]
    #[arg(value_name = "SKU", value_parser = sku)]
    skus: Vec<String>,
    /// Show the status continuously until Ctrl-C; without a terminal, print one line per change
    #[arg(long, conflicts_with = "exit_code")]
    watch: bool,
    /// Time between two updates with --watch [default: 10s; 5m for the Marketplace alone]
    #[arg(long, value_name = "TIME", requires = "watch", value_parser = timeout)]
    interval: Option<Duration>,
    /// Format of the text (svg is a badge for one product)
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
    /// Exit with a code that depends on the status
    #[arg(long)]
    exit_code: bool,
}

/// A format of the status for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Groups, one line per version
    Text,
    /// Sentences for people who do not use this tool
    Sentence,
    /// A table per group
    Markdown,
    /// A badge
    Svg,
}

impl ShowStatus {
    pub(crate) async fn run(self, context: &Context) -> Result {
        self.check(context)?;
        let mut source = Source::open(context).await.map_err(|failure| self.unavailable(failure))?;
        let shown = if self.watch {
            watch::watch(&self, &mut source, context).await
        } else {
            self.show(&mut source, context).await
        };
        source.close().await?;
        shown
    }

    /// Fails if the options do not fit each other.
    fn check(&self, context: &Context) -> Result {
        if context.output.is_json() && self.format != Format::Text {
            return Err(Failure::usage("--json cannot be combined with --format").next("omit one of them"));
        }
        if self.format == Format::Svg && self.skus.len() != 1 {
            return Err(
                Failure::usage("--format svg needs exactly one SKU").next("eqp status acme/checkout --format svg")
            );
        }
        if self.watch && !matches!(self.format, Format::Text) {
            return Err(Failure::usage("--watch cannot be combined with --format").next("omit one of them"));
        }
        Ok(())
    }

    async fn show(&self, source: &mut Source, context: &Context) -> Result {
        let status = source.read(&self.skus, context).await.map_err(|failure| self.unavailable(failure))?;
        let output = context.output;
        match self.format {
            _ if output.is_json() => output.json(&status)?,
            Format::Text => output.line(self.layout(context).text(&status))?,
            Format::Markdown => output.line(markdown::markdown(&status))?,
            Format::Sentence => output.line(sentences(&status, self.skus.len() == 1))?,
            Format::Svg => output.line(badge::svg(&status))?,
        }
        if self.exit_code { code(&status) } else { Ok(()) }
    }

    fn layout(&self, context: &Context) -> Layout {
        Layout { width: context.output.width(), marks: Marks::of_locale(), is_selection: !self.skus.is_empty() }
    }

    /// Returns the failure for a source that could not be queried.
    fn unavailable(&self, failure: Failure) -> Failure {
        let is_answer = matches!(failure.exit(), Exit::Usage | Exit::NotFound);
        if self.exit_code && !is_answer { failure.with_exit(Exit::Unreachable) } else { failure }
    }
}

/// Returns the exit code of a status as a failure that was printed already.
fn code(status: &Status) -> Result {
    let exit = if status.has_rejections() {
        Exit::Rejected
    } else if status.is_out_of_step() {
        Exit::OutOfStep
    } else {
        return Ok(());
    };
    Err(Failure::new(exit, "a product needs attention").already_reported())
}

/// Returns the sentences about each product, which begin with its name unless only one was selected.
fn sentences(status: &Status, is_only: bool) -> String {
    let of = |product: &ProductStatus| {
        let label = if is_only { String::new() } else { format!("{} ", escaped(&status.label_of(product))) };
        status
            .sentences_about(product)
            .into_iter()
            .map(move |sentence| format!("{label}{}", escaped(&sentence)))
            .collect::<Vec<_>>()
    };
    status.products().flat_map(of).collect::<Vec<_>>().join("\n")
}
