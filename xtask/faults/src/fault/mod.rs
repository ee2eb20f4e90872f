//! The faults, grouped by component. Each breaks something for some time and then repairs it.

mod kill_projector;
mod network;
mod postgres;
mod receiver;

use crate::Failure;
use crate::schedule::Planned;
use crate::setup::TestSetup;

/// The faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ClockJump,
    CutNetwork,
    FloodConnections,
    FreezePostgres,
    FreezeReceiver,
    FullDisk,
    HoldBatch,
    KillBackend,
    KillPostgres,
    KillProjector,
    KillReceiver,
    LoseAnswer,
    OddCallbacks,
    ReadOnly,
    RestartAll,
    StopReceiver,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::ClockJump,
        Self::CutNetwork,
        Self::FloodConnections,
        Self::FreezePostgres,
        Self::FreezeReceiver,
        Self::FullDisk,
        Self::HoldBatch,
        Self::KillBackend,
        Self::KillPostgres,
        Self::KillProjector,
        Self::KillReceiver,
        Self::LoseAnswer,
        Self::OddCallbacks,
        Self::ReadOnly,
        Self::RestartAll,
        Self::StopReceiver,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClockJump => "clock-jump",
            Self::CutNetwork => "cut-network",
            Self::FloodConnections => "flood-connections",
            Self::FreezePostgres => "freeze-postgres",
            Self::FreezeReceiver => "freeze-receiver",
            Self::FullDisk => "full-disk",
            Self::HoldBatch => "hold-batch",
            Self::KillBackend => "kill-backend",
            Self::KillPostgres => "kill-postgres",
            Self::KillProjector => "kill-projector",
            Self::KillReceiver => "kill-receiver",
            Self::LoseAnswer => "lose-answer",
            Self::OddCallbacks => "odd-callbacks",
            Self::ReadOnly => "read-only",
            Self::RestartAll => "restart-all",
            Self::StopReceiver => "stop-receiver",
        }
    }
}

/// The effect of a fault. Some faults need a condition, which another fault can prevent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// The number of times that the fault took effect.
    pub(crate) times: u64,
    /// The number of killed processes.
    pub(crate) kills: u64,
    /// The number of times without a database that accepts callbacks.
    pub(crate) outages: u64,
}

impl Done {
    const NONE: Self = Self { times: 0, kills: 0, outages: 0 };
    const ONCE: Self = Self { times: 1, kills: 0, outages: 0 };
    const KILL: Self = Self { times: 1, kills: 1, outages: 0 };
    const OUTAGE: Self = Self { times: 1, kills: 0, outages: 1 };
}

/// Injects a scheduled fault for its scheduled time.
///
/// A fault that locks several parts of the setup locks them in this order, which prevents deadlocks: Postgres, the
/// first receiver's process, the second's, the network.
pub(crate) async fn carry_out(planned: &Planned, setup: &TestSetup) -> Result<Done, Failure> {
    let victim = &setup.receivers[planned.victim];
    match planned.kind {
        Kind::ClockJump => receiver::clock_jump(victim, planned).await,
        Kind::CutNetwork => Ok(network::cut_network(victim, planned).await),
        Kind::FloodConnections => Ok(network::flood_connections(victim, planned).await),
        Kind::FreezePostgres => Ok(postgres::freeze_postgres(setup, planned).await),
        Kind::FreezeReceiver => Ok(receiver::freeze_receiver(victim, planned).await),
        Kind::FullDisk => Ok(network::full_disk(victim, planned).await),
        Kind::HoldBatch => Ok(network::hold_batch(victim, planned).await),
        Kind::KillBackend => postgres::kill_backend(setup).await,
        Kind::KillPostgres => Ok(postgres::kill_postgres(setup, planned).await),
        Kind::KillProjector => kill_projector::carry_out(setup, planned).await,
        Kind::KillReceiver => receiver::kill_receiver(victim, planned).await,
        Kind::LoseAnswer => Ok(network::lose_answer(victim, planned).await),
        Kind::OddCallbacks => network::odd_callbacks(setup, planned).await,
        Kind::ReadOnly => postgres::read_only(setup, planned).await,
        Kind::RestartAll => postgres::restart_all(setup, planned).await,
        Kind::StopReceiver => receiver::stop_receiver(victim, planned).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_the_list_once_by_its_name() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        // The last variant of the enum: a new one has to be added to `ALL` as well.
        assert_eq!(Kind::ALL.len(), Kind::StopReceiver as usize + 1);
    }
}
