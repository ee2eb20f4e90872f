//! `eqp login`: verifies an access key and saves it in a profile.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_types::{ApiKey, Environment, MageId, Secret};
use serde::Serialize;
use url::Url;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::client::client_of;
use crate::config::profile::{ProfileFile, ProfileKey, SecretPlace, secret_file, user_file, write_secret};
use crate::config::{MarketplaceOptions, from_environment, keyring, read_secret, secret_text};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Output, ask_line, ask_secret, can_ask};

/// Verify an access key and save it in a profile
///
/// The profile is named by --profile, or after the environment. The first profile becomes the default profile: commands
/// without --profile and --environment use it. The secret is read from --secret-file, from EQP_APPLICATION_SECRET or
/// the file named by EQP_APPLICATION_SECRET_FILE, or from the terminal, in this order. The secret is stored in a file
/// with mode 0600 or in the keyring, and is sent only to the API that accepted it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp login --environment sandbox            # prompts for the ID and the secret
  eqp login --profile live --environment production --default
  pass show adobe/eqp | eqp login --application-id my-id --secret-file -
  eqp login --profile test --keyring")]
pub(crate) struct Login {
    /// File (mode 0600, or - for standard input) with the application secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Store the secret in the keyring of the operating system
    #[arg(long)]
    keyring: bool,
    /// Make this the default profile
    #[arg(long)]
    default: bool,
    /// Show where the key would be verified and saved, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The profile to write after the Marketplace has accepted its key.
struct LoginPlan {
    environment: Environment,
    /// The API that the key is sent to, if it is not the environment's own.
    api_url: Option<Url>,
    /// Whether that API comes from the configuration instead of the command line.
    is_api_stored: bool,
    /// The configuration file.
    path: PathBuf,
    profile: String,
    secret: SecretPlace,
}

/// The plan of a login as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LoginDryRun<'a> {
    /// The environment.
    environment: Environment,
    /// The API that the key would be sent to.
    would_verify_at: &'a str,
    /// The configuration file that would be changed.
    would_write: &'a Path,
    /// The profile.
    profile: &'a str,
    /// Where the secret would be stored: a path, or the keyring.
    secret: &'a str,
}

/// The saved profile as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LoginReport<'a> {
    /// The environment.
    environment: Environment,
    /// The account of the key.
    mage_id: &'a MageId,
    /// The profile.
    profile: &'a str,
    /// The configuration file.
    file: &'a Path,
    /// Where the secret is stored: a path, or the keyring.
    secret: &'a str,
    /// Whether the profile became the default profile.
    is_default: bool,
}

impl Plan for LoginPlan {
    fn show(self, output: Output) -> Result {
        let Self { environment, path, profile, .. } = &self;
        let api = self.api_url.as_ref().map_or_else(|| environment.base_url().to_owned(), ToString::to_string);
        let secret = place_of(&self.secret);
        if output.is_json() {
            return output.json(&LoginDryRun {
                environment: *environment,
                would_verify_at: &api,
                would_write: path,
                profile,
                secret: &secret,
            });
        }
        output.line(format_args!("would verify the key at {api}"))?;
        output.line(format_args!(
            "would save it as profile `{profile}` in {}, and its secret in {secret}",
            path.display()
        ))
    }

    /// Asks if the URL comes from the configuration: a profile may still contain the URL of a simulator that was used
    /// earlier, and a production key must not be sent there.
    fn question(&self) -> Question {
        match &self.api_url {
            Some(url) if self.is_api_stored => {
                Question::Irreversible(format!("Send the key to {url}, which is set in the configuration"))
            }
            _ => Question::Nothing,
        }
    }
}

/// A profile that was written.
struct SavedProfile {
    path: PathBuf,
    profile: String,
    mage_id: MageId,
    secret: SecretPlace,
    /// Whether it became the default profile.
    is_default: bool,
}

/// Verifies an access key and saves it in a profile.
struct ProfileCreation<'a> {
    context: &'a Context,
    login: &'a Login,
}

