//! Work on blocking threads: how it is cancelled, and the error of a task that ended early.

use eqp_check::Cancellation;
use tokio_util::sync::CancellationToken;

/// The reason why a task ended early: it panicked, or the runtime was shut down.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TaskError(pub(crate) tokio::task::JoinError);

/// Runs work on a blocking thread. When `signal` is cancelled, the work is asked to end, and waited for.
pub(crate) async fn run_cancellable<T: Send + 'static>(
    signal: &CancellationToken,
    work: impl FnOnce(&Cancellation) -> T + Send + 'static,
) -> Result<T, TaskError> {
    let cancellation = Cancellation::default();
    let of_work = cancellation.clone();
    let mut running = tokio::task::spawn_blocking(move || work(&of_work));
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = signal.cancelled() => {
            cancellation.cancel();
            running.await
        }
    };
    ended.map_err(TaskError)
}
