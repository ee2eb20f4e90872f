//! `eqp man`: manual pages, made from the definition of the command line.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// Write the manual pages: one for the tool, one for each command
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp man ~/.local/share/man/man1 && man eqp-packages-list")]
pub(crate) struct Man {
    /// Folder for them, made if it is not there
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let folder = &self.folder;
        let written =
            std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::definition(), folder));
        written.map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot write manual pages to {}", folder.display())).because(&error)
        })?;
        if context.output.is_json() {
            return context.output.json(&json!({"folder": folder}));
        }
        context.output.line(format_args!("the manual pages are in {}", folder.display()))
    }
}