impl Change for ProfileCreation<'_> {
    type Plan = LoginPlan;
    type Applied = SavedProfile;

    async fn observe(&mut self) -> Result<LoginPlan> {
        let context = self.context;
        let options = &context.settings.marketplace;
        let environment = options.environment();
        let profile = profile_name(context, environment)?;
        let path = match &context.loaded.file {
            Some(path) => path.clone(),
            None => user_file()?,
        };
        let secret = if self.login.keyring { SecretPlace::Keyring } else { SecretPlace::File(secret_file(&profile)?) };
        let is_api_stored = context.loaded.given.marketplace.api_url().is_none() && context.confirm.is_simulated;
        let plan = LoginPlan { environment, api_url: options.api_url().cloned(), is_api_stored, path, profile, secret };
        if let Some(url) = &plan.api_url {
            context.output.note(format_args!("the key will be verified at {url}, not at the Marketplace itself"));
        }
        if let Question::Irreversible(_) = plan.question()
            && !context.confirm.given
            && !can_ask()
        {
            return Err(unconfirmed_destination(&plan));
        }
        Ok(plan)
    }

    async fn apply(self, plan: LoginPlan, _: Confirmation) -> Result<SavedProfile> {
        let options = &self.context.settings.marketplace;
        let key = ask_for_key(options, self.login.secret_file.as_deref())?;
        let client = client_of(options.with_key(key.clone())?)?;
        let mage_id = client.session().await?.mage_id;
        let LoginPlan { environment, api_url, path, profile, secret, .. } = plan;
        let ApiKey { application_id, application_secret } = key;
        let key = ProfileKey {
            environment,
            application_id,
            secret,
            api_url: api_url.map(|url| url.to_string()),
            verified_api_url: client.api_url().to_string(),
            ca_file: options.ca_file.as_deref().map(absolute).transpose()?,
        };
        let mut file = ProfileFile::open(&path)?;
        let is_default = file.set(&profile, &key, self.login.default)?;
        match &key.secret {
            SecretPlace::File(path) => write_secret(path, &application_secret)?,
            SecretPlace::Keyring => keyring::store(environment, &key.application_id, &application_secret)?,
        }
        file.save()?;
        Ok(SavedProfile { path, profile, mage_id, secret: key.secret, is_default })
    }
}

impl Login {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let creation = ProfileCreation { context, login: &self };
        let Some(saved) = change::run(context, creation, self.dry_run).await? else { return Ok(()) };
        let environment = context.settings.marketplace.environment();
        let SavedProfile { path, profile, mage_id, secret, is_default } = saved;
        let secret = place_of(&secret);
        if context.output.is_json() {
            return context.output.json(&LoginReport {
                environment,
                mage_id: &mage_id,
                profile: &profile,
                file: &path,
                secret: &secret,
                is_default,
            });
        }
        context.output.line(format_args!(
            "saved the access key of {mage_id} ({environment}) as profile `{profile}` in {}; secret stored in {secret}",
            path.display()
        ))?;
        if is_default {
            context.output.line(format_args!(
                "`{profile}` is now the default profile: without --profile and --environment, commands use {environment}"
            ))?;
        }
        Ok(())
    }
}

/// Reads an access key: its ID from the options or the terminal, its secret from a file, the environment or the terminal.
pub(super) fn ask_for_key(options: &MarketplaceOptions, secret_file: Option<&Path>) -> Result<ApiKey> {
    let environment = options.environment();
    let id = match &options.application_id {
        Some(id) => id.clone(),
        None if can_ask() => ask_line(&format!("Application ID for {environment}"))?,
        None => {
            return Err(
                Failure::usage("no application ID was given").next("pass --application-id or set EQP_APPLICATION_ID")
            );
        }
    };
    if id.is_empty() {
        return Err(Failure::usage("the application ID is empty"));
    }
    let application_secret = ask_for_secret(environment, &id, secret_file)?;
    Ok(ApiKey { application_id: id, application_secret })
}

fn ask_for_secret(environment: Environment, id: &str, secret_file: Option<&Path>) -> Result<Secret> {
    const WHAT: &str = "the application secret";
    if let Some(file) = secret_file {
        return read_secret(file, WHAT);
    }
    if let Some((secret, _)) = from_environment("EQP_APPLICATION_SECRET", WHAT)? {
        return Ok(secret);
    }
    if can_ask() {
        let typed = ask_secret(&format!("Application secret of {id} for {environment} (not shown)"))?;
        return secret_text(typed.expose(), WHAT, "the terminal");
    }
    Err(Failure::usage("no application secret was given, and there is no terminal to prompt on")
        .next("pass --secret-file with a file of mode 0600, or - for standard input"))
}

/// Describes where a secret is stored.
fn place_of(secret: &SecretPlace) -> String {
    match secret {
        SecretPlace::File(path) => path.display().to_string(),
        SecretPlace::Keyring => "keyring".to_owned(),
    }
}

/// Returns the failure for a key that would be sent to an API from the configuration, without a terminal to confirm it
/// on.
fn unconfirmed_destination(plan: &LoginPlan) -> Failure {
    let url = plan.api_url.as_ref().expect("only an API that is named needs a confirmation");
    let (file, profile) = (plan.path.display(), &plan.profile);
    Failure::usage(format!("the key would be sent to {url}, and there is no terminal to ask for confirmation"))
        .why(format!(
            "this URL comes from {file}, possibly from an earlier simulator session; it is not the Marketplace"
        ))
        .next(format!("to log in to the Marketplace, remove the URL first: eqp logout --profile {profile}"))
        .next(format!("to log in to this API, confirm it with --api-url {url}"))
}

/// Returns the name of the profile to write: the requested one, or that of the environment.
pub(super) fn profile_name(context: &Context, environment: Environment) -> Result<String> {
    let name = context.requested_profile.clone().unwrap_or_else(|| environment.to_string());
    // The name is also used as a file name.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.chars().all(is_plain) {
        return Ok(name);
    }
    Err(Failure::usage(format!("`{name}` is not a valid profile name")).next("use letters, digits, - and _"))
}

/// Returns the absolute path, which is valid from any folder.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("the path {} cannot be used", path.display())).because(&error))
}
