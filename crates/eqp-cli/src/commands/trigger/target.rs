//! Determines where the callback is sent, and with which user name and password.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_receiver::LocalCa;
use eqp_simulator::CallbackTarget;
use eqp_store::internal::TRIGGER_AGENT;
use eqp_store::{CredentialState, EndpointSummary, Endpoints};
use eqp_types::{Environment, Secret};

use crate::compose::database::{Database, Upgrade};
use crate::compose::receiver::{endpoints_to_read, known_master_key};
use crate::config::{from_environment, read_secret};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};

const PASSWORD: &str = "EQP_CALLBACK_PASSWORD";
const WHAT: &str = "the callback's password";

/// Destination and credentials.
#[derive(Args, Debug)]
#[command(next_help_heading = "Destination")]
pub(super) struct TargetOptions {
    /// Endpoint or URL to send to [default: the endpoint, if there is exactly one]
    #[arg(long, value_name = "URL|ENDPOINT")]
    to: Option<String>,
    /// URL to send to instead of the endpoint's public URL
    #[arg(long, value_name = "URL")]
    at: Option<String>,
    /// User name for Basic authentication [default: the endpoint's]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// File (mode 0600, or - for standard input) with the password [default: EQP_CALLBACK_PASSWORD,
    /// EQP_CALLBACK_PASSWORD_FILE, or the endpoint's stored password]
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Certificate (PEM) of a CA to trust, besides those of the system and the local CA (repeatable)
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
}

/// The URL or endpoint to send to.
pub(super) struct ResolvedTarget {
    pub(super) target: CallbackTarget,
    pub(super) username: Option<String>,
    /// The environment of the endpoint, if known.
    pub(super) environment: Option<Environment>,
    pub(super) trusted: Vec<String>,
}

impl TargetOptions {
    /// Finds the destination and its credentials. `input_is_taken` is true if the callback comes from standard input.
    pub(super) async fn resolve(
        &self,
        context: &Context,
        input_is_taken: bool,
        upgrade: Upgrade,
    ) -> Result<ResolvedTarget> {
        if input_is_taken && self.password_file.as_deref() == Some(Path::new("-")) {
            return Err(Failure::usage("callback and password cannot both come from standard input")
                .next("write one of them to a file"));
        }
        let trusted = self.trusted(context)?;
        let own = self.own_credentials()?;
        let Some(url) = self.to.as_deref().filter(|to| to.contains("://")) else {
            let (endpoint, kept) = self.endpoint(context, own.is_none(), upgrade).await?;
            let url = self.at.as_deref().unwrap_or(&endpoint.public_url);
            return resolved(url, own.or(kept), Some(endpoint.environment), trusted);
        };
        if self.at.is_some() {
            return Err(Failure::usage("--at cannot be combined with a URL in --to"));
        }
        if own.is_none() {
            context.output.note("sending without credentials, because --user was not given");
        }
        resolved(url, own, None, trusted)
    }

    /// Returns the user name and password that were given, if any.
    fn own_credentials(&self) -> Result<Option<(String, Secret)>> {
        let Some(user) = &self.user else { return Ok(None) };
        if user.contains(':') {
            return Err(Failure::usage("a user name for Basic authentication cannot contain `:`"));
        }
        let password = match &self.password_file {
            Some(file) => Some(read_secret(file, WHAT)?),
            None => from_environment(PASSWORD, WHAT)?.map(|(password, _)| password),
        };
        match password {
            Some(password) => Ok(Some((user.clone(), password))),
            None => Err(Failure::usage(format!("there is no password for {user}"))
                .next(format!("write it to a file with mode 0600 and pass --password-file, or set {PASSWORD}"))),
        }
    }

    /// Returns the endpoint with its stored credential.
    async fn endpoint(
        &self,
        context: &Context,
        wants_password: bool,
        upgrade: Upgrade,
    ) -> Result<(EndpointSummary, Option<(String, Secret)>)> {
        let database = Database::open_existing(context, upgrade).await?;
        let found = async {
            let data = context.settings.data.look()?;
            let endpoints = endpoints_to_read(&database, &data, known_master_key(&data)?).await?;
            let endpoints = endpoints.ok_or_else(|| no_endpoint().next("eqp callbacks add creates one"))?;
            let endpoint = choose(endpoints.list().await?, self.to.as_deref())?;
            let kept = if wants_password { Some(credential(&endpoints, &endpoint).await?) } else { None };
            Ok((endpoint, kept))
        }
        .await;
        database.close().await?;
        found
    }

    /// Returns the CAs to trust: the local CA, if it exists, and those given with --ca.
    fn trusted(&self, context: &Context) -> Result<Vec<String>> {
        let local = LocalCa::certificate_path(&context.settings.data.place()?.join("tls"));
        let mut trusted: Vec<String> = std::fs::read_to_string(local).into_iter().collect();
        for path in &self.ca {
            trusted.push(std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read the certificate {}", path.display())).because(&error)
            })?);
        }
        Ok(trusted)
    }
}

fn resolved(
    url: &str,
    credentials: Option<(String, Secret)>,
    environment: Option<Environment>,
    trusted: Vec<String>,
) -> Result<ResolvedTarget> {
    let target = CallbackTarget::new(url).map_err(|error| {
        Failure::usage("invalid URL").because(&error).next("pass a URL such as https://eqp.example.com/callbacks/main")
    })?;
    // Receivers do not count it as a callback from Adobe.
    let target = target.user_agent(TRIGGER_AGENT);
    let username = credentials.as_ref().map(|(username, _)| username.clone());
    let target = match credentials {
        Some((username, password)) => target.credentials(username, password),
        None => target,
    };
    Ok(ResolvedTarget { target, username, environment, trusted })
}

/// Returns the endpoint with this name, or the only endpoint.
fn choose(mut endpoints: Vec<EndpointSummary>, name: Option<&str>) -> Result<EndpointSummary> {
    endpoints.retain(EndpointSummary::is_in_use);
    let names: Vec<String> = endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
    let known = || match names.as_slice() {
        [] => "eqp callbacks add creates one".to_owned(),
        names => format!("endpoints: {}", names.join(", ")),
    };
    match name {
        Some(name) => endpoints
            .into_iter()
            .find(|endpoint| endpoint.name == name)
            .ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no endpoint `{name}`")).next(known())),
        None if endpoints.len() == 1 => Ok(endpoints.remove(0)),
        None if endpoints.is_empty() => Err(no_endpoint().next(known())),
        None => Err(Failure::usage("several endpoints exist").next(known()).next("choose one with --to")),
    }
}

fn no_endpoint() -> Failure {
    Failure::new(Exit::NotFound, "there is no endpoint yet")
}

/// Returns the active credential, or the pending one if none is active.
async fn credential(endpoints: &Endpoints, endpoint: &EndpointSummary) -> Result<(String, Secret)> {
    let in_state = |state| endpoint.credentials.iter().find(move |credential| credential.state == state);
    let states = [CredentialState::Active, CredentialState::Pending, CredentialState::Retiring];
    let missing = || {
        Failure::new(Exit::NotFound, format!("no password is stored for `{}`", endpoint.name))
            .next("pass --user and --password-file")
    };
    let credential = states.into_iter().find_map(in_state).ok_or_else(missing)?;
    let password = endpoints.password(&endpoint.public_url, &credential.username).await?.ok_or_else(missing)?;
    Ok((credential.username.clone(), password))
}
