//! Builds handlers from their definitions.

use std::sync::Arc;

use crate::chat_threads::NoThreads;
use crate::discord::Discord;
#[cfg(feature = "email")]
use crate::email::Email;
use crate::exec::Exec;
use crate::slack::Slack;
use crate::teams::Teams;
use crate::webhook::Webhook;
use crate::{
    AddressGuard, DefinitionError, DeliveryHandler, HandlerDefinition, HandlerEnvironment, HandlerSecrets, NetworkError,
};

impl HandlerDefinition {
    /// Builds the handler. Returns `None` for [`HandlerDefinition::Pull`], because nothing is sent then.
    ///
    /// Sends nothing and starts nothing, so it can be used to check a definition.
    ///
    /// ```
    /// use eqp_deliver::{AddressGuard, HandlerDefinition, HandlerEnvironment, HandlerSecrets, WebhookDefinition};
    ///
    /// let environment = HandlerEnvironment::new(AddressGuard::default());
    /// let build = |url| HandlerDefinition::Webhook(WebhookDefinition::new(url)).build(&HandlerSecrets::default(), &environment);
    /// assert!(build("https://hooks.example.com/eqp").is_ok());
    /// assert!(build("https://127.0.0.1/eqp").is_err(), "this address is not public");
    /// ```
    ///
    /// # Errors
    /// [`DefinitionError`] if no delivery could succeed: if the definition is not valid, a secret is missing, or the environment does not
    /// allow it.
    pub fn build(
        &self,
        secrets: &HandlerSecrets,
        environment: &HandlerEnvironment,
    ) -> Result<Option<Arc<dyn DeliveryHandler>>, DefinitionError> {
        Ok(match self {
            Self::Webhook(webhook) => Some(Arc::new(Webhook::new(webhook, secrets, environment)?)),
            Self::Pull => None,
            Self::Exec(exec) => Some(Arc::new(Exec::new(exec, environment)?)),
            Self::Slack(slack) => Some(Arc::new(Slack::new(slack, secrets, environment)?)),
            Self::Discord => Some(Arc::new(Discord::new(secrets, environment)?)),
            Self::Teams => Some(Arc::new(Teams::new(secrets, environment)?)),
            #[cfg(feature = "email")]
            Self::Email(email) => Some(Arc::new(Email::new(email, environment)?)),
            #[cfg(not(feature = "email"))]
            Self::Email(_) => {
                return Err(DefinitionError::Mail { reason: "this program was built without mail".into() });
            }
        })
    }

    /// Checks a definition before a worker uses it. `environment` is that of this process, which can differ from the worker's; without
    /// one, only what every worker refuses is an error. Returns what this process cannot decide, one sentence each.
    ///
    /// # Errors
    /// [`DefinitionError`] as [`build`](Self::build) does.
    pub fn check(
        &self,
        secrets: &HandlerSecrets,
        environment: Option<&HandlerEnvironment>,
    ) -> Result<Vec<String>, DefinitionError> {
        let environment = match environment {
            Some(environment) => environment.clone(),
            None => HandlerEnvironment::new(everywhere()?),
        }
        .with_threads(Arc::new(NoThreads));
        match self {
            // Another process can have other programs.
            Self::Exec(exec) if environment.programs.contains_key(&exec.program) => Ok(Vec::new()),
            Self::Exec(exec) => Ok(vec![format!(
                "the configuration of this process has no program {0}; if the server that delivers has none either ([exec.{0}]), the first delivery pauses the subscription",
                exec.program
            )]),
            // As can their mail servers.
            #[cfg(feature = "email")]
            Self::Email(email) if environment.mail.is_none() => {
                crate::email::recipients(email)?;
                Ok(vec![
                    "the configuration of this process has no mail server; if the server that delivers has none either ([mail]), the first delivery pauses the subscription"
                        .to_owned(),
                ])
            }
            _ => self.build(secrets, &environment).map(|_| Vec::new()),
        }
    }
}

/// Returns a guard that allows every network.
fn everywhere() -> Result<AddressGuard, DefinitionError> {
    let setup = |error: NetworkError| DefinitionError::Setup { reason: error.to_string() };
    AddressGuard::allowing(["0.0.0.0/0", "::/0"]).map_err(setup)
}
