//! `eqp packages explain`: explains why the store rejected a version.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use eqp_check::Check;
use eqp_check::internal::read_lines;
use eqp_client::Client;
use eqp_release::build::Build;
use eqp_release::explain::{Explanation, FoundBefore, FoundPlace, ReasonGroup, explain};
use eqp_release::{CheckedArchive, run_check};
use eqp_sync::tool_in_words;
use eqp_types::{Environment, MarketingStatus, Package, Sku, SubmissionId, TechnicalStatus};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::programs::ProgramOptions;
use super::review_time::RejectedAfter;
use super::show::find;
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};
use crate::shutdown;

/// The largest archive that is read, in bytes.
const MAX_ARCHIVE_BYTES: u64 = 64 * 1024 * 1024;

/// Explain why the store rejected a version, with places, causes and remedies
///
/// Findings that repeat for several PHP or Commerce versions are shown once. docs/rejections.md lists the known reasons.
///
/// With --archive or --tag, the lines of source code are shown, and the archive is checked, to tell whether the check finds
/// each reason before a submission.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages explain acme/checkout                # the newest rejected version
  eqp packages explain s5w9k703ru --archive checkout-1.5.0.zip
  eqp packages explain acme/checkout --version 1.5.0 --tag v1.5.0
  eqp packages explain acme/checkout --json | jq '.groups[].places[]'")]
pub(crate) struct Explain {
    /// SKU, submission ID, or your own item ID
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// Version of the SKU [default: the newest rejected one]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Archive of the rejected version
    #[arg(long, value_name = "FILE", conflicts_with = "tag")]
    archive: Option<PathBuf>,
    /// Build the archive from this git tag of the current folder
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    #[command(flatten)]
    programs: ProgramOptions,
}

/// The explanation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ExplainReport {
    /// The environment.
    environment: Environment,
    /// The file or tag that the source code comes from.
    archive: Option<String>,
    /// The time that the review took. Null without the events of a receiver.
    rejected_after: Option<RejectedAfter>,
    #[serde(flatten)]
    explanation: Explanation,
}

/// The archive of the rejected version.
struct Source {
    /// The file or tag.
    label: String,
    name: String,
    bytes: Arc<[u8]>,
}

impl Explain {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let stop = shutdown::requested();
        let source = self.source(&stop).await?;
        let client = client(&context.settings.marketplace)?;
        let package = self.find(&client).await?;
        let Some(id) = package.submission_id.clone() else {
            return Err(Failure::new(Exit::Failed, "the Marketplace has returned a package without a submission ID"));
        };
        let mut explanation = explain(&client, &package, &id).await?;
        if let Some(source) = &source {
            let tools = self.programs.tools(context, false, &stop).await?;
            let archive =
                CheckedArchive::Built { name: source.name.clone(), sku: None, bytes: Arc::clone(&source.bytes) };
            let report = run_check(Check::new().tools(tools), archive, &stop).await?;
            let packed = report.package.version.as_deref();
            if let (Some(packed), Some(version)) = (packed, &explanation.version)
                && packed != version
            {
                let (packed, version) = (escaped(packed), escaped(version));
                context.output.note(format_args!("the archive is of version {packed}, and not {version}"));
            }
            explanation.compare(&report);
            explanation.add_code(&read_lines(Arc::clone(&source.bytes), &explanation.places()));
        }
        let archive = source.map(|source| source.label);
        let rejected_after = RejectedAfter::read(context, &id).await;
        let report = ExplainReport { environment: client.environment(), archive, rejected_after, explanation };
        if context.output.is_json() { context.output.json(&report) } else { show(&report, context.output) }
    }

    /// Reads or builds the archive.
    async fn source(&self, stop: &CancellationToken) -> Result<Option<Source>> {
        if let Some(tag) = &self.tag {
            let built = Build::from_tag(".", tag).run(stop).await?;
            let name = built.file_name();
            return Ok(Some(Source { label: format!("tag {tag}"), name, bytes: built.bytes }));
        }
        let Some(path) = &self.archive else { return Ok(None) };
        let unreadable = |error: &std::io::Error| {
            Failure::usage(format!("cannot read {}", escaped(&path.to_string_lossy())))
                .because(error)
                .next("pass the archive of the rejected version")
        };
        let found = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
        if !found.is_file() || found.len() > MAX_ARCHIVE_BYTES {
            return Err(unreadable(&std::io::Error::other("it is not a file of at most 64 MiB")));
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let label = path.to_string_lossy().into_owned();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Some(Source { label, name, bytes: bytes.into() }))
    }

    /// Finds the version: of a SKU the newest rejected one, if none is named.
    async fn find(&self, client: &Client) -> Result<Package> {
        if !self.package.contains('/') {
            let id = SubmissionId::new(self.package.as_str())
                .map_err(|error| Failure::usage("this is not an ID").because(&error))?;
            return find(client, &id).await;
        }
        let sku =
            Sku::new(self.package.as_str()).map_err(|error| Failure::usage("this is not a SKU").because(&error))?;
        let mut versions = match client.packages().by_sku(&sku, None).await {
            Err(error) if error.is_not_found() => Vec::new(),
            found => found?,
        };
        versions.sort_by_key(|package| std::cmp::Reverse(package.modified_at));
        let sku = escaped(sku.as_str());
        if versions.is_empty() {
            return Err(Failure::new(Exit::NotFound, format!("there is no {sku} in {}", client.environment()))
                .next("check the SKU and --environment; eqp products list shows the products"));
        }
        let is_wanted = |package: &Package| match &self.version {
            Some(version) => package.version.as_ref() == Some(version),
            None => !rejected_by(package).is_empty(),
        };
        versions.into_iter().find(is_wanted).ok_or_else(|| {
            let environment = client.environment();
            let what = match &self.version {
                Some(version) => format!("{sku} has no version {} in {environment}", escaped(version)),
                None => format!("no version of {sku} was rejected in {environment}"),
            };
            Failure::new(Exit::NotFound, what).next(format!("list its versions: eqp packages list --sku {sku}"))
        })
    }
}

