//! `eqp login`.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::{ApiKey, Environment, Secret};
use serde_json::json;

use crate::compose::client::client_of;
use crate::config::profile::{ProfileFile, ProfileKey, SecretPlace, secret_file, user_file, write_secret};
use crate::config::{MarketplaceOptions, from_environment, keyring, read_secret, secret_text};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{ask_line, ask_secret, can_ask};

/// Keep an access key in a profile, once the Marketplace has accepted it
///
/// The profile is the one of --profile, or has the name of the environment. The first one becomes the default: its
/// environment is then used where neither --profile nor --environment is given. Its secret goes into a file of mode 0600, or
/// into the keyring, and is only ever sent to the API that accepted it. The secret is read from --secret-file, else from EQP_APPLICATION_SECRET or the file that
/// EQP_APPLICATION_SECRET_FILE names, else it is asked for on a terminal; it is never an argument.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp login --environment sandbox            # asks for id and secret
  eqp login --profile live --environment production --default
  pass show adobe/eqp | eqp login --application-id my-id --secret-file -
  eqp login --profile test --keyring")]
pub(crate) struct Login {
    /// File (mode 0600, or - for standard input) with the application secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Keep the secret in the keyring of the operating system
    #[arg(long)]
    keyring: bool,
    /// Use this profile where none is asked for
    #[arg(long)]
    default: bool,
}

impl Login {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let options = &context.settings.marketplace;
        let environment = options.environment();
        let profile = profile_name(context, environment)?;
        if let Some(url) = options.api_url() {
            context.output.note(format_args!("the key will be verified at {url}, not at the Marketplace itself"));
        }
        let key = self.ask_for_key(options)?;
        let client = client_of(options.with_key(key.clone())?)?;
        let verified_api_url = client.api_url().to_string();
        let mage_id = client.session().await?.mage_id;

        let path = match &context.loaded.file {
            Some(path) => path.clone(),
            None => user_file()?,
        };
        let mut file = ProfileFile::open(&path)?;
        let place = if self.keyring { SecretPlace::Keyring } else { SecretPlace::File(secret_file(&profile)?) };
        let written = ProfileKey {
            environment,
            application_id: key.application_id.clone(),
            secret: place.clone(),
            api_url: options.api_url().map(ToString::to_string),
            verified_api_url,
            ca_file: options.ca_file.as_deref().map(absolute).transpose()?,
        };
        let is_default = file.set(&profile, &written, self.default)?;
        match &place {
            SecretPlace::File(path) => write_secret(path, &key.application_secret)?,
            SecretPlace::Keyring => keyring::store(environment, &key.application_id, &key.application_secret)?,
        }
        file.save()?;

        let kept = match &place {
            SecretPlace::File(path) => path.display().to_string(),
            SecretPlace::Keyring => "keyring".to_owned(),
        };
        if context.output.is_json() {
            return context.output.json(&json!({
                "environment": environment, "mage_id": mage_id, "profile": profile, "file": path, "secret": kept,
                "becomes_default": is_default,
            }));
        }
        context.output.line(format_args!(
            "{mage_id} in {environment} is kept as profile `{profile}` in {}; its secret: {kept}",
            path.display()
        ))?;
        if is_default {
            context.output.line(format_args!(
                "`{profile}` is the default profile now: without --profile and --environment, commands use {environment}"
            ))?;
        }
        Ok(())
    }

    fn ask_for_key(&self, options: &MarketplaceOptions) -> Outcome<ApiKey> {
        let environment = options.environment();
        let id = match &options.application_id {
            Some(id) => id.clone(),
            None if can_ask() => ask_line(&format!("Application id for {environment}"))?,
            None => {
                return Err(Failure::usage("there is no application id")
                    .next("name it with --application-id or EQP_APPLICATION_ID"));
            }
        };
        if id.is_empty() {
            return Err(Failure::usage("the application id is empty"));
        }
        let application_secret = self.secret(environment, &id)?;
        Ok(ApiKey { application_id: id, application_secret })
    }

    fn secret(&self, environment: Environment, id: &str) -> Outcome<Secret> {
        const WHAT: &str = "the application secret";
        if let Some(file) = &self.secret_file {
            return read_secret(file, WHAT);
        }
        if let Some((secret, _)) = from_environment("EQP_APPLICATION_SECRET", WHAT)? {
            return Ok(secret);
        }
        if can_ask() {
            let typed = ask_secret(&format!("Application secret of {id} for {environment} (it does not show)"))?;
            return secret_text(typed.expose(), WHAT, "the terminal");
        }
        Err(Failure::usage("there is no application secret, and no terminal to ask on")
            .next("name a file of mode 0600 with --secret-file, or - for standard input"))
    }
}

/// The profile to write: the one asked for, else the one of the environment.
pub(super) fn profile_name(context: &Context, environment: Environment) -> Outcome<String> {
    let name = context.wanted_profile.clone().unwrap_or_else(|| environment.to_string());
    // It names a file too.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.chars().all(is_plain) {
        return Ok(name);
    }
    Err(Failure::usage(format!("`{name}` cannot be the name of a profile")).next("use letters, digits, - and _"))
}

/// The file is found again from any folder.
fn absolute(path: &Path) -> Outcome<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("the path {} cannot be used", path.display())).because(&error))
}
