//! Session tokens.

use std::collections::HashMap;
use std::time::Duration;

use eqp_types::{MageId, Secret, SessionRequest};
use serde_json::Value;
use tokio::time::Instant;

use super::{AccountIndex, Market};
use crate::refused::Refused;

/// The live tokens of an account. They expire by real time, as the client counts it.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<String, Instant>);

impl Tokens {
    fn add(&mut self, token: String, life: Duration, now: Instant) {
        self.0.retain(|_, end| *end > now);
        self.0.insert(token, now + life);
    }

    /// Ends every token.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Ends one token.
    fn end(&mut self, token: &str) {
        self.0.remove(token);
    }

    fn is_live(&self, token: &str, now: Instant) -> bool {
        self.0.get(token).is_some_and(|end| *end > now)
    }
}

/// What the token call answers.
pub(crate) struct Granted {
    pub(crate) mage_id: MageId,
    pub(crate) token: String,
    pub(crate) expires_in: u64,
}

impl Market {
    /// Gives out a token.
    pub(crate) fn grant(&mut self, id: &str, secret: &Secret, body: &Value, now: Instant) -> Result<Granted, Refused> {
        let account = self
            .accounts
            .iter_mut()
            .find(|account| account.api_key.application_id == id)
            .filter(|account| account.api_key.application_secret.expose() == secret.expose())
            .ok_or_else(|| Refused::unauthorized("Wrong application id or secret"))?;
        if body.get("grant_type").and_then(Value::as_str) != Some(SessionRequest::GRANT_TYPE) {
            return Err(Refused::bad_request("grant_type must be `session`"));
        }
        let longest = self.manners.longest_token_life.as_secs();
        let expires_in = match body.get("expires_in") {
            None | Some(Value::Null) => longest,
            Some(wish) => wish
                .as_u64()
                .or_else(|| wish.as_str()?.parse().ok())
                .filter(|wish| *wish > 0)
                .ok_or_else(|| Refused::bad_request("expires_in must be a positive number of seconds"))?
                .min(longest),
        };
        let token = format!("{}.{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        account.tokens.add(token.clone(), Duration::from_secs(expires_in), now);
        Ok(Granted { mage_id: account.mage_id.clone(), token, expires_in })
    }

    /// Ends a token before its time.
    pub(crate) fn end_session(&mut self, token: &str) {
        self.accounts.iter_mut().for_each(|account| account.tokens.end(token));
    }

    /// Whose token this is, if it is live.
    pub(crate) fn account_of(&self, token: &str, now: Instant) -> Option<AccountIndex> {
        self.accounts.iter().position(|account| account.tokens.is_live(token, now))
    }
}
