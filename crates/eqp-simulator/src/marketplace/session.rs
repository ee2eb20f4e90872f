//! Session tokens: grant, look up and end.

use std::time::Duration;

use eqp_types::{MageId, Secret, SessionRequest};
use serde_json::Value;
use tokio::time::Instant;

use super::Marketplace;
use super::state::AccountIndex;
use crate::error_response::ErrorResponse;

/// A granted session.
pub(crate) struct Granted {
    pub(crate) mage_id: MageId,
    pub(crate) token: String,
    pub(crate) expires_in: u64,
}

impl Marketplace {
    /// Grants a token for an access key.
    pub(crate) fn grant(
        &mut self,
        id: &str,
        secret: &Secret,
        body: &Value,
        now: Instant,
    ) -> Result<Granted, ErrorResponse> {
        let account = self
            .accounts
            .iter_mut()
            .find(|account| account.api_key.application_id == id)
            .filter(|account| account.api_key.application_secret.expose() == secret.expose())
            .ok_or_else(|| ErrorResponse::unauthorized("Wrong application ID or secret"))?;
        if body.get("grant_type").and_then(Value::as_str) != Some(SessionRequest::GRANT_TYPE) {
            return Err(ErrorResponse::bad_request("grant_type must be `session`"));
        }
        let longest = self.behaviour.longest_token_life.as_secs();
        let expires_in = match body.get("expires_in") {
            None | Some(Value::Null) => longest,
            Some(requested) => requested
                .as_u64()
                .or_else(|| requested.as_str()?.parse().ok())
                .filter(|requested| *requested > 0)
                .ok_or_else(|| ErrorResponse::bad_request("expires_in must be a positive number of seconds"))?
                .min(longest),
        };
        let token = format!("{}.{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        account.tokens.add(token.clone(), Duration::from_secs(expires_in), now);
        Ok(Granted { mage_id: account.mage_id.clone(), token, expires_in })
    }

    /// Ends a session early.
    pub(crate) fn end_session(&mut self, token: &str) {
        self.accounts.iter_mut().for_each(|account| account.tokens.end(token));
    }

    /// Returns the account of a valid token.
    pub(crate) fn account_of(&self, token: &str, now: Instant) -> Option<AccountIndex> {
        self.accounts.iter().position(|account| account.tokens.is_live(token, now))
    }
}
