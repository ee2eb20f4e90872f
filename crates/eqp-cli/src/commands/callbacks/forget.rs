//! `eqp callbacks forget`: retires an endpoint that is no longer registered.

use clap::Args;
use eqp_store::{EndpointSummary, Endpoints};
use serde::Serialize;

use super::view;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::{Database, Upgrade};
use crate::compose::receiver::{endpoints_to_read, known_master_key};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, shell_word};

/// Forget an endpoint that is no longer registered
///
/// The endpoint is no longer listed or checked, and its name and path can be used again, for example to register the
/// path under another name. Its stored callbacks and events remain. To remove a registration, run `eqp callbacks
/// remove` first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks remove --name main --grace 0s
  eqp callbacks forget --name main")]
pub(crate) struct Forget {
    /// Name of the endpoint
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Show what would be forgotten, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A forgotten endpoint as JSON. One of the fields is present.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ForgottenEndpoint<'a> {
    /// The name of the endpoint that was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<&'a str>,
    /// The name of the endpoint that would be forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_forget: Option<&'a str>,
}

struct ForgetPlan(EndpointSummary);

impl Plan for ForgetPlan {
    fn show(self, output: Output) -> Result {
        let name = self.0.name.as_str();
        if output.is_json() {
            return output.json(&ForgottenEndpoint { forgotten: None, would_forget: Some(name) });
        }
        output.line(format_args!("would forget the endpoint {name} ({})", self.0.public_url))
    }

    /// It can be registered again.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

struct Forgetting<'a> {
    endpoints: Option<Endpoints>,
    name: &'a str,
}

impl Change for Forgetting<'_> {
    type Plan = ForgetPlan;
    type Applied = ();

    async fn observe(&mut self) -> Result<ForgetPlan> {
        let name = self.name;
        let unknown = || {
            Failure::new(Exit::NotFound, format!("there is no endpoint {name}"))
                .next("list the endpoints: eqp callbacks plan")
        };
        let listed = self.endpoints.as_ref().ok_or_else(unknown)?.list().await?;
        let endpoint = listed.into_iter().find(|endpoint| endpoint.name == name).ok_or_else(unknown)?;
        let word = shell_word(name);
        if endpoint.is_in_use() {
            return Err(Failure::new(Exit::Failed, format!("the endpoint {name} is still registered"))
                .next(format!("remove its registration first: eqp callbacks remove --name {word}")));
        }
        if let Some(accepted) = view::still_accepted_text(&endpoint) {
            return Err(Failure::new(Exit::Failed, format!("the endpoint {name} still accepts callbacks"))
                .why(accepted)
                .next(format!("wait until then, or end it now: eqp callbacks remove --name {word} --grace 0s")));
        }
        Ok(ForgetPlan(endpoint))
    }

    async fn apply(self, plan: ForgetPlan, _: Confirmation) -> Result {
        let endpoints = self.endpoints.expect("the endpoint was found");
        Ok(endpoints.forget(plan.0.id).await?)
    }
}

impl Forget {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let data = context.settings.data.look()?;
        let key = known_master_key(&data)?;
        let forget =
            async |endpoints| change::run(context, Forgetting { endpoints, name: &self.name }, self.dry_run).await;
        let forgotten = match Database::open_to_look(context, Upgrade::unless(self.dry_run)).await? {
            None => forget(None).await,
            Some(database) => {
                let forgotten = async { forget(endpoints_to_read(&database, &data, key).await?).await }.await;
                database.close().await?;
                forgotten
            }
        };
        if forgotten?.is_none() {
            return Ok(());
        }
        if context.output.is_json() {
            return context.output.json(&ForgottenEndpoint { forgotten: Some(&self.name), would_forget: None });
        }
        context.output.line(format_args!("forgot the endpoint {}; its callbacks and events remain", self.name))
    }
}
