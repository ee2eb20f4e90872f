//! Builds handlers from their definitions.

use std::sync::Arc;

use crate::exec::Exec;
use crate::slack::Slack;
use crate::webhook::Webhook;
use crate::{DefinitionError, DeliveryHandler, HandlerDefinition, HandlerEnvironment, HandlerSecrets};

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
        })
    }
}
