//! Receives notifications of changes from Postgres.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::supervise::{Part, Supervisor};

/// The wait before listening again after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// A channel of notifications.
#[derive(Clone, Copy, Debug)]
pub enum Channel {
    /// A projector has recorded events.
    Events,
    /// Endpoints or credentials were changed.
    Credentials,
}

impl Channel {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "eqp_events",
            Self::Credentials => "eqp_credentials",
        }
    }
}

/// Listens for notifications on one channel. Notifications can be spurious, and a pooler may not pass them on at all, so callers also
/// poll.
#[derive(Debug)]
pub struct NotificationListener {
    changed: watch::Receiver<()>,
    listening: Arc<Listening>,
}

/// A task that listens on a separate connection, which is closed when this is dropped.
#[derive(Debug)]
struct Listening {
    changed: watch::Receiver<()>,
    _task: AbortOnDropHandle<()>,
}

/// The listener of many readers of one database and channel, which share one connection while there are any.
#[derive(Clone, Debug, Default)]
pub struct SharedListener(Arc<Mutex<Weak<Listening>>>);

impl SharedListener {
    /// Returns a listener that shares its connection with the others.
    pub fn listen(&self, pool: &PgPool, channel: Channel, supervisor: Supervisor) -> NotificationListener {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listening) = shared.upgrade() {
            return NotificationListener { changed: listening.changed.clone(), listening };
        }
        let listener = NotificationListener::new(pool, channel, supervisor);
        *shared = Arc::downgrade(&listener.listening);
        listener
    }
}

impl NotificationListener {
    /// Listens on the database of `pool`, but on a separate connection: the pool may be small, and a listener never returns its
    /// connection.
    pub fn new(pool: &PgPool, channel: Channel, supervisor: Supervisor) -> Self {
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(pool.connect_options().as_ref().clone());
        let (notifier, changed) = watch::channel(());
        let listener: JoinHandle<()> = tokio::spawn(async move {
            let listening = || async {
                loop {
                    if let Err(error) = listen(&own, channel, &notifier, &supervisor).await {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "cannot listen for notifications, retrying"
                        );
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            };
            // Aborted when the handle is dropped, so it needs no shutdown token.
            let _never = supervisor.run(Part::NotificationListener, &CancellationToken::new(), listening).await;
        });
        let listening = Listening { changed: changed.clone(), _task: AbortOnDropHandle::new(listener) };
        Self { changed, listening: Arc::new(listening) }
    }

    /// Waits for a notification, at most until `at`. Returns at once if one has arrived since the last wait.
    pub async fn notified_before(&mut self, at: Instant) {
        let changed = timeout_at(at, self.changed.changed()).await;
        // The listener has ended, so there will be no more notifications.
        if matches!(changed, Ok(Err(_))) {
            tokio::time::sleep_until(at).await;
        }
    }
}

async fn listen(
    own: &PgPool,
    channel: Channel,
    notifier: &watch::Sender<()>,
    supervisor: &Supervisor,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.listen(channel.name()).await?;
    loop {
        // None means that the connection was lost and restored. A notification may have been missed, so this counts as one.
        let _notification = listener.try_recv().await?;
        supervisor.fault_point(Part::NotificationListener);
        notifier.send_replace(());
    }
}
