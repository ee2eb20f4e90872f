//! `eqp packages create` and `update`: sends the packages of a manifest, and reports the result of each.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use eqp_client::Client;
use eqp_client::files::check_file;
use eqp_release::manifest::{Manifest, ManifestPackage};
use eqp_release::{find_submission, send_when_scanned};
use eqp_types::{BatchItem, Environment, FileUploadId, PackageUpdate};
use serde::Serialize;
use serde_json::Value;

use super::status_line;
use crate::arguments::timeout;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::client::client;
use crate::compose::client::upload;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, Table, counted, escaped, or_dash};
use crate::text::refusal;

/// The manifest to send, and how.
#[derive(Args, Debug)]
pub(super) struct FromManifest {
    /// Manifest of one or more packages, in TOML or JSON (- for standard input)
    #[arg(value_name = "FILE")]
    manifest: PathBuf,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Maximum time to wait for malware scans, which must end before a package can be submitted
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = timeout)]
    timeout: Duration,
}

impl FromManifest {
    /// Reads the manifest and checks that its packages differ and that its files can be uploaded.
    async fn read(&self) -> Result<Manifest> {
        let manifest = Manifest::read(&self.manifest)?;
        let missing: Vec<_> = manifest.files().into_iter().filter(|path| !path.exists()).collect();
        if missing.is_empty() {
            refuse_same_packages(&manifest)?;
            for path in manifest.files() {
                check_file(&path).await?;
            }
            return Ok(manifest);
        }
        let named = |path: &PathBuf| format!("there is no file {}", path.display());
        Err(missing
            .iter()
            .map(named)
            .fold(Failure::usage(format!("files named in {} do not exist", self.manifest.display())), Failure::why)
            .next("paths are relative to the folder of the manifest"))
    }
}

/// Refuses packages that would be the same submission: the Marketplace accepts the first one only.
fn refuse_same_packages(manifest: &Manifest) -> Result {
    for (at, package) in manifest.packages.iter().enumerate() {
        let earlier = &manifest.packages[..at];
        let (id, item) = (&package.submission_id, &package.changes.item_id);
        let same = if id.is_some() && earlier.iter().any(|other| other.submission_id == *id) {
            id.as_ref().map(|id| format!("submission_id `{id}`"))
        } else if item.is_some() && earlier.iter().any(|other| other.changes.item_id == *item) {
            item.as_ref().map(|item| format!("item_id `{item}`"))
        } else {
            None
        };
        if let Some(same) = same {
            return Err(Failure::usage(format!("two packages of the manifest have the {same}"))
                .next("give each package its own, or remove one of them"));
        }
    }
    Ok(())
}

/// How packages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendVerb {
    Create,
    Update,
}

impl SendVerb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

/// The packages of a manifest to create or update.
pub(super) struct SendPlan {
    environment: Environment,
    verb: SendVerb,
    manifest: Manifest,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SendDryRun<'a> {
    /// The environment.
    environment: Environment,
    #[serde(flatten)]
    requests: PlannedPackages,
    /// The files that would be uploaded before.
    would_upload: &'a [PathBuf],
}

/// The requests that would be sent, in the form of the API. A file that is not uploaded yet has a path instead of an ID.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum PlannedPackages {
    #[serde(rename = "would_create")]
    Create(Vec<Value>),
    #[serde(rename = "would_update")]
    Update(Vec<Value>),
}

impl Plan for SendPlan {
    /// Prints the requests as JSON, or one line for each request.
    fn show(self, output: Output) -> Result {
        let Self { environment, verb, manifest } = &self;
        let files = manifest.files();
        let no_ids = HashMap::new();
        let requests: Vec<Value> =
            manifest.packages.iter().map(|package| package.request(&no_ids)).collect::<Result<_, _>>()?;
        if output.is_json() {
            let requests = match verb {
                SendVerb::Create => PlannedPackages::Create(requests),
                SendVerb::Update => PlannedPackages::Update(requests),
            };
            return output.json(&SendDryRun { environment: *environment, requests, would_upload: &files });
        }
        for path in &files {
            output.line(format_args!("would upload {}", escaped(&path.to_string_lossy())))?;
        }
        for package in &manifest.packages {
            let (label, action) = (package.label(), requested_action(package));
            let verb = verb.as_str();
            output.line(format_args!("would {verb} {} in {environment}{}", escaped(&label), escaped(&action)))?;
        }
        Ok(())
    }

