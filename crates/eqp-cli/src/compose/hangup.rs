//! SIGHUP, which asks a server to read its certificate again. It never ends the program.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::failure::{Exit, Failure, Outcome};

/// Notified by each SIGHUP from now on.
pub(crate) fn on_signal() -> Outcome<Arc<Notify>> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, "cannot listen for signals").because(&error);
    let mut hangups = signal(SignalKind::hangup()).map_err(failed)?;
    let reload = Arc::new(Notify::new());
    let notify = Arc::clone(&reload);
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            notify.notify_one();
        }
    });
    Ok(reload)
}
