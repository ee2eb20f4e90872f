//! The command line: global options and commands. Parsing, help and completions are derived from this definition.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::config::{
    AlertOptions, ComposerOptions, DataOptions, DatabaseOptions, DeliverOptions, FileOptions, IfMissing, Layer,
    MailOptions, MarketplaceOptions, ReceiverOptions, ServerOptions,
};
use crate::context::Context;
use crate::failure::{EXIT_CODES, Result};
use crate::logging;
use crate::output::{OutputOptions, escaped};

const EXAMPLES: &str = "\
Examples:
  eqp serve                              # receive callbacks
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main
  eqp wait s5w9k703ru --timeout 30m      # until the review has ended";
const SECRETS: &str = "\
Secrets are read from the environment (EQP_APPLICATION_SECRET, EQP_DATABASE_URL), from the files named by \
EQP_APPLICATION_SECRET_FILE and EQP_DATABASE_URL_FILE, or from standard input, never from an \
argument. A file with a secret needs mode 0600, unless it is on a read-only mount, in /run/secrets or in \
$CREDENTIALS_DIRECTORY.";
/// The line of short help that replaces the global options.
const GLOBAL_OPTIONS: &str = "\
Global options (see --help):
  --config --profile --environment --api-url --ca-file --application-id --data-dir --database
  --server --json --color --quiet --verbose --yes";

/// Release extensions to the Adobe Commerce (Magento) Marketplace, and receive its callbacks
#[derive(Debug, Parser)]
#[command(name = "eqp", version, max_term_width = 100, after_help = EXAMPLES, after_long_help = long_help_end())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) file: FileOptions,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    marketplace: MarketplaceOptions,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The IDs of the options given on the command line.
    #[arg(skip)]
    pub(crate) flags: Vec<String>,
}

impl Cli {
    /// Parses the command line.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut definition = without_empty_variables(Self::definition());
        let read = definition.try_get_matches_from_mut(std::env::args_os());
        let matches = read.map_err(|error| with_plain_usage(error, &mut definition))?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))?;
        let mut level = Some(&matches);
        while let Some(found) = level {
            // A global flag is among the IDs of each subcommand, but only its own command knows it.
            let is_given = |id: &&clap::Id| {
                let id = id.as_str();
                found.try_contains_id(id).is_ok() && found.value_source(id) == Some(ValueSource::CommandLine)
            };
            cli.flags.extend(found.ids().filter(is_given).map(ToString::to_string));
            level = found.subcommand().map(|(_, inner)| inner);
        }
        Ok(cli)
    }

    /// Starts logging. Services log at level info, other commands only warnings and errors.
    pub(crate) fn start_log(&self) -> Result {
        let serving = match &self.command {
            Command::Serve(serve) => Some(serve.log_format),
            _ => None,
        };
        logging::start(self.output, serving)
    }

    /// Reads the configuration.
    pub(crate) fn context(&self) -> Result<Context> {
        // `login` creates the profile, `init` the file.
        let creates = matches!(self.command, Command::Login(_) | Command::Init(_));
        let if_missing = if creates { IfMissing::Create } else { IfMissing::Fail };
        Context::new(&self.file, self.output, self.given(), &self.flags, if_missing)
    }

    /// Returns the values of flags and of the environment variables that can replace them.
    fn given(&self) -> Layer {
        Layer {
            deliver: DeliverOptions::default(),
            mail: MailOptions::default(),
            composer: match &self.command {
                Command::Packages(packages) => packages.composer(),
                Command::Serve(serve) => serve.composer.clone(),
                _ => ComposerOptions::default(),
            },
            data: self.data.clone(),
            marketplace: self.marketplace.clone(),
            database: self.database.clone(),
            server: self.server.clone(),
            receiver: match &self.command {
                Command::Serve(serve) => serve.receiver.clone(),
                Command::Doctor(doctor) => doctor.receiver.clone(),
                Command::Spool(spool) => ReceiverOptions { spool_dir: spool.folder(), ..ReceiverOptions::default() },
                _ => ReceiverOptions::default(),
            },
            // Set in files only.
            alerts: AlertOptions::default(),
        }
    }

    /// Returns the definition of the command line.
    pub(crate) fn definition() -> clap::Command {
        with_short_help(Self::command())
    }
}

/// Ignores empty environment variables: container files and CI jobs often pass on variables that are not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty =
        |argument: &clap::Arg| argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument| if is_empty(&argument) { argument.env(None) } else { argument })
        .mut_subcommands(without_empty_variables)
}

