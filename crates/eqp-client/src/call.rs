//! One call from beginning to end: a token, as many tries as are safe, one repeat after a 401.

use std::sync::Arc;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;
use crate::session::Token;
use crate::transport::{Authorization, Request};

impl Client {
    /// A good token.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, Error> {
        self.inner.tokens.token(&self.inner.transport, &self.inner.retry, None).await
    }

    /// Makes a call.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, Error> {
        let inner = &*self.inner;
        let mut token = self.token().await?;
        let mut is_renewed = false;
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match inner.transport.send(&request, Authorization::Token(&token.ust)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.is_unauthorized_token() && !is_renewed {
                // Tokens can end before their time. A request that was refused for its token did nothing.
                is_renewed = true;
                tried -= 1;
                token = inner.tokens.token(&inner.transport, &inner.retry, Some(&token)).await?;
                continue;
            }
            let Some(wait) = inner.retry.wait(tried, &error, request.endpoint.repeat, fastrand::f64()) else {
                return Err(error);
            };
            tracing::debug!(call = request.endpoint.name, tried, ?wait, %error, "will be sent again");
            tokio::time::sleep(wait).await;
        }
    }
}
