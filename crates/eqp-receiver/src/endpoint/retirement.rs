//! Ends the grace of credentials that were replaced, but never that of one which is in force again. Every receiver
//! looks; whoever comes first does it.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::deadline::within;
use crate::supervise::{Part, Supervisor};
use crate::{Error, store};

/// Graces are hours; a second more does not matter.
const PERIOD: Duration = Duration::from_secs(1);
/// How long the database may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Looks from time to time, until shutdown. While the database is away every credential stays as it is.
pub(crate) async fn run(pool: PgPool, supervisor: Supervisor, shutdown: CancellationToken) {
    let watching = async {
        let mut in_trouble = false;
        loop {
            supervisor.fault_point(Part::RotationSweep);
            let retired = within(DEADLINE, retire_due(&pool)).await;
            match &retired {
                Ok(0) => {}
                Ok(retired) => tracing::info!(retired, "replaced credentials are refused from now on"),
                Err(error) if !in_trouble => {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(error, "replaced credentials stay in use until the database answers");
                }
                Err(_) => {}
            }
            in_trouble = retired.is_err();
            sleep(PERIOD).await;
        }
    };
    let _ended = shutdown.run_until_cancelled(watching).await;
}

async fn retire_due(pool: &PgPool) -> Result<i64, Error> {
    store::rotation::set_ends(pool).await?;
    for (endpoint, username) in store::rotation::hold(pool).await? {
        tracing::warn!(
            endpoint,
            username,
            "callbacks come with the user name that was replaced: somebody put the old registration back; \
             it is taken for another grace, and `eqp callbacks plan` shows what to do"
        );
    }
    let due = store::rotation::due(pool).await?;
    if due.is_empty() { Ok(0) } else { store::rotation::retire_due(pool, &due).await }
}
