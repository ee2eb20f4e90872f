//! `eqp packages check`: checks an archive or a folder, and its manifest.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eqp_check::{Report, format};
use eqp_release::CheckedArchive;
use eqp_release::build::Build;

use super::build::{excludes, notes, refuse_secrets};
use super::check_options::CheckOptions;
use super::checked::show;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::shutdown;

/// Check an archive and its manifest against the store's rules
///
/// Applies every known rule of the store that can be checked locally; `eqp packages rules` lists them. phpcs runs with
/// the store's settings if `eqp tools install` has installed it, or if it is on PATH with the Magento2 standard; so does
/// svc (magento/magento-semver). If a blocking rule did not run, the check is incomplete, which is not a pass.
///
/// The exit code is 5 if the store would reject the archive. With --strict, it is also 5 if there are warnings, and 1 if
/// the check is incomplete; --allow-not-run names rules that may be missing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages check acme-badges-1.2.0.zip
  eqp packages check acme-badges-1.2.0.zip --manifest release.toml --strict
  eqp packages check acme-badges-1.2.0.zip --previous acme-badges-1.1.0.zip
  eqp packages check .                                     # the folder as it is
  eqp packages check acme-badges-1.2.0.zip --format sarif > check.sarif
  eqp packages check . --format markdown >> \"$GITHUB_STEP_SUMMARY\"")]
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
    /// Markdown, for the summary of a job or a comment; at most 60,000 bytes
    Markdown,
    /// Code quality report of GitLab
    CodeQuality,
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
        let (report, secrets) = self.report(context).await?;
        let manifest = self.options.manifest_name();
        match form {
            Form::Table => show(context.output, &report)?,
            Form::Json => context.output.json(&format::json(&report))?,
            Form::Sarif => context.output.json(&format::sarif(&report, manifest.as_deref()))?,
            Form::Junit => context.output.bytes(format::junit(&report, self.options.strict).as_bytes())?,
            Form::Markdown => context.output.bytes(format::markdown(&report).as_bytes())?,
            Form::CodeQuality => context.output.json(&format::code_quality(&report, manifest.as_deref()))?,
            Form::Github => context.output.annotations(&format::github(&report, manifest.as_deref()))?,
        }
        secrets.and_then(|()| self.options.conclude(&report))
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

    /// Checks the archive or the folder. The second result is the failure of a folder with secrets, which `eqp packages build` would not
    /// pack.
    async fn report(&self, context: &Context) -> Result<(Report, Result)> {
        let stop = shutdown::requested();
        if !self.archive.is_dir() {
            return Ok((self.options.run(CheckedArchive::File(self.archive.clone()), context, &stop).await?, Ok(())));
        }
        let options = self.options.build_options()?;
        let excludes = excludes(&options, &[], false, &self.archive, self.options.manifest_file())?;
        let built = Build::from_working_tree(&self.archive).excludes(excludes).for_check().run(&stop).await?;
        for note in notes(&built) {
            context.output.note(note);
        }
        let report = self.options.run(built.checked(built.file_name()), context, &stop).await?;
        let (what, exclude) = ("the folder contains secrets", "in [build] of the manifest: exclude");
        let secrets = refuse_secrets(&report, &options.allow_secret, what, exclude, "allow_secret");
        Ok((report, secrets))
    }
}
