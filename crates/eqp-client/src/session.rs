//! The session token: asked for once by however many calls wait for it, renewed before it ends.
//!
//! Its life is counted from the answer by a monotonic clock, so a wrong clock of this machine does no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eqp_types::{ApiKey, MageId, Secret, SessionRequest, SessionToken};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::endpoint;
use crate::error::Error;
use crate::retry::RetryPolicy;
use crate::transport::{Authorization, Request, Transport};

/// The life that is asked for, in seconds: the documentation's own figure.
const WISHED_LIFE: i64 = 7200;
/// A token is renewed this long before its end, or a tenth of its life before, if that is less.
const EARLY: Duration = Duration::from_mins(1);

/// Who the access key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The account.
    pub mage_id: MageId,
    /// How long the token that is held now still lives.
    pub expires_in: Duration,
}

/// A token that was answered.
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

    fn left(&self, now: Instant) -> Duration {
        self.life.saturating_sub(now.saturating_duration_since(self.answered_at))
    }

    fn is_good(&self, now: Instant) -> bool {
        self.left(now) > EARLY.min(self.life / 10)
    }

    pub(crate) fn session(&self) -> Session {
        Session { mage_id: self.mage_id.clone(), expires_in: self.left(Instant::now()) }
    }
}

/// The one place that holds the token of a client.
pub(crate) struct TokenKeeper {
    key: ApiKey,
    /// How many requests for a token have ended, however they ended.
    ended: AtomicU64,
    /// Held while a token is asked for: whoever waits for it gets that request's result.
    last: Mutex<Last>,
}

/// How the last request for a token ended.
enum Last {
    None,
    Token(Arc<Token>),
    Failed(Arc<Error>),
}

impl TokenKeeper {
    pub(crate) fn new(key: ApiKey) -> Self {
        Self { key, ended: AtomicU64::new(0), last: Mutex::new(Last::None) }
    }

    /// A good token: the one held, or a new one. `refused` is a token that the server did not take.
    pub(crate) async fn token(
        &self,
        transport: &Transport,
        retry: &RetryPolicy,
        refused: Option<&Arc<Token>>,
    ) -> Result<Arc<Token>, Error> {
        let ended_before = self.ended.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        match &*last {
            Last::Token(token)
                if token.is_good(Instant::now()) && !refused.is_some_and(|old| Arc::ptr_eq(old, token)) =>
            {
                return Ok(Arc::clone(token));
            }
            // A request ended while this call waited for it: its failure is this call's too.
            Last::Failed(error) if self.ended.load(Ordering::Acquire) > ended_before => {
                return Err(Error::Session(Arc::clone(error)));
            }
            _ => {}
        }
        let result = self.ask(transport, retry).await.map(Arc::new).map_err(Arc::new);
        self.ended.fetch_add(1, Ordering::Release);
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

    async fn ask(&self, transport: &Transport, retry: &RetryPolicy) -> Result<Token, Error> {
        let request = Request::new(&endpoint::SESSION_TOKEN, &[])?.json(&SessionRequest::new(Some(WISHED_LIFE)))?;
        let mut tried = 0;
        loop {
            tried += 1;
            let who = Authorization::Key { id: &self.key.application_id, secret: &self.key.application_secret };
            let error = match transport.send(&request, who).await {
                Ok(answer) => return Ok(Token::new(answer.json()?, Instant::now())),
                Err(error) => error,
            };
            match retry.wait(tried, &error, request.endpoint.repeat, fastrand::f64()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }
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
        // (life, seconds since the answer, still good)
        for (life, age, is_good) in [
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
            assert_eq!(token(life, begin).is_good(now), is_good, "{life} s after {age} s");
        }
    }
}
