//! Options for output and confirmation.

use clap::{ArgAction, Args, ValueEnum};

/// Options for output and confirmation.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct OutputOptions {
    /// Print data as JSON; a stream prints one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only data and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Increase log verbosity (repeatable)
    ///
    /// EQP_LOG sets the level for each module: EQP_LOG=eqp_receiver=debug,info
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", hide_short_help = true)]
    pub(crate) color: Colour,
    /// Do not ask for confirmation
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

impl OutputOptions {
    /// Returns the options with which only data and errors are printed.
    pub(crate) fn quiet() -> Self {
        Self { json: false, quiet: true, verbose: 0, color: Colour::Never, yes: false }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Even when output is not a terminal
    Always,
    /// Never
    Never,
}

/// Sets the colour choice of the whole program.
pub(crate) fn set_color_choice(colour: Colour) {
    let choice = match colour {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::Always,
        Colour::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}
