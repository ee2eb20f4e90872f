//! `eqp packages build`: builds the archive of a package from a git tag or a folder, and checks it.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use eqp_check::{Finding, Report, format};
use eqp_release::build::{self, BuiltArchive, BuiltFrom, BuiltVersion, Excludes, Exclusion, OutputState};
use eqp_release::manifest::BuildOptions;
use serde::Serialize;
use serde_json::Value;

use super::check_options::CheckOptions;
use super::checked::show;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, Table, counted, escaped};
use crate::shutdown;
use crate::text::shell_word;

/// The number of digits of a commit ID in messages.
const SHORT_ID: usize = 12;
/// The failure of an archive with secrets.
pub(crate) const NOT_WRITTEN: &str = "the archive contains secrets, and was not written";
/// The maximum number of names in a message.
const MAX_NAMES: usize = 5;

/// Build the archive of a package from a git tag or a folder, and check it
///
/// The same commit produces the same bytes on every machine: --tag reads only the commit, and ignores filters, hooks
/// and settings of the clone. Files with the attribute export-ignore and the default patterns (version control, CI,
/// tests, editors, installed packages) are not packed. If composer.json has no version, the version of the tag is
/// inserted.
///
/// The archive is checked as by `eqp packages check`, with the same exit codes: 5 if the store would reject it. It is
/// written even if a check fails, unless it contains a secret. The table [build] of the manifest has the same options.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("source").required(true).args(["tag", "working_tree"]))]
#[command(after_help = "\
Examples:
  eqp packages build --tag v1.5.0      # writes acme-badges-1.5.0.zip
  eqp packages build --tag v1.5.0 --out dist/badges.zip packages/badges
  eqp packages build --working-tree --dry-run      # only check the folder
  eqp packages build --tag v1.5.0 --exclude docs/ --manifest release.toml")]
pub(crate) struct Build {
    /// Folder of the package, in a git repository
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Build from the commit of this git tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Build from the files on disk, without those that git ignores
    #[arg(long)]
    working_tree: bool,
    /// Archive to write, or a folder for it, such as dist/ [default: the current folder, with name and version]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace an existing archive with different content
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    patterns: PatternOptions,
    /// Version to use if the tag and composer.json differ [default: fail]
    #[arg(long, value_enum, value_name = "SOURCE", conflicts_with = "working_tree")]
    version_from: Option<VersionFrom>,
    /// File that may contain a secret, such as a test key; can be repeated
    #[arg(long, value_name = "PATH")]
    allow_secret: Vec<String>,
    #[command(flatten)]
    check: CheckOptions,
    /// Build and check, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// The options for files that are not packed.
#[derive(Args, Debug)]
struct PatternOptions {
    /// Pattern of files not to pack, as in .gitignore but without `!` and `[`; can be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Also pack the files that the default patterns exclude, such as those of CI, tests and editors
    #[arg(long)]
    no_default_excludes: bool,
}

/// The place that the version is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VersionFrom {
    /// The tag; composer.json in the archive is changed
    Tag,
    /// composer.json
    Composer,
}

/// A built archive that is checked and may be written.
pub(crate) struct BuildPlan {
    built: BuiltArchive,
    path: PathBuf,
    state: OutputState,
    report: Report,
}

/// The written archive as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct BuildReport<'a> {
    /// The written archive.
    archive: &'a Path,
    #[serde(flatten)]
    facts: BuildFacts<'a>,
}

/// The archive of a dry run as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct BuildDryRun<'a> {
    /// The archive that would be written.
    would_write: &'a Path,
    #[serde(flatten)]
    facts: BuildFacts<'a>,
}

/// A built archive.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct BuildFacts<'a> {
    /// Whether the file is new, existed with the same bytes, or is replaced.
    state: OutputState,
    /// The size in bytes.
    bytes: usize,
    /// The SHA-256 checksum in hex.
    sha256: &'a str,
    /// The number of files in the archive.
    files: usize,
    /// The origin of the files.
    source: &'a BuiltFrom,
    /// The version of the package, if there is one.
    version: Option<&'a BuiltVersion>,
    /// The files that were not packed, by pattern.
    excluded: &'a [Exclusion],
    /// The symbolic links that were replaced by the files that they point to.
    replaced_links: &'a [String],
    /// The report of the check, as of `eqp packages check`.
    #[cfg_attr(feature = "schema", schemars(with = "super::check::CheckReport"))]
    check: Value,
}

