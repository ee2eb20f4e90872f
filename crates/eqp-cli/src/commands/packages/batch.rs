//! Packages of a manifest on their way to the Marketplace, and what became of each.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use eqp_client::Client;
use eqp_types::{BatchItem, Environment, FileUploadId, Package};
use serde_json::{Value, json};

use super::status_line;
use crate::commands::moment::span;
use crate::compose::upload::upload;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::manifest::{Manifest, ManifestPackage};
use crate::output::{Table, or_dash, visible};

/// Which manifest, and whether it is only looked at.
#[derive(Args, Debug)]
pub(super) struct FromManifest {
    /// Manifest: TOML or JSON, of one package or many; - for standard input
    #[arg(value_name = "FILE")]
    manifest: PathBuf,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// How long to wait for malware scans, which have to end before a package is submitted
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = span)]
    pub(super) timeout: Duration,
}

impl FromManifest {
    /// Reads the manifest and looks whether its files are there.
    pub(super) fn read(&self) -> Outcome<Manifest> {
        let manifest = Manifest::read(&self.manifest)?;
        let missing: Vec<_> = manifest.files().into_iter().filter(|path| !path.exists()).collect();
        if missing.is_empty() {
            return Ok(manifest);
        }
        let named = |path: &PathBuf| format!("there is no file {}", path.display());
        Err(missing
            .iter()
            .map(named)
            .fold(Failure::usage(format!("{} names files that are not there", self.manifest.display())), Failure::why)
            .next("paths start from the folder of the manifest"))
    }
}

/// Shows what would be done: the requests as JSON, a line for each for people.
pub(super) fn show_plan(context: &Context, environment: Environment, verb: &str, manifest: &Manifest) -> Outcome {
    let files = manifest.files();
    let nothing = HashMap::new();
    let requests: Vec<Value> =
        manifest.packages.iter().map(|package| package.request(&nothing)).collect::<Outcome<_>>()?;
    if context.output.is_json() {
        return context.output.json(&json!({
            "environment": environment, (format!("would_{verb}")): requests, "would_upload": files,
        }));
    }
    for path in &files {
        context.output.line(format_args!("would upload {}", visible(&path.to_string_lossy())))?;
    }
    for package in &manifest.packages {
        context.output.line(format_args!(
            "would {verb} {} in {environment}{}",
            visible(&package.label()),
            visible(&asked(package))
        ))?;
    }
    Ok(())
}

fn asked(package: &ManifestPackage) -> String {
    let Some(action) = &package.action else { return " as a draft".to_owned() };
    let flows = [("overall", &action.overall), ("technical", &action.technical), ("marketing", &action.marketing)];
    let asked: Vec<_> =
        flows.iter().filter_map(|(flow, action)| Some(format!("{flow} {}", action.as_ref()?))).collect();
    if asked.is_empty() { " as a draft".to_owned() } else { format!(": {}", asked.join(", ")) }
}

/// Uploads the files of the manifest and puts their ids into its packages.
pub(super) async fn with_files(context: &Context, client: &Client, manifest: &Manifest) -> Outcome<Vec<Package>> {
    let files = manifest.files();
    let mut ids: HashMap<PathBuf, FileUploadId> = HashMap::new();
    if !files.is_empty() {
        for (path, file) in files.iter().zip(upload(client, &files, context.output).await?) {
            context.output.note(format_args!(
                "uploaded {} as {}",
                visible(&path.to_string_lossy()),
                file.file_upload_id
            ));
            ids.insert(path.clone(), file.file_upload_id);
        }
    }
    manifest.packages.iter().map(|package| package.package(&ids)).collect()
}

/// The submission that a package of a manifest means.
pub(super) async fn find(client: &Client, package: &ManifestPackage) -> Outcome<Package> {
    let packages = client.packages();
    let found = match (&package.submission_id, &package.item_id, &package.sku, &package.version) {
        (Some(id), _, _, _) => Some(packages.get(id).await?),
        (None, Some(item), _, _) => packages.by_item(item).await?,
        (None, None, Some(sku), Some(version)) => packages.by_sku(sku, Some(version)).await?.into_iter().next(),
        _ => {
            return Err(Failure::usage(format!("the manifest does not say which submission `{}` is", package.label()))
                .next("give it a submission_id, an item_id, or sku and version"));
        }
    };
    found.ok_or_else(|| {
        Failure::new(
            Exit::NotFound,
            format!("there is no submission of {} in {}", package.label(), client.environment()),
        )
        .next("eqp packages create makes one")
    })
}

/// Shows what became of each package, in the order of the manifest: a refused item has no name of its own.
pub(super) fn report(
    context: &Context,
    environment: Environment,
    done: &str,
    labels: &[String],
    items: &[BatchItem],
) -> Outcome {
    if context.output.is_json() {
        context.output.json(&json!({"environment": environment, "packages": items}))?;
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
    let why = |(label, item): &(&String, &BatchItem)| {
        let code = item.code.map(|code| format!(" (code {code})")).unwrap_or_default();
        format!("{label}: {}{code}", item.message.as_deref().unwrap_or("no reason given"))
    };
    Err(refused
        .iter()
        .map(why)
        .fold(Failure::new(Exit::Rejected, what), Failure::why)
        .next("correct what is named and send these alone: the others are done"))
}

/// The labels of packages.
pub(super) fn labels(manifest: &Manifest) -> Vec<String> {
    manifest.packages.iter().map(ManifestPackage::label).collect()
}
