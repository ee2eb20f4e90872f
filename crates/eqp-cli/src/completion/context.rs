//! The configuration of a command line that is not complete yet.

use clap::{ArgMatches, Command, FromArgMatches};

use crate::config::{DataOptions, DatabaseOptions, FileOptions, IfMissing, Layer, MarketplaceOptions, ServerOptions};
use crate::context::Context;
use crate::output::OutputOptions;

/// Returns the context of the words before the last one, or `None` if the configuration cannot be read.
pub(super) fn of_words(words: &[String], definition: Command) -> Option<Context> {
    let (_, before) = words.split_last()?;
    let matches = definition.ignore_errors(true).try_get_matches_from(before).ok()?;
    let matches = innermost(&matches);
    let file: FileOptions = read(matches)?;
    let given = Layer {
        data: read::<DataOptions>(matches)?,
        marketplace: read::<MarketplaceOptions>(matches)?,
        database: read::<DatabaseOptions>(matches)?,
        server: read::<ServerOptions>(matches)?,
        ..Layer::default()
    };
    // The profile or the file may be one that the command is going to create.
    Context::new(&file, OutputOptions::quiet(), given, &[], IfMissing::Create).ok()
}

/// Returns the matches of the innermost command, which also have the global options.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| innermost(inner))
}

fn read<T: FromArgMatches>(matches: &ArgMatches) -> Option<T> {
    T::from_arg_matches(matches).ok()
}
