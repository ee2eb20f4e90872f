//! A callback registered with the Marketplace: account, endpoint and credential in our database first, then the list.

use std::error::Error as StdError;
use std::time::Duration;

use eqp_client::Client;
use eqp_client::callbacks::{Allowance, EntryName, Held, PasswordStore, Plan, Registration, StoreError, Wish};
use eqp_receiver::{CredentialId, CredentialState, EndpointSummary, Endpoints, NewEndpoint, PublicUrl};
use eqp_types::{ApiCallbackEntry, MageId, Secret};

use crate::failure::{Exit, Failure, Outcome};

/// How long the receivers may take to load a new credential.
const LOAD_DEADLINE: Duration = Duration::from_secs(15);

/// What is to be registered.
#[derive(Clone, Debug)]
pub(crate) struct NewCallback {
    /// The endpoint's name, and the label of the entry.
    pub(crate) name: String,
    /// Where the Marketplace sends to.
    pub(crate) url: PublicUrl,
    /// Where the receiver answers, if a proxy in front turns the URL's path into another.
    pub(crate) path: Option<String>,
}

/// What is known about entries that others registered.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    /// Their passwords.
    pub(crate) passwords: Vec<(EntryMatch, Secret)>,
    /// Those that may lose their password.
    pub(crate) may_lose: Vec<EntryMatch>,
}

/// Names entries: by URL, or by URL and user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryMatch {
    url: String,
    username: Option<String>,
}

impl EntryMatch {
    /// Reads `URL` or `URL#USERNAME`; a registered URL has no fragment.
    pub(crate) fn parse(text: &str) -> Self {
        match text.split_once('#') {
            Some((url, username)) => Self { url: url.to_owned(), username: Some(username.to_owned()) },
            None => Self { url: text.to_owned(), username: None },
        }
    }

