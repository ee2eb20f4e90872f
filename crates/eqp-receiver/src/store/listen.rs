//! Hearing from Postgres that something has changed.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::supervise::{Part, Supervisor};

/// How long to wait before listening again after that failed.
const PAUSE: Duration = Duration::from_secs(5);

/// What there is to hear of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Channel {
    /// A projector has made events.
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

/// Rings when something is announced on its channel. It may ring for nothing, and where notifications do not come through it
/// never rings: whoever waits for it also looks from time to time.
#[derive(Debug)]
pub(crate) struct Bell {
    rung: tokio::sync::watch::Receiver<()>,
    /// Listens on a connection of its own, which is closed with the bell.
    _listener: AbortOnDropHandle<()>,
}

impl Bell {
    /// Listens on the database of `pool`, beside it: a pool may be small, and a listener keeps its connection.
    pub(crate) fn new(pool: &PgPool, channel: Channel, supervisor: Supervisor) -> Self {
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(pool.connect_options().as_ref().clone());
        let (striker, rung) = tokio::sync::watch::channel(());
        let listener: JoinHandle<()> = tokio::spawn(async move {
            let listening = || async {
                loop {
                    if let Err(error) = listen(&own, channel, &striker, &supervisor).await {
                        tracing::debug!(error = &error as &dyn std::error::Error, "hears no notifications");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            };
            // It ends with the bell, not by a token.
            let _never = supervisor.run(Part::NotificationListener, &CancellationToken::new(), listening).await;
        });
        Self { rung, _listener: AbortOnDropHandle::new(listener) }
    }

    /// Waits until the bell rings, at most until `at`. A ring since the last wait counts.
    pub(crate) async fn rings_before(&mut self, at: Instant) {
        let rung = timeout_at(at, self.rung.changed()).await;
        if matches!(rung, Ok(Err(_))) {
            tokio::time::sleep_until(at).await;
        }
    }
}

async fn listen(
    own: &PgPool,
    channel: Channel,
    striker: &tokio::sync::watch::Sender<()>,
    supervisor: &Supervisor,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.listen(channel.name()).await?;
    loop {
        // None: the connection was lost and is made anew; something may have been missed.
        let _heard = listener.try_recv().await?;
        supervisor.fault_point(Part::NotificationListener);
        striker.send_replace(());
    }
}
