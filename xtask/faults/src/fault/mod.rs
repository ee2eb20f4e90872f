//! The faults, grouped by component. Each breaks something for some time and then repairs it.

mod kill_projector;
mod network;
mod postgres;
mod receiver;
mod worker;

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
    FreezeWorker,
    FullDisk,
    HoldBatch,
    KillBackend,
    KillFanOut,
    KillPostgres,
    KillProjector,
    KillReceiver,
    KillWorker,
    LoseAnswer,
    OddCallbacks,
    ReadOnly,
    RestartAll,
    StopReceiver,
    StopWorker,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::ClockJump,
        Self::CutNetwork,
        Self::FloodConnections,
        Self::FreezePostgres,
        Self::FreezeReceiver,
        Self::FreezeWorker,
        Self::FullDisk,
        Self::HoldBatch,
        Self::KillBackend,
        Self::KillFanOut,
        Self::KillPostgres,
        Self::KillProjector,
        Self::KillReceiver,
        Self::KillWorker,
        Self::LoseAnswer,
        Self::OddCallbacks,
        Self::ReadOnly,
        Self::RestartAll,
        Self::StopReceiver,
        Self::StopWorker,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClockJump => "clock-jump",
            Self::CutNetwork => "cut-network",
            Self::FloodConnections => "flood-connections",
            Self::FreezePostgres => "freeze-postgres",
            Self::FreezeReceiver => "freeze-receiver",
            Self::FreezeWorker => "freeze-worker",
            Self::FullDisk => "full-disk",
            Self::HoldBatch => "hold-batch",
            Self::KillBackend => "kill-backend",
            Self::KillFanOut => "kill-fan-out",
            Self::KillPostgres => "kill-postgres",
            Self::KillProjector => "kill-projector",
            Self::KillReceiver => "kill-receiver",
            Self::KillWorker => "kill-worker",
            Self::LoseAnswer => "lose-answer",
            Self::OddCallbacks => "odd-callbacks",
            Self::ReadOnly => "read-only",
            Self::RestartAll => "restart-all",
            Self::StopReceiver => "stop-receiver",
            Self::StopWorker => "stop-worker",
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
    /// The number of those that interrupted an attempt to deliver.
    pub(crate) kills_in_flight: u64,
    /// The number of times without a database that accepts callbacks.
    pub(crate) outages: u64,
}

impl Done {
    const NONE: Self = Self { times: 0, kills: 0, kills_in_flight: 0, outages: 0 };
    const ONCE: Self = Self { times: 1, ..Self::NONE };
    const KILL: Self = Self { kills: 1, ..Self::ONCE };
    const OUTAGE: Self = Self { outages: 1, ..Self::ONCE };
}

/// Injects a scheduled fault for its scheduled time.
///
/// A fault that locks several parts of the setup locks them in this order, which prevents deadlocks: Postgres, the
/// first receiver's process, the second's, those of the workers, the network.
pub(crate) async fn carry_out(planned: &Planned, setup: &TestSetup) -> Result<Done, Failure> {
    let victim = &setup.receivers[planned.victim];
    match planned.kind {
        Kind::ClockJump => receiver::clock_jump(victim, planned).await,
        Kind::CutNetwork => Ok(network::cut_network(victim, planned).await),
        Kind::FloodConnections => Ok(network::flood_connections(victim, planned).await),
        Kind::FreezePostgres => Ok(postgres::freeze_postgres(setup, planned).await),
        Kind::FreezeReceiver => Ok(receiver::freeze_receiver(victim, planned).await),
        Kind::FreezeWorker => Ok(worker::freeze_worker(setup, planned).await),
        Kind::FullDisk => Ok(network::full_disk(victim, planned).await),
        Kind::HoldBatch => Ok(network::hold_batch(victim, planned).await),
        Kind::KillBackend => postgres::kill_backend(setup).await,
        Kind::KillFanOut => worker::kill_fan_out(setup, planned).await,
        Kind::KillPostgres => Ok(postgres::kill_postgres(setup, planned).await),
        Kind::KillProjector => kill_projector::carry_out(setup, planned).await,
        Kind::KillReceiver => receiver::kill_receiver(victim, planned).await,
        Kind::KillWorker => worker::kill_worker(setup, planned).await,
        Kind::LoseAnswer => Ok(network::lose_answer(victim, planned).await),
        Kind::OddCallbacks => network::odd_callbacks(setup, planned).await,
        Kind::ReadOnly => postgres::read_only(setup, planned).await,
        Kind::RestartAll => postgres::restart_all(setup, planned).await,
        Kind::StopReceiver => receiver::stop_receiver(victim, planned).await,
        Kind::StopWorker => worker::stop_worker(setup, planned).await,
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
        assert_eq!(Kind::ALL.len(), Kind::StopWorker as usize + 1);
    }
}
