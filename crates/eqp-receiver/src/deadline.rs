//! Bounds of time on work with the database: a network that goes silent must not stop anybody for good.

use std::time::Duration;

use tokio::time::timeout;

use crate::Error;

/// For questions of readers and tools; counting a large table takes its time.
pub(crate) const ANSWER: Duration = Duration::from_mins(1);

/// Gives work up that takes longer. What becomes of it in the database is unknown then.
pub(crate) fn within<T, E>(
    longest: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Error>>
where
    Error: From<E>,
{
    // Boxed, because each future around a future holds room for it twice.
    let limited = timeout(longest, Box::pin(work));
    async move {
        match limited.await {
            Ok(outcome) => Ok(outcome?),
            Err(_elapsed) => Err(Error::Database(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
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
