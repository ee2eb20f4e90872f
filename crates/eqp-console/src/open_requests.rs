//! Limits the number of requests that stay open, each of which polls the database several times per second: in total, and of one token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::principal::Principal;
use crate::problem::{Problem, ProblemCode};

/// The maximum number of those of one token, so that one caller cannot use all of them.
const MAX_OF_TOKEN: usize = 16;

/// The requests of one kind that are open.
#[derive(Clone, Debug)]
pub(crate) struct OpenRequests {
    /// Their name in errors, such as `open streams`.
    what: &'static str,
    all: Arc<Semaphore>,
    of_tokens: OpenOfTokens,
}

/// The number of open requests of each token that has some.
type OpenOfTokens = Arc<Mutex<HashMap<i64, usize>>>;

/// The right to keep a request open, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenPermit {
    _of_all: OwnedSemaphorePermit,
    token: Option<(i64, OpenOfTokens)>,
}

impl OpenRequests {
    /// Begins to count the requests of a kind, such as `open streams`, of which at most `max` may be open.
    pub(crate) fn new(what: &'static str, max: usize) -> Self {
        Self { what, all: Arc::new(Semaphore::new(max)), of_tokens: Arc::default() }
    }

    /// Counts one more, unless too many are open.
    pub(crate) fn open(&self, principal: &Principal) -> Result<OpenPermit, Problem> {
        let busy = |whose: &str| {
            Problem::new(ProblemCode::Busy).detail(format!("there are too many {}{whose}; retry later", self.what))
        };
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| busy(""))?;
        let Some(id) = principal.token() else { return Ok(OpenPermit { _of_all: of_all, token: None }) };
        let mut open = self.of_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(id).or_default();
        if *count >= MAX_OF_TOKEN {
            return Err(busy(" of this token"));
        }
        *count += 1;
        Ok(OpenPermit { _of_all: of_all, token: Some((id, Arc::clone(&self.of_tokens))) })
    }
}

impl Drop for OpenPermit {
    fn drop(&mut self) {
        let Some((id, open)) = &self.token else { return };
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(id) {
            *count -= 1;
            if *count == 0 {
                open.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 20;

    fn token(id: i64) -> Principal {
        Principal::Token { id, name: "reader".into(), scopes: Vec::new() }
    }

    #[test]
    fn one_token_cannot_use_all() {
        let streams = OpenRequests::new("open streams", MAX);
        let mut open: Vec<_> = (0..MAX_OF_TOKEN).map(|_| streams.open(&token(1)).unwrap()).collect();
        assert!(streams.open(&token(1)).is_err());
        let other = streams.open(&token(2)).unwrap();
        open.pop();
        open.push(streams.open(&token(1)).unwrap());
        drop((open, other));
        assert!(streams.of_tokens.lock().unwrap().is_empty());
        assert_eq!(streams.all.available_permits(), MAX);
    }

    #[test]
    fn all_callers_together_have_a_limit() {
        let streams = OpenRequests::new("open streams", MAX);
        let open: Vec<_> = (0..MAX).map(|_| streams.open(&Principal::Local).unwrap()).collect();
        assert!(streams.open(&Principal::Local).is_err() && streams.open(&token(1)).is_err());
        drop(open);
        assert!(streams.open(&token(1)).is_ok());
    }
}
