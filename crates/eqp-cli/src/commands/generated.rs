//! `eqp completions` and `eqp man`: generate shell completions and manual pages from the definition of the command
//! line.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use serde::Serialize;

use crate::completion;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};

/// Print shell completions, including IDs, SKUs and names
///
/// In bash, fish and zsh, the completions call eqp for the IDs of submissions, files, events, deliveries and alerts, for SKUs, and for
/// the names of profiles, endpoints, subscriptions and tokens. They come from the configuration, and from the server or the database if
/// it responds within 0.3 seconds. An embedded Postgres is not started for them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp completions bash > ~/.local/share/bash-completion/completions/eqp
  eqp completions zsh > ~/.zfunc/_eqp
  eqp completions fish > ~/.config/fish/completions/eqp.fish")]
pub(crate) struct Completions {
    /// Shell to print completions for
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, context: &Context, definition: clap::Command) -> Result {
        let mut script = Vec::new();
        let mut definition = with_words(definition);
        if !context.loaded.profiles.is_empty() {
            // clap requires `'static` names. Leaking them is harmless, because the program ends here.
            let profiles = context.loaded.profiles.iter().map(|name| &*name.clone().leak());
            let profiles = PossibleValuesParser::new(profiles);
            definition = definition.mut_arg("profile", |profile| profile.value_parser(profiles));
        }
        clap_complete::generate(self.shell, &mut definition, "eqp", &mut script);
        context.output.bytes(completion::with_values(self.shell, &String::from_utf8_lossy(&script)).as_bytes())
    }
}

/// Adds the documented values of flags to the completions. These flags also accept other values, which a newer
/// Marketplace may use.
fn with_words(command: clap::Command) -> clap::Command {
    let offered: [(&str, &[&'static str]); 2] = [
        ("flow", &["overall", "technical", "marketing", "malware"]),
        ("kind", &["submission", "file", "unknown", "undecodable"]),
    ];
    let with_words = |flag: clap::Arg| {
        let words = offered.iter().find(|(id, _)| flag.get_id() == id && flag.get_long() == Some(id));
        match words.filter(|_| flag.get_possible_values().is_empty()) {
            Some((_, words)) => flag.value_parser(PossibleValuesParser::new(words.iter().copied())),
            None => flag,
        }
    };
    command.mut_args(with_words).mut_subcommands(self::with_words)
}

/// Write manual pages, one for each command
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp man ~/.local/share/man/man1 && man eqp-packages-list")]
pub(crate) struct Man {
    /// Folder to write to, which is created if necessary
    folder: PathBuf,
}

/// The manual pages as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ManualPages<'a> {
    /// The folder that they were written to.
    folder: &'a Path,
}

impl Man {
    pub(crate) fn run(self, context: &Context, definition: clap::Command) -> Result {
        let folder = &self.folder;
        let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(definition, folder));
        written.map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot write manual pages to {}", folder.display())).because(&error)
        })?;
        if context.output.is_json() {
            return context.output.json(&ManualPages { folder });
        }
        context.output.line(format_args!("the manual pages are in {}", folder.display()))
    }
}
