//! `eqp logout`.

use clap::Args;
use serde_json::json;

use crate::config::keyring;
use crate::config::profile::{ProfileFile, secret_file};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// Forget the access key of a profile, with its secret; the key itself stays valid until the developer portal ends it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp logout --profile sandbox
  eqp logout                                 # of the profile that holds where none is asked for")]
pub(crate) struct Logout {}

impl Logout {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self {} = self;
        let (Some(path), Some((profile, layer))) = (&context.loaded.file, &context.loaded.profile) else {
            return Err(Failure::new(Exit::NotFound, "there is no profile to log out of")
                .next("name one with --profile; eqp login makes one"));
        };
        let options = &layer.marketplace;
        let mut file = ProfileFile::open(path)?;
        file.forget(profile)?;
        file.save()?;
        if let (Some(true), Some(id)) = (options.application_secret_keyring, &options.application_id) {
            // Where a profile keeps its secret it also names its environment.
            keyring::forget(options.environment(), id)?;
        }
        let ours = secret_file(profile)?;
        let is_ours = options.application_secret_file.as_ref() == Some(&ours);
        if is_ours && ours.exists() {
            std::fs::remove_file(&ours).map_err(|error| {
                Failure::new(Exit::Failed, format!("cannot remove {}", ours.display())).because(&error)
            })?;
        }
        // A secret that was put elsewhere by hand is not ours to remove.
        let left = options.application_secret_file.as_ref().filter(|_| !is_ours);
        if context.output.is_json() {
            return context.output.json(&json!({"profile": profile, "file": path, "secret_left": left}));
        }
        context
            .output
            .line(format_args!("the profile `{profile}` in {} holds no access key any more", path.display()))?;
        if let Some(left) = left {
            context.output.note(format_args!("its secret is still in {}", left.display()));
        }
        Ok(())
    }
}
