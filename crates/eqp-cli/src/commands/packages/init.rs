//! `eqp packages init`: creates a release manifest for an archive.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_release::manifest::template;
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};

/// Write a release manifest for an archive, with a comment on each field
///
/// Fills in the fields that composer.json in the archive determines. Complete or remove the others.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages init acme-badges-1.2.0.zip                  # writes release.toml
  eqp packages init acme-badges-1.2.0.zip --output - > badges.toml
  eqp packages check acme-badges-1.2.0.zip --manifest release.toml")]
pub(crate) struct Init {
    /// Archive of the extension
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,
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
    /// Whether an existing file is overwritten.
    overwrites: bool,
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
}

/// The written manifest as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct WrittenManifest<'a> {
    /// The manifest.
    manifest: &'a Path,
    /// The SKU in it.
    sku: Option<&'a str>,
}

impl Plan for ManifestPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&ManifestDryRun {
                would_write: &self.path,
                overwrites: self.overwrites,
                sku: self.sku.as_deref(),
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
}

impl Change for ManifestCreation<'_> {
    type Plan = ManifestPlan;
    /// The SKU in the manifest.
    type Applied = Option<String>;

    async fn observe(&mut self) -> Result<ManifestPlan> {
        let Init { output: path, force, .. } = self.init;
        let metadata = eqp_check::read_metadata(&self.init.archive)?;
        let overwrites = path.exists();
        if overwrites && !force {
            return Err(exists_already(path));
        }
        let text = template(&metadata, &self.init.path_of_archive());
        Ok(ManifestPlan { path: path.clone(), text, sku: metadata.package.name, overwrites })
    }

    async fn apply(self, plan: ManifestPlan, _: Confirmation) -> Result<Option<String>> {
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
        Ok(plan.sku)
    }
}

impl Init {
    pub(crate) async fn run(self, context: &Context) -> Result {
        if self.output.as_os_str() == "-" {
            let metadata = eqp_check::read_metadata(&self.archive)?;
            return context.output.bytes(template(&metadata, &self.path_of_archive()).as_bytes());
        }
        let Some(sku) = change::run(context, ManifestCreation { init: &self }, self.dry_run).await? else {
            return Ok(());
        };
        let written = self.output.display();
        if context.output.is_json() {
            return context.output.json(&WrittenManifest { manifest: &self.output, sku: sku.as_deref() });
        }
        context.output.line(format_args!("{written}"))?;
        let archive = self.archive.display();
        context.output.note(format_args!("fill it in, then: eqp packages check {archive} --manifest {written}"));
        Ok(())
    }

    /// Returns the archive's path relative to the manifest's folder, from which paths in a manifest start.
    fn path_of_archive(&self) -> PathBuf {
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            None => self.archive.clone(),
            Some(folder) => match self.archive.strip_prefix(folder) {
                Ok(inside) => inside.to_owned(),
                Err(_) => std::path::absolute(&self.archive).unwrap_or_else(|_| self.archive.clone()),
            },
        }
    }
}

fn exists_already(path: &Path) -> Failure {
    Failure::usage(format!("{} already exists", path.display()))
        .next("choose another file with --output, or overwrite it with --force")
}
