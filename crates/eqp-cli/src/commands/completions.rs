//! `eqp completions`: what a shell needs to complete our command line.

use clap::Args;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::Outcome;

/// Print completions for a shell
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
        clap_complete::generate(self.shell, &mut Cli::definition(), "eqp", &mut script);
        context.output.bytes(&script)
    }
}
