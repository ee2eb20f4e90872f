//! The parts of a server, of which a process can run only some.

use clap::ValueEnum;

/// A part of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// Accept callbacks and store them
    Accept,
    /// Project callbacks into events
    Project,
    /// Compare accounts with the Marketplace, and evaluate alerts
    Reconcile,
    /// Serve the operator API on the operator listener
    Console,
}

impl Role {
    pub(super) const ALL: [Self; 4] = [Self::Accept, Self::Project, Self::Reconcile, Self::Console];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Project => "project",
            Self::Reconcile => "reconcile",
            Self::Console => "console",
        }
    }
}
