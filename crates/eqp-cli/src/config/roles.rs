//! The parts of a server, of which a process can run only some.

use clap::ValueEnum;
use serde::Deserialize;

/// A part of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Accept callbacks and store them
    Accept,
    /// Project callbacks into events
    Project,
    /// Compare accounts with the Marketplace, and evaluate alerts
    Reconcile,
    /// Deliver events to the handlers of subscriptions
    Deliver,
    /// Serve the operator API and its pages on the operator listener
    Console,
}

impl Role {
    pub(crate) const ALL: [Self; 5] = [Self::Accept, Self::Project, Self::Reconcile, Self::Deliver, Self::Console];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Project => "project",
            Self::Reconcile => "reconcile",
            Self::Deliver => "deliver",
            Self::Console => "console",
        }
    }
}