    fn fits(&self, url: &str, username: &str) -> bool {
        self.url == url && self.username.as_deref().is_none_or(|name| name == username)
    }
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Registered {
    /// Our side of it.
    pub(crate) endpoint: EndpointSummary,
    /// The user name that callbacks come with.
    pub(crate) username: String,
    /// It had been registered before, and nothing was changed.
    pub(crate) already: bool,
    /// The list as the API shows it now.
    pub(crate) entries: Vec<ApiCallbackEntry>,
    /// Entries that should have gone and stayed, because the server adds to its list.
    pub(crate) remaining: Vec<EntryName>,
}

/// Registers a callback. `review` sees the plan before anything is sent, and can refuse it.
///
/// A credential is made anew each time, because the API never shows which password is in force: its user name tells.
/// If nothing was sent in the end, it is retired again.
pub(crate) async fn register(
    client: &Client,
    endpoints: &Endpoints,
    new: &NewCallback,
    foreign: &Foreign,
    review: impl FnOnce(&Plan) -> Outcome,
) -> Outcome<Registered> {
    let mage_id = client.session().await?.mage_id;
    let list = client.callbacks().list().await?;
    let endpoint = ensure_endpoint(client, endpoints, new, &mage_id).await?;
    if let Some(username) = registered_username(&endpoint, &list) {
        return Ok(Registered { endpoint, username, already: true, entries: list, remaining: Vec::new() });
    }
    retire_leftovers(endpoints, &endpoint).await?;
    let credential = endpoints.issue_credential(endpoint.id).await?;
    let registration = Registration::new(new.url.as_str(), &credential.username, credential.password)
        .map_err(eqp_client::Error::Registration)?
        .labelled(&new.name);
    let store = Passwords { endpoints, supplied: &foreign.passwords };
    let wish = Wish::Register(registration);
    let allowance = allowance(&list, &foreign.may_lose);

    let plan = match client.callbacks().plan(&wish, &store, &allowance).await {
        Ok(plan) => plan,
        Err(error) => return Err(withdraw(endpoints, credential.id, of_plan(error)).await),
    };
    if let Err(failure) = review(&plan) {
        return Err(withdraw(endpoints, credential.id, failure).await);
    }
    if let Err(error) = is_loaded(endpoints).await {
        return Err(withdraw(endpoints, credential.id, error.into()).await);
    }
    let applied = match client.callbacks().apply(&plan).await {
        Ok(applied) => applied,
        // It may be in force: the credential stays usable.
        Err(error) if error.outcome_is_unknown() || matches!(error, eqp_client::Error::NotVerified { .. }) => {
            return Err(error.into());
        }
        Err(error) => return Err(withdraw(endpoints, credential.id, error.into()).await),
    };
    endpoints.activate(credential.id).await?;
    Ok(Registered {
        endpoint,
        username: credential.username,
        already: false,
        entries: applied.entries,
        remaining: applied.remaining,
    })
}

/// Waits until every receiver takes what was issued: the first callback can come as soon as the list is written.
async fn is_loaded(endpoints: &Endpoints) -> Result<(), eqp_receiver::Error> {
    let change = endpoints.generation().await?;
    endpoints.wait_until_loaded(change, LOAD_DEADLINE).await?;
    Ok(())
}

async fn ensure_endpoint(
    client: &Client,
    endpoints: &Endpoints,
    new: &NewCallback,
    mage_id: &MageId,
) -> Outcome<EndpointSummary> {
    let environment = client.environment();
    let path = new.path.as_deref().unwrap_or(new.url.path());
    if let Some(found) = find(endpoints, &new.name).await? {
        let same = found.environment == environment
            && found.mage_id == *mage_id
            && found.public_url == new.url.as_str()
            && found.path == path;
        if same {
            return Ok(found);
        }
        return Err(Failure::usage(format!("there is another endpoint with the name `{}`", new.name))
            .why(format!(
                "it is for {} in {}, at {} (path {})",
                found.mage_id, found.environment, found.public_url, found.path
            ))
            .next("choose another name with --name"));
    }
    let account = endpoints.ensure_account(environment, mage_id).await?;
    let new_endpoint =
        NewEndpoint { account, name: new.name.clone(), path: Some(path.to_owned()), public_url: new.url.clone() };
    endpoints.create(&new_endpoint).await?;
    find(endpoints, &new.name)
        .await?
        .ok_or_else(|| Failure::new(Exit::Failed, format!("the endpoint `{}` was made and has gone again", new.name)))
}

async fn find(endpoints: &Endpoints, name: &str) -> Outcome<Option<EndpointSummary>> {
    Ok(endpoints.list().await?.into_iter().find(|endpoint| endpoint.name == name))
}

/// The user name under which the endpoint is in the list, if it is one that we take.
fn registered_username(endpoint: &EndpointSummary, list: &[ApiCallbackEntry]) -> Option<String> {
    let entries = list.iter().filter_map(ApiCallbackEntry::known).filter(|entry| entry.url == endpoint.public_url);
    let ours = entries.filter_map(|entry| entry.username.as_deref()).find(|username| {
        let mut credentials = endpoint.credentials.iter();
        credentials.any(|credential| credential.username == **username && credential.state == CredentialState::Live)
    });
    ours.map(str::to_owned)
}

/// Credentials of earlier tries that never came into force would stand in the way of a new one.
async fn retire_leftovers(endpoints: &Endpoints, endpoint: &EndpointSummary) -> Outcome {
    for credential in &endpoint.credentials {
        if credential.state == CredentialState::Pending {
            endpoints.retire_credential(credential.id).await?;
        }
    }
    Ok(())
}

/// Takes a credential back that was never sent, and passes the failure on: it is the one to tell.
async fn withdraw(endpoints: &Endpoints, credential: CredentialId, failure: Failure) -> Failure {
    match endpoints.retire_credential(credential).await {
        Ok(()) => failure,
        Err(error) => failure.why(format!("and the credential made for it could not be retired: {error}")),
    }
}

fn allowance(list: &[ApiCallbackEntry], may_lose: &[EntryMatch]) -> Allowance {
    let names = list.iter().map(EntryName::of);
    let allowed = names.filter(|name| may_lose.iter().any(|entry| entry.fits(name.url(), name.username())));
    allowed.fold(Allowance::none(), Allowance::and)
}

/// A refusal names the ways on as this tool spells them.
fn of_plan(error: eqp_client::Error) -> Failure {
    let ways = match &error {
        eqp_client::Error::Refusal(refusal) => {
            let readable = refusal.entries.iter().find(|refused| refused.is_readable);
            let url = readable.map_or("URL", |refused| refused.entry.url()).to_owned();
            Some(url)
        }
        _ => None,
    };
    let failure = Failure::from(error);
    match ways {
        None => failure,
        Some(url) => failure
            .next(format!("supply each password from a file: --password-of {url}=FILE"))
            .next(format!("or say that an entry may lose its password: --may-lose-password {url}")),
    }
}

/// Passwords issued here, which the database keeps sealed, and those that were supplied.
struct Passwords<'a> {
    endpoints: &'a Endpoints,
    supplied: &'a [(EntryMatch, Secret)],
}

impl PasswordStore for Passwords<'_> {
    async fn held(&self, url: &str, username: &str) -> Result<Held, StoreError> {
        let issued = self.endpoints.password(url, username).await;
        if let Some(password) = issued.map_err(|error| Box::new(error) as Box<dyn StdError + Send + Sync>)? {
            return Ok(Held { password: Some(password), is_ours: true });
        }
        let supplied = self.supplied.iter().find(|(entry, _)| entry.fits(url, username));
        Ok(Held { password: supplied.map(|(_, password)| password.clone()), is_ours: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_by_url_or_by_url_and_user() {
        let url = "https://a.example/cb?x=1";
        assert!(EntryMatch::parse(url).fits(url, "anybody"));
        let one = EntryMatch::parse("https://a.example/cb?x=1#key");
        assert!(one.fits(url, "key") && !one.fits(url, "other") && !one.fits("https://a.example/cb", "key"));
    }
}
