//! `eqp packages check`: checks an archive or a folder, and its manifest.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eqp_check::{Report, format};
use eqp_release::CheckedArchive;
use eqp_release::build::Build;

use super::build::{excludes, notes};
use super::check_options::CheckOptions;
use super::checked::show;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::shutdown;

/// Check an archive and its manifest against the store's rules
///
/// Applies every known rule of the store that can be checked locally; `eqp packages rules` lists them. If a blocking
/// rule could not run, the check is incomplete. phpcs (with the Magento2 standard) and svc (magento/magento-semver) run
/// with the store's settings if they are installed. The exit code is 5 if the store would reject the archive. With
/// --strict, it is also 5 if there are warnings, and 1 if the check is incomplete.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages check acme-badges-1.2.0.zip
  eqp packages check acme-badges-1.2.0.zip --manifest release.toml --strict
  eqp packages check acme-badges-1.2.0.zip --previous acme-badges-1.1.0.zip
  eqp packages check .                                     # the folder as it is
  eqp packages check acme-badges-1.2.0.zip --format sarif > check.sarif")]
pub(crate) struct Check {
    /// Archive to check, or a folder, which is packed in memory as by `eqp packages build --working-tree`
    #[arg(value_name = "FILE")]
    archive: PathBuf,
    #[command(flatten)]
    options: CheckOptions,
    /// Format of the report [default: table; github if GITHUB_ACTIONS is set]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Form>,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for GitLab and Jenkins
    Junit,
    /// GitHub Actions annotations
    Github,
}

/// The JSON of a report.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used; the report is written by eqp-check")]
pub(crate) struct CheckReport {
    #[schemars(flatten)]
    report: Report,
    /// Whether the result is `passed`.
    passed: bool,
    /// The result.
    result: eqp_check::CheckResult,
}

impl Check {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let form = self.form(context)?;
        let report = self.report(context.output).await?;
        let manifest = self.options.manifest_name();
        match form {
            Form::Table => show(context.output, &report)?,
            Form::Json => context.output.json(&format::json(&report))?,
            Form::Sarif => context.output.json(&format::sarif(&report, manifest.as_deref()))?,
            Form::Junit => context.output.bytes(format::junit(&report, self.options.strict).as_bytes())?,
            Form::Github => context.output.annotations(&format::github(&report, manifest.as_deref()))?,
        }
        self.options.conclude(&report)
    }

    fn form(&self, context: &Context) -> Result<Form> {
        match (context.output.is_json(), self.format) {
            (true, None | Some(Form::Json)) => Ok(Form::Json),
            (true, Some(_)) => {
                Err(Failure::usage("--json and --format cannot be used together").next("omit one of them"))
            }
            (false, Some(form)) => Ok(form),
            (false, None) if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") => {
                Ok(Form::Github)
            }
            (false, None) => Ok(Form::Table),
        }
    }

    async fn report(&self, output: Output) -> Result<Report> {
        let stop = shutdown::requested();
        if !self.archive.is_dir() {
            return self.options.run(CheckedArchive::File(self.archive.clone()), output, &stop).await;
        }
        let excludes =
            excludes(&self.options.build_options()?, &[], false, &self.archive, self.options.manifest_file())?;
        let built = Build::from_working_tree(&self.archive).excludes(excludes).for_check().run(&stop).await?;
        for note in notes(&built) {
            output.note(note);
        }
        self.options.run(built.checked(built.file_name()), output, &stop).await
    }
}
