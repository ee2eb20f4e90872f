//! `eqp spool set-aside`.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Outcome;

/// Put the spool's file aside under another name, whatever is in it
///
/// For a file that is damaged, or belongs to a database that is gone: the receiver then starts with an empty spool, and
/// the file stays for whoever can make something of it. It may hold callbacks that are nowhere else.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool set-aside
  eqp spool set-aside --data-dir /var/lib/eqp --json")]
pub(crate) struct SetAside {}

impl SetAside {
    pub(crate) fn run(context: &Context) -> Outcome {
        let aside = eqp_receiver::set_aside(&super::place(context)?)?;
        if context.output.is_json() {
            return context.output.json(&json!({"file": aside}));
        }
        context.output.line(aside.display())
    }
}
