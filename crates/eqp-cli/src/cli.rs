//! The command line: global options and verbs. Help, completions and parsing are all made from it.

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::config::{DataOptions, DatabaseOptions, FileOptions, Layer, MarketplaceOptions, ReceiverOptions};
use crate::failure::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  eqp simulator                          # a stand-in of the Marketplace on this machine
  eqp serve                              # receive callbacks, with a Postgres of its own
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main
  eqp events tail --json                 # follow what happens
  eqp wait s5w9k703ru --timeout 30m      # until the review has ended

Secrets come from the environment (EQP_APPLICATION_SECRET, EQP_DATABASE_URL), from files that \
EQP_APPLICATION_SECRET_FILE and EQP_DATABASE_URL_FILE name, or from standard input; never from an \
argument. Such a file has mode 0600, or is on a read-only mount, in /run/secrets or in \
$CREDENTIALS_DIRECTORY.";

/// Run your side of the Adobe Commerce Marketplace's Extension Quality Program
#[derive(Debug, Parser)]
#[command(name = "eqp", version, max_term_width = 100, after_help = help_end())]
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
    pub(crate) screen: ScreenOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The options that stand on the command line itself, by their ids.
    #[arg(skip)]
    pub(crate) flags: Vec<String>,
}

/// What is shown, and how.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct ScreenOptions {
    /// Write data as JSON; streams as one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing that is neither data nor an error
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Log more; twice: still more
    ///
    /// The variable EQP_LOG says exactly what: EQP_LOG=eqp_receiver=debug,info
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", hide_short_help = true)]
    pub(crate) color: Colour,
    /// Do not ask before a write to production
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Also into files and pipes
    Always,
    /// Nowhere
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(commands::demo::Demo),
    Serve(commands::serve::Serve),
    Simulator(commands::simulator::Simulator),
    Trigger(commands::trigger::Trigger),
    #[command(subcommand)]
    Callbacks(commands::callbacks::Callbacks),
    #[command(subcommand)]
    Events(commands::events::Events),
    #[command(subcommand)]
    Submissions(commands::submissions::Submissions),
    #[command(subcommand)]
    Files(commands::files::Files),
    #[command(subcommand)]
    Packages(commands::packages::Packages),
    #[command(subcommand)]
    Keys(commands::keys::Keys),
    #[command(subcommand)]
    Reports(commands::reports::Reports),
    Release(Box<commands::release::Release>),
    Wait(commands::wait::Wait),
    Login(commands::login::Login),
    Logout(commands::logout::Logout),
    Whoami(commands::whoami::Whoami),
    Doctor(commands::doctor::Doctor),
    Migrate(commands::migrate::Migrate),
    Spool(commands::spool::Spool),
    Reproject(commands::reproject::Reproject),
    Retention(commands::retention::Retention),
    Ca(commands::ca::Ca),
    Completions(commands::completions::Completions),
    Man(commands::man::Man),
}

impl Cli {
    /// Reads the command line.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut definition = Self::command();
        let read = definition.try_get_matches_from_mut(std::env::args_os());
        let matches = read.map_err(|error| with_plain_usage(error, &mut definition))?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))?;
        let mut level = Some(&matches);
        while let Some(found) = level {
            // A flag that holds for all verbs below its own is among the ids of each, and known to its own alone.
            let is_given = |id: &&clap::Id| {
                let id = id.as_str();
                found.try_contains_id(id).is_ok() && found.value_source(id) == Some(ValueSource::CommandLine)
            };
            cli.flags.extend(found.ids().filter(is_given).map(ToString::to_string));
            level = found.subcommand().map(|(_, inner)| inner);
        }
        Ok(cli)
    }

    /// What was set by flags and by those environment variables that stand for flags.
    pub(crate) fn given(&self) -> Layer {
        Layer {
            data: self.data.clone(),
            marketplace: self.marketplace.clone(),
            database: self.database.clone(),
            receiver: match &self.command {
                Command::Serve(serve) => serve.receiver.clone(),
                Command::Doctor(doctor) => doctor.receiver.clone(),
                Command::Spool(spool) => ReceiverOptions { spool_dir: spool.folder(), ..ReceiverOptions::default() },
                _ => ReceiverOptions::default(),
            },
        }
    }

    /// The definition that completions are made from.
    pub(crate) fn definition() -> clap::Command {
        Self::command()
    }
}

/// The usage of the command that was meant, as its help shows it: clap's own would name every option that an environment
/// variable sets.
fn with_plain_usage(mut error: clap::Error, definition: &mut clap::Command) -> clap::Error {
    if error.get(ContextKind::Usage).is_some() {
        definition.build();
        let words = std::env::args_os().skip(1);
        let meant = words.fold(&*definition, |meant, word| meant.find_subcommand(word).unwrap_or(meant));
        error.insert(ContextKind::Usage, ContextValue::StyledStr(meant.clone().render_usage()));
    }
    error
}

fn help_end() -> String {
    format!("{EXAMPLES}\n\n{EXIT_CODES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::definition().debug_assert();
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
