//! Time limits for work with the database. Without them, a network that drops all packets would block callers forever.

use std::time::Duration;

use tokio::time::timeout;

use crate::Error;

/// The time limit for queries of readers and tools. Counting the rows of a large table can take up to a minute.
pub const ANSWER: Duration = Duration::from_mins(1);

/// Returns the result of `work`, or a retryable error if it takes longer. Whether the database has done it is then unknown.
pub fn within<T, E>(
    longest: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Error>>
where
    Error: From<E>,
{
    // Boxed, because a future that contains another one as an argument reserves space for it twice.
    let limited = timeout(longest, Box::pin(work));
    async move {
        match limited.await {
            Ok(result) => Ok(result?),
            Err(_elapsed) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_ends_in_an_error_that_invites_to_try_again() {
        let silence = std::future::pending::<Result<(), Error>>();
        assert!(within(Duration::from_millis(1), silence).await.unwrap_err().is_retryable());
        assert_eq!(within(ANSWER, async { Ok::<_, Error>(7) }).await.unwrap(), 7);
    }
}