impl From<VersionFrom> for build::VersionFrom {
    fn from(from: VersionFrom) -> Self {
        match from {
            VersionFrom::Tag => Self::Tag,
            VersionFrom::Composer => Self::Composer,
        }
    }
}

impl BuildPlan {
    fn facts(&self) -> BuildFacts<'_> {
        BuildFacts {
            state: self.state,
            bytes: self.built.bytes.len(),
            sha256: &self.built.sha256,
            files: self.built.files,
            source: &self.built.source,
            version: self.built.version.as_ref(),
            excluded: &self.built.excluded,
            replaced_links: &self.built.links,
            check: format::json(&self.report),
        }
    }

    /// Prints what was not packed, the report of the check, and the archive.
    fn print(&self, output: Output, verb: &str) -> Result {
        let built = &self.built;
        if !built.excluded.is_empty() {
            let mut table = Table::new(&["not packed", "files", "by", "such as"]);
            for Exclusion { pattern, origin, files, example, .. } in &built.excluded {
                table.row([pattern.clone(), files.to_string(), origin.to_string(), example.clone()]);
            }
            output.line(format_args!("{table}\n"))?;
        }
        show(output, &self.report)?;
        if let Some(version) = built.version.as_ref().filter(|version| version.from == build::VersionFrom::Tag) {
            let change = match &version.replaces {
                Some(replaced) => format!("replaces {}", escaped(replaced)),
                None => "was inserted".to_owned(),
            };
            output.line(format_args!("version {} of the tag {change} in composer.json", escaped(&version.version)))?;
        }
        let (path, files) = (self.path.to_string_lossy(), counted(built.files, "file"));
        let (path, source) = (escaped(&path), source(&built.source));
        let (bytes, sha256) = (built.bytes.len(), &built.sha256);
        output.line(format_args!("{verb} {path} from {source}: {files}, {bytes} bytes, SHA-256 {sha256}"))
    }
}

impl Plan for BuildPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&BuildDryRun { would_write: &self.path, facts: self.facts() });
        }
        let verb = match self.state {
            OutputState::New => "would write",
            OutputState::Same => "unchanged:",
            OutputState::Replaced => "would overwrite",
        };
        self.print(output, verb)
    }

    /// Needs no confirmation, because overwriting requires `--force`.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Builds, checks and writes an archive.
struct ArchiveCreation<'a> {
    build: &'a Build,
    context: &'a Context,
    /// The report of the check, for the exit code.
    report: &'a mut Option<Report>,
}

impl Change for ArchiveCreation<'_> {
    type Plan = BuildPlan;
    type Applied = BuildPlan;

    async fn observe(&mut self) -> Result<BuildPlan> {
        let Build { folder, tag, out, force, check, .. } = self.build;
        let stop = shutdown::requested();
        let source = match tag {
            Some(tag) => build::Build::from_tag(folder, tag),
            None => build::Build::from_working_tree(folder),
        };
        let source = match self.build.version_from {
            Some(from) => source.version_from(from.into()),
            None => source,
        };
        let options = check.build_options()?;
        let PatternOptions { exclude, no_default_excludes } = &self.build.patterns;
        let excludes = excludes(&options, exclude, *no_default_excludes, folder, check.manifest_file())?;
        let built = source.excludes(excludes).run(&stop).await?;
        let path = match out {
            Some(out) if out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/") => {
                out.join(built.file_name())
            }
            Some(out) => out.clone(),
            None => built.file_name().into(),
        };
        let state = built.output_state(&path, *force)?;
        for note in notes(&built) {
            self.context.output.note(note);
        }
        if let BuiltFrom::WorkingTree { changed_files: changed @ 1.., .. } = built.source {
            let files = counted(changed, "file");
            self.context
                .output
                .note(format_args!("the working tree differs from its commit: {files} changed or not committed"));
        }
        let name = path.file_name().map_or_else(|| built.file_name(), |name| name.to_string_lossy().into_owned());
        let report = check.run(built.checked(name), self.context, &stop).await?;
        let allowed = [&options.allow_secret[..], &self.build.allow_secret].concat();
        refuse_secrets(&report, &allowed, NOT_WRITTEN, "--exclude", "--allow-secret")?;
        *self.report = Some(report.clone());
        Ok(BuildPlan { built, path, state, report })
    }

    async fn apply(self, plan: BuildPlan, _: Confirmation) -> Result<BuildPlan> {
        let state = plan.built.write(&plan.path, self.build.force)?;
        Ok(BuildPlan { state, ..plan })
    }
}