    fn question(&self) -> Question {
        let packages = counted(self.manifest.packages.len(), "package");
        Question::Write(
            self.environment,
            match self.verb {
                SendVerb::Create => format!("Create {packages}"),
                SendVerb::Update => format!("Update {packages}"),
            },
        )
    }
}

fn requested_action(package: &ManifestPackage) -> String {
    let Some(action) = &package.changes.action else { return " as a draft".to_owned() };
    let flows = [
        ("overall", action.overall.as_ref().map(ToString::to_string)),
        ("technical", action.technical.as_ref().map(ToString::to_string)),
        ("marketing", action.marketing.as_ref().map(ToString::to_string)),
    ];
    let asked: Vec<_> =
        flows.iter().filter_map(|(flow, action)| Some(format!("{flow} {}", action.as_ref()?))).collect();
    if asked.is_empty() { " as a draft".to_owned() } else { format!(": {}", asked.join(", ")) }
}

/// Uploads the files of the manifest, and replaces their paths in its packages by the IDs.
async fn with_files(output: Output, client: &Client, manifest: &Manifest) -> Result<Vec<PackageUpdate>> {
    let files = manifest.files();
    let mut ids: HashMap<PathBuf, FileUploadId> = HashMap::new();
    if !files.is_empty() {
        for (path, file) in files.iter().zip(upload(client, &files, output).await?) {
            output.note(format_args!("uploaded {} as {}", escaped(&path.to_string_lossy()), file.file_upload_id));
            ids.insert(path.clone(), file.file_upload_id);
        }
    }
    Ok(manifest.packages.iter().map(|package| package.package(&ids)).collect::<Result<_, _>>()?)
}

/// Sends packages, and resends those that were rejected because of a running malware scan.
async fn send(
    output: Output,
    client: &Client,
    packages: &[PackageUpdate],
    timeout: Duration,
    send: impl AsyncFn(&[PackageUpdate]) -> Result<Vec<BatchItem>, eqp_client::Error>,
) -> Result<Vec<BatchItem>> {
    let note = "a malware scan is still running; packages that need its result are sent again after it";
    Ok(send_when_scanned(client, packages, timeout, send, || output.note(note)).await?)
}

/// The results of a batch, each with the label of its package.
pub(super) struct SendReport {
    pub(super) labels: Vec<String>,
    pub(super) items: Vec<BatchItem>,
}

/// The results of a batch as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SentPackages<'a> {
    /// The environment.
    environment: Environment,
    /// The Marketplace's result for each package, in the order of the manifest.
    packages: &'a [BatchItem],
}

/// Prints the result of each package. Results are matched to packages by position, because a rejected item has no ID.
pub(super) fn report(
    context: &Context,
    environment: Environment,
    done: &str,
    labels: &[String],
    items: &[BatchItem],
) -> Result {
    if context.output.is_json() {
        context.output.json(&SentPackages { environment, packages: items })?;
    } else {
        let mut table = Table::new(&["environment", "package", "submission", "code", "message", "tracks"]);
        for (label, item) in labels.iter().zip(items) {
            table.row([
                environment.to_string(),
                label.clone(),
                or_dash(item.submission_id.as_ref()),
                or_dash(item.code),
                or_dash(item.message.as_ref()),
                or_dash(item.eqp_status.as_ref().map(status_line)),
            ]);
        }
        context.output.line(table)?;
    }
    let refused: Vec<_> = labels.iter().zip(items).filter(|(_, item)| !item.is_success()).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let what = format!("{} of {} packages were not {done}", refused.len(), items.len());
    let why =
        |(label, item): &(&String, &BatchItem)| format!("{label}: {}", refusal(item.message.as_deref(), item.code));
    Err(refused
        .iter()
        .map(why)
        .fold(Failure::new(Exit::Rejected, what), Failure::why)
        .next("correct these packages and send only them again; the others were accepted"))
}

/// Returns the labels of the packages.
fn labels(manifest: &Manifest) -> Vec<String> {
    manifest.packages.iter().map(ManifestPackage::label).collect()
}

