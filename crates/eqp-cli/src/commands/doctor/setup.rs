//! The steps until the first callback arrives from Adobe.

use eqp_console::{Channel, SetupState, SetupStep, SetupStepKind, StatusQuery};
use eqp_sync::probe_public_url;
use time::{Duration, OffsetDateTime};

use super::public_url::local_ca;
use crate::compose::client::client;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::counted;

/// The age up to which a callback or a canary proves that the public URL leads to a receiver.
const PROVES_FOR: Duration = Duration::days(1);
/// The maximum number of URLs that are called.
const MAX_URLS: usize = 10;

/// The steps, and what is known about the public URL.
#[derive(Default)]
pub(super) struct Setup {
    /// The steps, or nothing once a callback has arrived.
    pub(super) steps: Vec<SetupStep>,
    /// Whether a callback or a canary has arrived through the public URL lately, at a receiver that is still running.
    pub(super) is_proven: bool,
}

/// Returns the steps that the database shows, as the overview page does. Errors are reported by the checks.
pub(super) async fn recorded(context: &Context) -> Setup {
    let asked = async {
        let operator = Operator::open_to_read(context).await?;
        let status = operator.client().status(&StatusQuery::default()).await;
        operator.close().await?;
        Ok::<_, Failure>(status?)
    };
    let Ok(status) = asked.await else { return Setup::default() };
    let is_proven = status.channel.is_some_and(|channel| is_proven(&channel, OffsetDateTime::now_utc()));
    Setup { steps: status.setup, is_proven }
}

fn is_proven(channel: &Channel, now: OffsetDateTime) -> bool {
    let last = channel.last_callback_at.max(channel.canary_passed_at);
    channel.receivers > 0 && last.is_some_and(|at| now - at <= PROVES_FOR)
}

/// Returns the steps as far as the configuration and the Marketplace show them. Changes nothing.
pub(super) async fn without_database(context: &Context) -> Setup {
    let options = &context.settings.marketplace;
    let mut steps = Vec::new();
    let mut add = |step, state, detail: String| steps.push(SetupStep::new(step, state, detail));
    let has_key = options.has_key();
    let (state, detail) = if has_key {
        (SetupState::Done, "done, in the configuration of this machine")
    } else {
        (SetupState::Missing, "no (eqp login)")
    };
    add(SetupStepKind::KeyStored, state, detail.to_owned());
    let listed = if has_key { Some(listed_urls(context).await) } else { None };
    let registration = match listed {
        None => Registration::Unknown("not checked without an access key".to_owned()),
        Some(Err(failure)) => Registration::Unknown(format!("not checked: {}", failure.in_one_line())),
        Some(Ok(urls)) => found(context, &urls).await,
    };
    let (registered, reachable) = registration.states();
    add(SetupStepKind::EndpointReachable, reachable.0, reachable.1);
    add(SetupStepKind::Registered, registered.0, registered.1);
    add(SetupStepKind::FirstCallback, SetupState::Missing, "not yet: there is no database here".to_owned());
    Setup { steps, is_proven: false }
}

/// Returns the URLs in the Marketplace's list of callbacks.
async fn listed_urls(context: &Context) -> Result<Vec<String>> {
    let entries = client(&context.settings.marketplace)?.callbacks().list().await?;
    Ok(entries.iter().filter_map(|entry| Some(entry.known()?.url.clone())).collect())
}

/// The state of a registration in the Marketplace's list of callbacks.
enum Registration {
    /// It could not be read, for this reason.
    Unknown(String),
    Empty,
    /// Its entries lead to no receiver: the number of entries, and the first problem.
    Unreachable(usize, String),
    /// An entry with this URL leads to a receiver.
    Reached(String),
}

/// Calls the listed URLs until one leads to a receiver.
async fn found(context: &Context, urls: &[String]) -> Registration {
    let local_ca = local_ca(context);
    let mut problem = None;
    for url in urls.iter().take(MAX_URLS) {
        match probe_public_url(url, local_ca.as_deref()).await {
            Ok(_) => return Registration::Reached(url.clone()),
            Err(error) => problem = problem.or(Some(format!("{url}: {error}"))),
        }
    }
    problem.map_or(Registration::Empty, |problem| Registration::Unreachable(urls.len(), problem))
}

impl Registration {
    /// Returns the states of the steps `registered` and `endpoint reachable`.
    fn states(self) -> ((SetupState, String), (SetupState, String)) {
        match self {
            Self::Unknown(why) => ((SetupState::Unknown, why.clone()), (SetupState::Unknown, why)),
            Self::Empty => (
                (SetupState::Missing, "no (eqp callbacks add)".to_owned()),
                (SetupState::Missing, "there is no endpoint".to_owned()),
            ),
            Self::Unreachable(count, problem) => (
                (
                    SetupState::Unknown,
                    format!("{} in the Marketplace's list, perhaps those of other programs", counted(count, "entry")),
                ),
                (SetupState::Missing, format!("no, {problem}")),
            ),
            Self::Reached(url) => {
                ((SetupState::Done, "done".to_owned()), (SetupState::Done, format!("yes, a receiver answers at {url}")))
            }
        }
    }
}
