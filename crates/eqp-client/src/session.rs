//! Caches the session token: concurrent calls share one request for it, and it is renewed before it expires.
//!
//! Its lifetime is measured with a monotonic clock from the time of the response, so a wrong system clock does no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eqp_types::{ApiKey, MageId, Secret, SessionRequest, SessionToken, calls};
use http::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::error::Error;
use crate::retry::RetryPolicy;
use crate::transport::{Authorization, Request, Transport};

/// The requested lifetime in seconds, as in the documentation of the API.
const REQUESTED_LIFETIME: i64 = 7200;
/// A token is renewed this long before it expires, or after 90 % of its lifetime if that is later.
const RENEWAL_MARGIN: Duration = Duration::from_mins(1);

/// The current session: the account of the access key, and the remaining lifetime of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The ID of the account.
    pub mage_id: MageId,
    /// The remaining lifetime of the current session token.
    pub expires_in: Duration,
}

/// A token with the time at which it was received.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) mage_id: MageId,
    pub(crate) ust: Secret,
    answered_at: Instant,
    life: Duration,
}

impl Token {
    fn new(token: SessionToken, answered_at: Instant) -> Self {
        let life = Duration::from_secs(u64::try_from(token.expires_in).unwrap_or(0));
        Self { mage_id: token.mage_id, ust: token.ust, answered_at, life }
    }

    fn remaining(&self, now: Instant) -> Duration {
        self.life.saturating_sub(now.saturating_duration_since(self.answered_at))
    }

    fn is_valid(&self, now: Instant) -> bool {
        self.remaining(now) > RENEWAL_MARGIN.min(self.life / 10)
    }

    pub(crate) fn session(&self) -> Session {
        Session { mage_id: self.mage_id.clone(), expires_in: self.remaining(Instant::now()) }
    }
}

/// Holds the token of a client.
pub(crate) struct TokenCache {
    key: ApiKey,
    /// The number of completed requests for a token, successful or not.
    completed: AtomicU64,
    /// Locked while a token is requested, so that the calls that wait for the lock share the result.
    last: Mutex<Last>,
}

/// The result of the last request for a token.
enum Last {
    None,
    Token(Arc<Token>),
    Failed(Arc<Error>),
}

impl TokenCache {
    pub(crate) fn new(key: ApiKey) -> Self {
        Self { key, completed: AtomicU64::new(0), last: Mutex::new(Last::None) }
    }

    /// Returns a valid token: the cached one, or a new one. `rejected` is a token that the server has rejected.
    pub(crate) async fn token(
        &self,
        transport: &Transport,
        retry: &RetryPolicy,
        rejected: Option<&Arc<Token>>,
    ) -> Result<Arc<Token>, Error> {
        let completed_before = self.completed.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        match &*last {
            Last::Token(token)
                if token.is_valid(Instant::now()) && !rejected.is_some_and(|old| Arc::ptr_eq(old, token)) =>
            {
                return Ok(Arc::clone(token));
            }
            // A request failed while this call waited for it: repeating it for every waiting call would only multiply the failures.
            Last::Failed(error) if self.completed.load(Ordering::Acquire) > completed_before => {
                return Err(Error::Session(Arc::clone(error)));
            }
            _ => {}
        }
        let result = self.request(transport, retry).await.map(Arc::new).map_err(Arc::new);
        self.completed.fetch_add(1, Ordering::Release);
        match result {
            Ok(token) => {
                *last = Last::Token(Arc::clone(&token));
                Ok(token)
            }
            Err(error) => {
                *last = Last::Failed(Arc::clone(&error));
                Err(Error::Session(error))
            }
        }
    }

    async fn request(&self, transport: &Transport, retry: &RetryPolicy) -> Result<Token, Error> {
        let request = Request::new(&calls::SESSION_TOKEN, &[])?.json(&SessionRequest::new(Some(REQUESTED_LIFETIME)))?;
        let mut tried = 0;
        loop {
            tried += 1;
            let authorization =
                Authorization::Key { id: &self.key.application_id, secret: &self.key.application_secret };
            let error = match transport.send(&request, authorization).await {
                Ok(answer) => return usable(&answer, answer.json()?),
                Err(error) => error,
            };
            match retry.wait(tried, &error, request.api_call.retry) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }
}

/// Returns the token of a response, unless it cannot be sent.
fn usable(answer: &Answer, token: SessionToken) -> Result<Token, Error> {
    let text = token.ust.expose();
    if text.is_empty() || HeaderValue::from_str(text).is_err() {
        return Err(answer.unexpected("ust", "the token is empty or cannot be sent in a header".to_owned()));
    }
    Ok(Token::new(token, Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(life: i64, answered_at: Instant) -> Token {
        let (mage_id, ust) = (MageId::new("MAG1").unwrap(), Secret::new("t"));
        Token::new(SessionToken { mage_id, ust, expires_in: life }, answered_at)
    }

    #[test]
    fn a_token_is_renewed_a_little_before_its_end() {
        let begin = Instant::now();
        // (lifetime, seconds since the response, still valid)
        for (life, age, is_valid) in [
            (7200, 0, true),
            (7200, 7139, true),
            (7200, 7140, false),
            (7200, 9000, false),
            (100, 89, true),
            (100, 90, false),
            (1, 0, true),
            (0, 0, false),
            (-5, 0, false),
            (i64::MAX, 1_000_000, true),
        ] {
            let now = begin + Duration::from_secs(age);
            assert_eq!(token(life, begin).is_valid(now), is_valid, "{life} s after {age} s");
        }
    }
}
