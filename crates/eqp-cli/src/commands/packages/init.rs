//! `eqp packages init`: creates a release manifest for an archive, or for the next version of a product in the store.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_release::manifest::{ManifestPackage, short_template, template};
use eqp_release::previous::LiveVersion;
use eqp_types::Sku;
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};

/// Write a release manifest for an archive, with a comment on each field
///
/// Fills in the fields that composer.json in the archive determines. Complete or remove the others. With --sku, the
/// manifest is short, because `eqp release --from-previous` takes the missing fields from the version in the store.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages init acme-badges-1.2.0.zip    # writes release.toml
  eqp packages init acme-badges-1.2.0.zip --output - > badges.toml
  eqp packages init --sku acme/badges        # the next version of a product
  eqp packages check acme-badges-1.2.0.zip --manifest release.toml")]
pub(crate) struct Init {
    /// Archive of the extension
    #[arg(value_name = "ARCHIVE", required_unless_present = "sku")]
    archive: Option<PathBuf>,
    /// SKU of a product in the store; writes a short manifest for its next version
    #[arg(long, value_name = "SKU")]
    sku: Option<Sku>,
    /// Manifest to write (- for standard output)
    #[arg(long, short, value_name = "FILE", default_value = "release.toml")]
    output: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
    /// Show which file would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// The manifest to write.
struct ManifestPlan {
    path: PathBuf,
    text: String,
    sku: Option<String>,
    /// The fields that are taken from the version in the store.
    inherited: Vec<&'static str>,
    /// Whether an existing file is overwritten.
    overwrites: bool,
}

/// The text of a manifest.
struct ManifestText {
    text: String,
    sku: Option<String>,
    inherited: Vec<&'static str>,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ManifestDryRun<'a> {
    /// The manifest that would be written.
    would_write: &'a Path,
    /// Whether it exists and would be overwritten.
    overwrites: bool,
    /// The SKU in the archive.
    sku: Option<&'a str>,
    /// With `--sku`: the fields that a release with `--from-previous` takes from the version in the store.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    inherited: &'a [&'static str],
}

/// The written manifest as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct WrittenManifest<'a> {
    /// The manifest.
    manifest: &'a Path,
    /// The SKU in it.
    sku: Option<&'a str>,
    /// With `--sku`: the fields that a release with `--from-previous` takes from the version in the store.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    inherited: &'a [&'static str],
}

impl Plan for ManifestPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&ManifestDryRun {
                would_write: &self.path,
                overwrites: self.overwrites,
                sku: self.sku.as_deref(),
                inherited: &self.inherited,
            });
        }
        let verb = if self.overwrites { "overwrite" } else { "write" };
        output.line(format_args!("would {verb} {}", escaped(&self.path.to_string_lossy())))
    }

    /// Needs no confirmation, because overwriting requires `--force`.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Writes a manifest.
struct ManifestCreation<'a> {
    init: &'a Init,
    context: &'a Context,
}

impl Change for ManifestCreation<'_> {
    type Plan = ManifestPlan;
    type Applied = ManifestPlan;

    async fn observe(&mut self) -> Result<ManifestPlan> {
        let Init { output: path, force, .. } = self.init;
        let ManifestText { text, sku, inherited } = self.init.text(self.context).await?;
        let overwrites = path.exists();
        if overwrites && !force {
            return Err(exists_already(path));
        }
        Ok(ManifestPlan { path: path.clone(), text, sku, inherited, overwrites })
    }

    async fn apply(self, plan: ManifestPlan, _: Confirmation) -> Result<ManifestPlan> {
        let mut options = OpenOptions::new();
        options.write(true);
        if self.init.force {
            options.create(true).truncate(true)
        } else {
            // Another program may have created the file since the plan was made.
            options.create_new(true)
        };
        let written = options.open(&plan.path).and_then(|mut file| file.write_all(plan.text.as_bytes()));
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists_already(&plan.path),
            _ => Failure::new(Exit::Failed, format!("cannot write {}", plan.path.display())).because(&error),
        })?;
        Ok(plan)
    }
}

impl Init {
    pub(crate) async fn run(self, context: &Context) -> Result {
        if self.output.as_os_str() == "-" {
            return context.output.bytes(self.text(context).await?.text.as_bytes());
        }
        let change = ManifestCreation { init: &self, context };
        let Some(plan) = change::run(context, change, self.dry_run).await? else {
            return Ok(());
        };
        let written = self.output.display();
        if context.output.is_json() {
            let (sku, inherited) = (plan.sku.as_deref(), &plan.inherited);
            return context.output.json(&WrittenManifest { manifest: &self.output, sku, inherited });
        }
        context.output.line(format_args!("{written}"))?;
        if self.sku.is_some() {
            context
                .output
                .note(format_args!("to release it: eqp release ARCHIVE --manifest {written} --from-previous"));
        } else if let Some(archive) = &self.archive {
            let archive = archive.display();
            context.output.note(format_args!("fill it in, then: eqp packages check {archive} --manifest {written}"));
        }
        Ok(())
    }

    /// Returns the text of the manifest.
    async fn text(&self, context: &Context) -> Result<ManifestText> {
        let archive = self.archive.as_deref().map(|archive| self.path_of(archive));
        let Some(sku) = &self.sku else {
            let (Some(archive), Some(path)) = (&self.archive, archive) else {
                unreachable!("the archive is required without a SKU")
            };
            let metadata = eqp_check::read_metadata(archive)?;
            let text = template(&metadata, &path);
            return Ok(ManifestText { text, sku: metadata.package.name, inherited: Vec::new() });
        };
        let client = client(&context.settings.marketplace)?;
        let live = LiveVersion::read(&client, sku, None).await?;
        let inherited = live.complete(&mut ManifestPackage::default());
        let version = live.version.as_deref();
        let shown = escaped(version.unwrap_or("(unknown)"));
        let fields = inherited.join(", ");
        context.output.note(format_args!("a release with --from-previous takes from version {shown}: {fields}"));
        let text = short_template(sku.as_str(), version, archive.as_deref());
        Ok(ManifestText { text, sku: Some(sku.to_string()), inherited })
    }

    /// Returns the archive's path relative to the manifest's folder, from which paths in a manifest start.
    fn path_of(&self, archive: &Path) -> PathBuf {
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            None => archive.to_owned(),
            Some(folder) => match archive.strip_prefix(folder) {
                Ok(inside) => inside.to_owned(),
                Err(_) => std::path::absolute(archive).unwrap_or_else(|_| archive.to_owned()),
            },
        }
    }
}

fn exists_already(path: &Path) -> Failure {
    Failure::usage(format!("{} already exists", path.display()))
        .next("choose another file with --output, or overwrite it with --force")
}
