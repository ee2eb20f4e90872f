//! The rotation of the signing secret of a webhook: a new one beside the old one, until the old one is retired.

use eqp_store::MasterKey;
use eqp_store::internal::{ANSWER, signing_secret, within};
use eqp_store::sqlx::PgConnection;
use eqp_types::Secret;

use super::{SubscriptionError, Subscriptions, secrets};
use crate::webhook::Signer;
use crate::{HandlerDefinition, SignatureScheme};

/// The number of signing secrets that can be added before the earlier ones are retired. Each is a signature in every request.
const MAX_ADDED: u64 = 4;

impl Subscriptions {
    /// Adds a signing secret to a webhook. Requests with Standard Webhooks signatures are signed with it and the earlier ones until
    /// those are retired; a single HMAC is computed with the new one at once. `connection` is in a transaction, which the caller commits.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotSigned`] if requests are not signed, [`SubscriptionError::Handler`] if the secret does not have
    /// the form that the signature needs, [`SubscriptionError::TooManySigningSecrets`], [`SubscriptionError::Declared`] and
    /// [`SubscriptionError::NotFound`].
    pub async fn add_signing_secret(
        &self,
        connection: &mut PgConnection,
        name: &str,
        secret: &Secret,
        key: &MasterKey,
    ) -> Result<(), SubscriptionError> {
        let stored = self.by_name(name).await?;
        if let Some(file) = stored.declared_by {
            return Err(SubscriptionError::Declared { name: stored.name, file });
        }
        let handler = serde_json::from_str::<HandlerDefinition>(&stored.handler).ok();
        let handler = handler.ok_or_else(|| SubscriptionError::NotSigned { name: name.to_owned() })?;
        match &handler {
            HandlerDefinition::Webhook(webhook) if webhook.signature != SignatureScheme::None => {
                Signer::new(&webhook.signature, std::slice::from_ref(secret))?;
            }
            _ => return Err(SubscriptionError::NotSigned { name: stored.name }),
        }
        if within(ANSWER, signing_secret::count(connection, stored.id)).await? >= MAX_ADDED {
            return Err(SubscriptionError::TooManySigningSecrets { name: stored.name });
        }
        let sealed = secrets::seal_signing(key, &stored.name, &handler, secret)?;
        if within(ANSWER, signing_secret::add(connection, stored.id, &sealed)).await? {
            Ok(())
        } else {
            Err(SubscriptionError::NotFound { name: stored.name })
        }
    }

    /// Retires all signing secrets except the newest. Returns false if there was nothing to retire. `connection` is in a transaction,
    /// which the caller commits.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::Declared`] and [`SubscriptionError::NotFound`].
    pub async fn retire_signing_secrets(
        &self,
        connection: &mut PgConnection,
        name: &str,
    ) -> Result<bool, SubscriptionError> {
        let stored = self.by_name(name).await?;
        if let Some(file) = stored.declared_by {
            return Err(SubscriptionError::Declared { name: stored.name, file });
        }
        Ok(within(ANSWER, signing_secret::retire(connection, stored.id)).await?)
    }
}