/// Create packages from a manifest, and upload their files
///
/// The manifest has one table [package], or several tables [[package]], with the field names of the API. A JSON file
/// can also be a request body of the API: an object or a list. A file to upload is given by its path, relative to the
/// manifest; a file that is already uploaded, by its file_upload_id. All packages are sent in one request, and each is
/// accepted or rejected individually. The exit code is 5 if a package was rejected. A package that is submitted during
/// the malware scan of its files is sent again after the scan.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages create release.toml --dry-run
  eqp packages create release.toml
  jq '.action = {technical: \"submit\", marketing: \"submit\"}' package.json \\
      | eqp packages create -")]
pub(crate) struct Create {
    #[command(flatten)]
    from: FromManifest,
}

/// Creates the packages of a manifest.
struct ManifestCreation<'a> {
    context: &'a Context,
    from: &'a FromManifest,
}

impl Change for ManifestCreation<'_> {
    type Plan = SendPlan;
    type Applied = SendReport;

    async fn observe(&mut self) -> Result<SendPlan> {
        let options = &self.context.settings.marketplace;
        let manifest = self.from.read().await?;
        if !self.from.dry_run {
            // Fail before the question if there is no access key.
            client(options)?;
        }
        Ok(SendPlan { environment: options.environment(), verb: SendVerb::Create, manifest })
    }

    async fn apply(self, plan: SendPlan, _: Confirmation) -> Result<SendReport> {
        let (client, output) = (client(&self.context.settings.marketplace)?, self.context.output);
        let packages = with_files(output, &client, &plan.manifest).await?;
        let create = async |packages: &[PackageUpdate]| {
            let drafts: Vec<_> = packages.iter().map(|package| package.changes.clone()).collect();
            client.packages().create(&drafts).await
        };
        let items = send(output, &client, &packages, self.from.timeout, create).await?;
        Ok(SendReport { labels: labels(&plan.manifest), items })
    }
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let creation = ManifestCreation { context, from: &self.from };
        let Some(sent) = change::run(context, creation, self.from.dry_run).await? else { return Ok(()) };
        report(context, context.settings.marketplace.environment(), "created", &sent.labels, &sent.items)
    }
}

/// Update packages from a manifest; fields that are not in it stay unchanged
///
/// The submission is found by submission_id, otherwise by item_id, otherwise by sku and version. Which fields can be
/// changed depends on the status of the review; the Marketplace rejects or ignores the others. The exit code is 5 if a
/// package was rejected. A package that is submitted during the malware scan of its files is sent again after the scan.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages update release.toml --dry-run
  eqp packages update release.toml --yes
  eqp packages show s5w9k703ru --json \\
      | jq '.package | .release_notes = \"Fixes\"' \\
      | eqp packages update -")]
pub(crate) struct Update {
    #[command(flatten)]
    from: FromManifest,
}

/// Updates the packages of a manifest.
struct ManifestUpdate<'a> {
    client: Client,
    from: &'a FromManifest,
    manifest: Manifest,
    output: Output,
}

impl Change for ManifestUpdate<'_> {
    type Plan = SendPlan;
    type Applied = SendReport;

    /// Finds the submission of each package.
    async fn observe(&mut self) -> Result<SendPlan> {
        let mut manifest = self.manifest.clone();
        for package in &mut manifest.packages {
            if package.submission_id.is_none() {
                package.submission_id = find_submission(&self.client, package).await?.submission_id;
            }
        }
        Ok(SendPlan { environment: self.client.environment(), verb: SendVerb::Update, manifest })
    }

    async fn apply(self, plan: SendPlan, _: Confirmation) -> Result<SendReport> {
        let packages = with_files(self.output, &self.client, &plan.manifest).await?;
        let update = async |packages: &[PackageUpdate]| self.client.packages().update(packages).await;
        let items = send(self.output, &self.client, &packages, self.from.timeout, update).await?;
        Ok(SendReport { labels: labels(&plan.manifest), items })
    }
}

impl Update {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let manifest = self.from.read().await?;
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let update = ManifestUpdate { client, from: &self.from, manifest, output: context.output };
        let Some(sent) = change::run(context, update, self.from.dry_run).await? else { return Ok(()) };
        report(context, environment, "updated", &sent.labels, &sent.items)
    }
}
