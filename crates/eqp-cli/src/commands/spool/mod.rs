//! `eqp spool`: the callbacks that wait on this machine's disk for the database.

mod drain;
mod export;
mod set_aside;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eqp_receiver::{SpoolFile, SpoolSettings};

use crate::context::Context;
use crate::failure::Outcome;

/// Look after callbacks that are kept on this machine's disk
///
/// While the database does not take callbacks, `eqp serve` keeps them in its spool and brings them into the database
/// as soon as that is back. Those that the database refuses as data go into quarantine beside it.
#[derive(Args, Debug)]
pub(crate) struct Spool {
    /// The spool's folder [default: spool in the data folder]
    #[arg(long, global = true, env = "EQP_SPOOL_DIR", hide_env_values = true, value_name = "FOLDER")]
    spool_dir: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(show::Show),
    Drain(drain::Drain),
    Export(export::Export),
    SetAside(set_aside::SetAside),
}

impl Spool {
    /// What was given as the spool's folder.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.spool_dir.clone()
    }

    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self.verb {
            Verb::Show(show::Show {}) => show::Show::run(context),
            Verb::Drain(verb) => verb.run(context).await,
            Verb::Export(verb) => verb.run(context),
            Verb::SetAside(set_aside::SetAside {}) => set_aside::SetAside::run(context),
        }
    }
}

/// The folder of the spool, whether there is one or not.
fn place(context: &Context) -> Outcome<PathBuf> {
    let data = context.settings.data.place()?;
    Ok(context.settings.receiver.spool_dir.clone().unwrap_or_else(|| data.join("spool")))
}

fn open(context: &Context) -> Outcome<SpoolFile> {
    Ok(SpoolFile::open(&place(context)?)?)
}

/// The spool of the folder, as large as it is.
fn settings(context: &Context) -> Outcome<SpoolSettings> {
    Ok(SpoolSettings::in_folder(place(context)?).bytes(u64::MAX))
}
