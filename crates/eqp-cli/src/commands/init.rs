//! `eqp init`: writes a commented configuration file, and the schema that editors use to complete it.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_tls::check_regular;
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::config::profile::{IfExists, folder_of, lock, user_file, write_if};
use crate::config::{editor_schema, template};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, can_ask, escaped, shell_word};

/// The mode of a new configuration file, which may contain a database password later.
const MODE: u32 = 0o600;
/// The mode of the schema.
const SCHEMA_MODE: u32 = 0o644;

/// Write a configuration file with every key, described and commented out
///
/// Also writes eqp.schema.json, with which editors complete and check the keys, to the same folder. Without --output,
/// the command writes the file given by --config or EQP_CONFIG, or otherwise eqp.toml in $XDG_CONFIG_HOME/eqp, which
/// every command reads.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp init
  eqp init --output /etc/eqp/eqp.toml       # for --config or EQP_CONFIG
  eqp init --output - | less")]
pub(crate) struct Init {
    /// File to write (- for standard output, without the schema) [default: the configuration file of this user]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite existing files, including the profiles in them
    #[arg(long)]
    force: bool,
    /// Show which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Files that are to be written.
struct InitPlan {
    file: PathBuf,
    schema: PathBuf,
    /// The configuration file exists and is overwritten.
    overwrites: bool,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct InitDryRun<'a> {
    /// The configuration file.
    would_write: &'a Path,
    /// The schema for editors.
    schema: &'a Path,
    /// Whether the configuration file exists.
    overwrites: bool,
}

/// The written files as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct WrittenConfiguration<'a> {
    /// The configuration file.
    file: &'a Path,
    /// The schema for editors.
    schema: &'a Path,
}

impl Plan for InitPlan {
    fn show(self, output: Output) -> Result {
        let Self { file, schema, overwrites } = &self;
        if output.is_json() {
            return output.json(&InitDryRun { would_write: file, schema, overwrites: *overwrites });
        }
        let verb = if *overwrites { "overwrite" } else { "write" };
        output.line(format_args!("would {verb} {}", escaped(&file.to_string_lossy())))?;
        output.line(format_args!("would write {}", escaped(&schema.to_string_lossy())))
    }

    /// The profiles in an existing file are lost, which `--force` has confirmed where nobody can be asked.
    fn question(&self) -> Question {
        if self.overwrites && can_ask() {
            Question::Irreversible(format!("Overwrite {} and the profiles in it", self.file.display()))
        } else {
            Question::Nothing
        }
    }
}

/// Writes the configuration file and its schema.
struct ConfigurationCreation {
    file: PathBuf,
    if_exists: IfExists,
    /// The texts of the two files.
    text: String,
    schema: String,
}

impl Change for ConfigurationCreation {
    type Plan = InitPlan;
    type Applied = InitPlan;

    async fn observe(&mut self) -> Result<InitPlan> {
        // A link stays a link: the file that it leads to is replaced.
        let file = self.file.canonicalize().unwrap_or_else(|_| self.file.clone());
        let folder = folder_of(&file).map_err(|error| cannot_write(&file, &error))?;
        let schema = folder.join(editor_schema::FILE_NAME);
        if file.file_name() == schema.file_name() {
            return Err(Failure::usage(format!("the configuration file cannot be named {}", editor_schema::FILE_NAME))
                .why("the schema for editors has this name")
                .next("choose another name with --output"));
        }
        for path in [&file, &schema] {
            let checked = check_regular(path)
                .and_then(|()| if path.is_dir() { Err(ErrorKind::IsADirectory.into()) } else { Ok(()) });
            match checked {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot_write(path, &error)),
                _ => {}
            }
        }
        let overwrites = file.exists();
        if self.if_exists == IfExists::Fail {
            if overwrites {
                return Err(exists_already(&file));
            }
            if std::fs::read_to_string(&schema).is_ok_and(|text| text != self.schema) {
                return Err(exists_already(&schema));
            }
        }
        Ok(InitPlan { file, schema, overwrites })
    }

    async fn apply(self, plan: InitPlan, _: Confirmation) -> Result<InitPlan> {
        // `eqp login` may be changing a file that is overwritten.
        let _lock = if plan.overwrites { Some(lock(&plan.file)?) } else { None };
        let mode = std::fs::metadata(&plan.file).map_or(MODE, |found| found.permissions().mode() & 0o777);
        // Checked again, because another program may have created the file since the plan was made.
        write_if(&plan.file, self.text.as_bytes(), mode, self.if_exists)
            .map_err(|error| cannot_write(&plan.file, &error))?;
        write_if(&plan.schema, self.schema.as_bytes(), SCHEMA_MODE, IfExists::Replace)
            .map_err(|error| cannot_write(&plan.schema, &error))?;
        Ok(plan)
    }
}

impl Init {
    pub(crate) async fn run(self, context: &Context, definition: clap::Command) -> Result {
        let text = template::render(&definition);
        let named = self.output.clone().or_else(|| context.loaded.file.clone());
        let file = match named {
            Some(file) if file.as_os_str() == "-" => return context.output.bytes(text.as_bytes()),
            Some(file) => file,
            None => user_file()?,
        };
        let if_exists = if self.force { IfExists::Replace } else { IfExists::Fail };
        let schema = editor_schema::render(&definition);
        let creation = ConfigurationCreation { file, if_exists, text, schema };
        let Some(written) = change::run(context, creation, self.dry_run).await? else { return Ok(()) };
        let InitPlan { file, schema, .. } = &written;
        if context.output.is_json() {
            return context.output.json(&WrittenConfiguration { file, schema });
        }
        context.output.line(file.display())?;
        if !user_file().is_ok_and(|user| is_same(&user, file)) {
            let file = shell_word(&file.to_string_lossy());
            context.output.note(format_args!("commands read this file only with --config {file} or with EQP_CONFIG"));
        }
        Ok(())
    }
}

/// Returns whether both paths lead to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::AlreadyExists => exists_already(path),
        _ => Failure::new(Exit::Failed, format!("cannot write {}", path.display()))
            .because(error)
            .next("choose another file with --output"),
    }
}

fn exists_already(path: &Path) -> Failure {
    Failure::usage(format!("{} already exists", path.display()))
        .next("choose another file with --output, or overwrite it with --force")
        .next("print the text instead: eqp init --output -")
}
