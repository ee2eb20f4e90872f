//! Failures of reconciling, with their remedies.

use eqp_sync::ReconcileError;

use super::{Exit, Failure};

impl From<ReconcileError> for Failure {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Store(error) => error.into(),
            ReconcileError::Marketplace(error) => error.into(),
            ReconcileError::Interrupted => Self::interrupted(),
            error @ ReconcileError::AlreadyRunning => Self::new(Exit::Failed, "the account was not reconciled")
                .because(&error)
                .next("wait until it has finished: eqp accounts list shows whether it is running")
                .next("if the other process was killed, wait five minutes and run the same command again"),
            error @ ReconcileError::TimedOut { .. } => {
                Self::new(Exit::Unreachable, "the account was not reconciled completely")
                    .because(&error)
                    .next("run the same command again; everything that was read before is stored")
            }
            error @ ReconcileError::Paging(_) => Self::new(Exit::Failed, "the account was not reconciled completely")
                .because(&error)
                .next("run the same command again, or read single submissions: eqp reconcile SUBMISSION"),
            error => Self::new(Exit::Failed, "the account was not reconciled").because(&error),
        }
    }
}