/// Returns the reviews that rejected a version.
fn rejected_by(package: &Package) -> Vec<&'static str> {
    let Some(status) = &package.eqp_status else { return Vec::new() };
    let technical = matches!(status.technical, Some(TechnicalStatus::Rejected));
    let marketing = matches!(status.marketing, Some(MarketingStatus::Rejected));
    [(technical, "technical"), (marketing, "marketing")]
        .into_iter()
        .filter_map(|(is_rejected, review)| is_rejected.then_some(review))
        .collect()
}

fn show(report: &ExplainReport, output: Output) -> Result {
    let ExplainReport { archive, rejected_after, explanation, .. } = report;
    let Explanation { sku, version, groups, passed, unreadable, date, .. } = explanation;
    let label = [sku.as_deref(), version.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let package = Package { eqp_status: explanation.status.clone(), ..Package::default() };
    let result = match rejected_by(&package)[..] {
        [] if groups.is_empty() => "no test has failed".to_owned(),
        [] => "not rejected, but a test did not pass".to_owned(),
        [review] => format!("rejected by {review} review"),
        _ => "rejected by technical and marketing review".to_owned(),
    };
    output.line(format_args!("{}: {result}", escaped(&label)))?;
    if let Some(date) = date {
        let after = rejected_after.as_ref().map(|after| format!(", {}", after.sentence()));
        output.line(format_args!("  {date} UTC{}", after.unwrap_or_default()))?;
    }
    if let Some(archive) = archive {
        output.line(format_args!("  source code from {}", escaped(archive)))?;
    }
    for (number, group) in groups.iter().enumerate() {
        output.line("")?;
        show_group(number + 1, group, output)?;
    }
    for report in unreadable {
        output.note(format_args!(
            "the report of {} cannot be read: {}",
            escaped(&report.tool),
            escaped(&report.reason)
        ));
    }
    if !passed.is_empty() {
        let passed: Vec<_> = passed.iter().map(|tool| tool_in_words(tool).to_lowercase()).collect();
        output.line(format_args!("\npassed: {}", escaped(&passed.join(", "))))?;
    }
    if !groups.is_empty() {
        output.note("\nnext: fix these, then eqp release");
    }
    Ok(())
}

fn show_group(number: usize, group: &ReasonGroup, output: Output) -> Result {
    let environments = if group.environments.is_empty() {
        String::new()
    } else {
        format!(" on {}", escaped(&group.environments.join(", ")))
    };
    let tool = tool_in_words(&group.tool).to_lowercase();
    output.line(format_args!("  {number}  {}, blocks{environments}", escaped(&tool)))?;
    let mut explained: Vec<&str> = Vec::new();
    for place in &group.places {
        show_place(place, output)?;
        if let Some(reason) = place.reason.filter(|reason| !explained.contains(&reason.id)) {
            explained.push(reason.id);
            output.line(format_args!("       cause: {}", reason.cause))?;
            output.line(format_args!("       remedy: {}", reason.remedy))?;
        }
    }
    if group.more > 0 {
        output.line(format_args!("     and {} more", group.more))?;
    }
    for location in &group.found_in_archive {
        output.line(format_args!("       found in the archive: {}", escaped(location)))?;
    }
    if let Some(attachment) = &group.attachment {
        output.line(format_args!("     attachment of the reviewer: {}", escaped(attachment)))?;
    }
    output.line(format_args!("     found before submission? {}", answer(&group.found_before)))
}

fn show_place(place: &FoundPlace, output: Output) -> Result {
    let message = escaped(&place.message);
    let Some(file) = &place.file else { return output.line(format_args!("     {message}")) };
    let numbers = [place.line, place.column].into_iter().flatten().map(|number| number.to_string());
    let location = std::iter::once(file.clone()).chain(numbers).collect::<Vec<_>>().join(":");
    let source = place.source.as_deref().unwrap_or_default();
    output.line(format_args!("     {}   {}", escaped(&location), escaped(source)))?;
    output.line(format_args!("       {message}"))?;
    match (&place.code, place.line) {
        (Some(code), Some(line)) => output.line(format_args!("       {line} | {}", escaped(code))),
        _ => Ok(()),
    }
}

/// Answers whether the check finds a reason before a submission.
fn answer(found: &FoundBefore) -> String {
    match found {
        FoundBefore::Yes { rule } => format!("yes, by {rule}"),
        FoundBefore::Ignored { rule } => format!("yes, by {rule}, and ignored: the manifest suppresses it"),
        FoundBefore::No { rule } => format!("no, {rule} ran and does not find it"),
        FoundBefore::DidNotRun { rule, reason } => format!("no, {rule} did not run: {}", escaped(reason)),
        FoundBefore::NotCompared { rule } => format!("{rule} is for such reasons; compare with --archive FILE"),
        FoundBefore::OnlyStore => "cannot be known here: only the store can find it".to_owned(),
    }
}
