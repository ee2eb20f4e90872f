//! `eqp logout`: removes an access key from a profile.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::Environment;
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::config::keyring;
use crate::config::profile::{ProfileFile, secret_file};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Remove the access key and its secret from a profile
///
/// The key itself stays valid until it is revoked in the developer portal.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp logout --profile sandbox
  eqp logout                                 # the default profile")]
pub(crate) struct Logout {
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// The access key to remove from a profile.
struct LogoutPlan {
    /// The configuration file.
    path: PathBuf,
    profile: String,
    /// The keyring entry that contains the secret.
    keyring_entry: Option<(Environment, String)>,
    /// The file that `eqp login` wrote the secret to.
    secret_file: Option<PathBuf>,
    /// A secret file that `eqp login` did not write, and that is therefore not removed.
    secret_left: Option<PathBuf>,
}

/// The plan of a logout as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LogoutDryRun<'a> {
    /// The configuration file that would be changed.
    would_write: &'a Path,
    /// The profile.
    profile: &'a str,
    /// The file with the secret, if it was written by `eqp login`.
    would_remove: Option<&'a Path>,
    /// Whether the secret would be removed from the keyring.
    would_remove_from_keyring: bool,
    /// A file with the secret that would not be removed, because `eqp login` did not write it.
    secret_left: Option<&'a Path>,
}

/// The result of a logout as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LogoutReport<'a> {
    /// The profile.
    profile: &'a str,
    /// The configuration file.
    file: &'a Path,
    /// A file with the secret that was not removed, because `eqp login` did not write it.
    secret_left: Option<&'a Path>,
}

impl Plan for LogoutPlan {
    fn show(self, output: Output) -> Result {
        let Self { path, profile, keyring_entry, secret_file, secret_left } = &self;
        if output.is_json() {
            return output.json(&LogoutDryRun {
                would_write: path,
                profile,
                would_remove: secret_file.as_deref(),
                would_remove_from_keyring: keyring_entry.is_some(),
                secret_left: secret_left.as_deref(),
            });
        }
        output.line(format_args!("would remove the access key from profile `{profile}` of {}", path.display()))?;
        if let Some(file) = secret_file {
            output.line(format_args!("would remove {}", file.display()))?;
        }
        if keyring_entry.is_some() {
            output.line("would remove the secret from the keyring")?;
        }
        Ok(())
    }

    /// Needs no confirmation, because the key stays valid and can be saved again.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Removes the access key from the current profile.
struct ProfileCleanup<'a> {
    context: &'a Context,
}

impl Change for ProfileCleanup<'_> {
    type Plan = LogoutPlan;
    type Applied = LogoutPlan;

    async fn observe(&mut self) -> Result<LogoutPlan> {
        let loaded = &self.context.loaded;
        let (Some(path), Some((profile, layer))) = (&loaded.file, &loaded.profile) else {
            return Err(Failure::new(Exit::NotFound, "no profile to log out of")
                .next("pass --profile with the name of a profile; eqp login creates one"));
        };
        let options = &layer.marketplace;
        let keyring_entry = match (options.application_secret_keyring, &options.application_id) {
            // A profile that states where its secret is also states its environment.
            (Some(true), Some(id)) => Some((options.environment(), id.clone())),
            _ => None,
        };
        let ours = secret_file(profile)?;
        let (ours, theirs): (Vec<_>, Vec<_>) =
            options.application_secret_file.iter().cloned().partition(|file| *file == ours);
        Ok(LogoutPlan {
            path: path.clone(),
            profile: profile.clone(),
            keyring_entry,
            secret_file: ours.into_iter().next(),
            secret_left: theirs.into_iter().next(),
        })
    }

    async fn apply(self, plan: LogoutPlan, _: Confirmation) -> Result<LogoutPlan> {
        let mut file = ProfileFile::open(&plan.path)?;
        file.forget(&plan.profile)?;
        file.save()?;
        if let Some((environment, id)) = &plan.keyring_entry {
            keyring::forget(*environment, id)?;
        }
        if let Some(ours) = plan.secret_file.as_ref().filter(|file| file.exists()) {
            std::fs::remove_file(ours).map_err(|error| {
                Failure::new(Exit::Failed, format!("cannot remove {}", ours.display())).because(&error)
            })?;
        }
        Ok(plan)
    }
}

impl Logout {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let cleanup = ProfileCleanup { context };
        let Some(LogoutPlan { path, profile, secret_left, .. }) = change::run(context, cleanup, self.dry_run).await?
        else {
            return Ok(());
        };
        if context.output.is_json() {
            return context.output.json(&LogoutReport {
                profile: &profile,
                file: &path,
                secret_left: secret_left.as_deref(),
            });
        }
        context.output.line(format_args!("removed the access key from profile `{profile}` in {}", path.display()))?;
        if let Some(left) = secret_left {
            context.output.note(format_args!("its secret is still in {}", left.display()));
        }
        Ok(())
    }
}
