//! `eqp completions`: what a shell needs to complete our command line.

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::Outcome;

/// Print completions for a shell, with the names of the profiles that there are now
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp completions bash > ~/.local/share/bash-completion/completions/eqp
  eqp completions zsh > ~/.zfunc/_eqp
  eqp completions fish > ~/.config/fish/completions/eqp.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let mut script = Vec::new();
        let mut definition = with_words(Cli::definition());
        if !context.loaded.profiles.is_empty() {
            // clap wants names that live as long as the program, which ends here.
            let profiles = context.loaded.profiles.iter().map(|name| &*name.clone().leak());
            let profiles = PossibleValuesParser::new(profiles);
            definition = definition.mut_arg("profile", |profile| profile.value_parser(profiles));
        }
        clap_complete::generate(self.shell, &mut definition, "eqp", &mut script);
        context.output.bytes(&script)
    }
}

/// Offers the documented words of flags that accept others too: a newer Marketplace may know more.
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