/// Replaces the usage in an error with that of the command's help. Clap's own lists every option that an environment variable sets.
fn with_plain_usage(mut error: clap::Error, definition: &mut clap::Command) -> clap::Error {
    if error.get(ContextKind::Usage).is_some() {
        definition.build();
        let words = std::env::args_os().skip(1);
        let meant = words.fold(&*definition, |meant, word| meant.find_subcommand(word).unwrap_or(meant));
        error.insert(ContextKind::Usage, ContextValue::StyledStr(meant.clone().render_usage()));
    }
    definition.build();
    with_example(&mut error, definition);
    if error.kind() == ErrorKind::UnknownArgument {
        let command = std::env::args_os().skip(1).find(|word| definition.find_subcommand(word).is_some());
        with_new_name(&mut error, &command.unwrap_or_default().to_string_lossy());
    }
    with_visible_arguments(error)
}

/// Adds an example of the command to an error.
fn with_example(error: &mut clap::Error, definition: &clap::Command) {
    let words = std::env::args_os().skip(1);
    let meant = words.fold(definition, |meant, word| meant.find_subcommand(word).unwrap_or(meant));
    let Some(path) = meant.get_bin_name().filter(|_| !meant.has_subcommands()) else { return };
    let help = meant.get_after_help().map(ToString::to_string).unwrap_or_default();
    let is_example = |line: &&str| line.trim_start().starts_with(path) && !line.trim_end().ends_with('\\');
    let Some(example) = help.lines().find(is_example) else { return };
    let command = example.split_once(" #").map_or(example, |(command, _)| command);
    let tip = format!("for example: {}", command.trim());
    let mut tips = match error.remove(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips,
        _ => Vec::new(),
    };
    tips.push(tip.into());
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}

/// Renamed flags of version 0.1: the command, the old name and the new name.
const RENAMED_FLAGS: [(&str, &str, &str); 6] = [
    ("serve", "--keep", "--retention"),
    ("simulator", "--course", "--scenario"),
    ("events", "--subject", "--resource-id"),
    ("events", "--outcome", "--status"),
    ("events", "--mark", "--disposition"),
    ("reproject", "--subject", "--resource-id"),
];

/// Adds the new name of a renamed flag to an error, instead of a flag with a similar spelling.
fn with_new_name(error: &mut clap::Error, command: &str) {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return };
    let renamed = RENAMED_FLAGS.iter().find(|(of, old, _)| *of == command && old == flag);
    let Some((_, old, new)) = renamed else { return };
    error.remove(ContextKind::SuggestedArg);
    let tip = format!("'{old}' was renamed to '{new}'");
    let mut tips = vec![tip.into()];
    if let Some(ContextValue::StyledStrs(others)) = error.remove(ContextKind::Suggested) {
        tips.extend(others);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}

/// Escapes the arguments that an error quotes: a script may pass on external text, and a line end in it must not start a new line.
fn with_visible_arguments(mut error: clap::Error) -> clap::Error {
    let quoted = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, escaped(text))),
        _ => None,
    });
    for (kind, text) in quoted.collect::<Vec<_>>() {
        error.insert(kind, ContextValue::String(text));
    }
    error
}

fn long_help_end() -> String {
    format!("{EXAMPLES}\n\n{SECRETS}\n\n{EXIT_CODES}")
}

/// Limits short help (`-h`) to one screen by only naming the global options, which long help (`--help`) describes.
fn with_short_help(command: clap::Command) -> clap::Command {
    let examples = command.get_after_help().map(ToString::to_string);
    let long = command.get_after_long_help().map(ToString::to_string).or(examples.clone());
    let short =
        examples.into_iter().fold(GLOBAL_OPTIONS.to_owned(), |short, examples| format!("{short}\n\n{examples}"));
    let command = command
        .mut_args(|argument| if argument.is_global_set() { argument.hide_short_help(true) } else { argument })
        .mut_subcommands(with_short_help)
        .after_help(short);
    long.into_iter().fold(command, clap::Command::after_long_help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::definition().debug_assert();
    }

    #[test]
    fn short_help_of_every_command_fits_on_a_screen() {
        fn check(command: &mut clap::Command) {
            for verb in command.get_subcommands_mut() {
                let lines = verb.render_help().to_string().lines().count();
                assert!(lines <= 58, "`{} -h` has {lines} lines", verb.get_bin_name().unwrap_or_default());
                check(verb);
            }
        }
        let mut definition = Cli::definition().term_width(100);
        definition.build();
        check(&mut definition);
    }

    #[test]
    fn every_verb_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            for verb in command.get_subcommands() {
                let path = format!("{path} {}", verb.get_name());
                if verb.has_subcommands() {
                    check(verb, &path);
                } else {
                    let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains(&path), "`{path}` has no example");
                    assert!(help.lines().all(|line| line.len() <= 100), "an example of `{path}` would be wrapped");
                }
            }
        }
        check(&Cli::definition(), "eqp");
    }
}