impl Build {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let output = context.output;
        let mut report = None;
        let change = ArchiveCreation { build: &self, context, report: &mut report };
        if let Some(written) = change::run(context, change, self.dry_run).await? {
            if output.is_json() {
                output.json(&BuildReport { archive: &written.path, facts: written.facts() })?;
            } else {
                let verb = match written.state {
                    OutputState::New => "wrote",
                    OutputState::Same => "unchanged:",
                    OutputState::Replaced => "replaced",
                };
                written.print(output, verb)?;
            }
        }
        report.map_or(Ok(()), |report| self.check.conclude(&report))
    }
}

/// Returns the patterns of files that are not packed: those of a manifest, the manifest itself if it is in the folder, and others.
pub(crate) fn excludes(
    options: &BuildOptions,
    more: &[String],
    without_default: bool,
    folder: &Path,
    manifest: Option<&Path>,
) -> Result<Excludes> {
    let manifest = manifest.and_then(|manifest| {
        let path = manifest.canonicalize().ok()?.strip_prefix(folder.canonicalize().ok()?).ok()?.to_owned();
        // A name with special characters cannot be a pattern.
        Some(format!("/{}", path.to_str().filter(|path| !path.contains(['\\', '[', '*', '?']))?))
    });
    let patterns: Vec<&String> = options.exclude.iter().chain(more).chain(&manifest).collect();
    Ok(if without_default || options.no_default_excludes {
        Excludes::only(patterns)?
    } else {
        Excludes::default_and(patterns)?
    })
}

/// Fails if the archive contains secrets in files where they are not allowed. `what` is the failure; `exclude` and `allow` name the options
/// in the remedy.
pub(crate) fn refuse_secrets(report: &Report, allowed: &[String], what: &str, exclude: &str, allow: &str) -> Result {
    let secrets = report.secrets().map_err(|not_run| {
        Failure::new(Exit::Failed, "the archive was not searched for secrets completely")
            .why(format!("{} did not run: {}", not_run.rule.id, not_run.reason))
            .next("see the reason with eqp packages check, and fix it")
    })?;
    let is_allowed = |finding: &&Finding| allowed.iter().any(|path| finding.is_in_file(path));
    let refused: Vec<_> = secrets.into_iter().filter(|finding| !is_allowed(finding)).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let path = match &first.location {
        eqp_check::Location::File { name, .. } => escaped(name),
        _ => "PATH".to_owned(),
    };
    let failure = Failure::new(Exit::Rejected, what);
    Err(refused
        .iter()
        .fold(failure, |failure, found| {
            failure.why(format!("{}: {}", escaped(&found.location.to_string()), escaped(&found.message)))
        })
        .next("remove them from the files, and change them if anyone else has seen them")
        .next(format!("or do not pack the file: {exclude} {}", shell_word(&format!("/{path}"))))
        .next(format!("or allow it, if every buyer may see it: {allow} {}", shell_word(&path))))
}

/// Returns what a person should know about an archive that was built from a folder.
pub(crate) fn notes(built: &BuiltArchive) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    notes.extend(built.unmatched.iter().map(|pattern| format!("the pattern `{}` matches no file", escaped(pattern))));
    if built.source == BuiltFrom::Folder {
        notes.push(
            "the folder is not in a git repository: all its files are packed that no pattern excludes".to_owned(),
        );
    }
    if !built.links.is_empty() {
        let (named, more) = built.links.split_at(built.links.len().min(MAX_NAMES));
        let named: Vec<_> = named.iter().map(|link| escaped(link)).collect();
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let links = counted(built.links.len(), "symbolic link");
        notes.push(format!("{links} replaced by the content of the target: {}{more}", named.join(", ")));
    }
    notes
}

fn source(source: &BuiltFrom) -> String {
    let short = |commit: &str| commit.get(..SHORT_ID).unwrap_or(commit).to_owned();
    match source {
        BuiltFrom::Tag { tag, commit } => format!("tag {} (commit {})", escaped(tag), short(commit)),
        BuiltFrom::WorkingTree { commit: Some(commit), changed_files: 0 } => {
            format!("the working tree (commit {})", short(commit))
        }
        BuiltFrom::WorkingTree { .. } => "the working tree".to_owned(),
        BuiltFrom::Folder => "the folder".to_owned(),
    }
}
