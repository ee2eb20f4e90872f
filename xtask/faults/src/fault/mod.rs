//! What goes wrong: one fault to a file. Each breaks something, and makes it well again.

mod clock_jump;
mod cut_network;
mod flood_connections;
mod freeze_postgres;
mod freeze_receiver;
mod full_disk;
mod hold_batch;
mod kill_backend;
mod kill_postgres;
mod kill_projector;
mod kill_receiver;
mod lose_answer;
mod odd_callbacks;
mod read_only;
mod restart_all;
mod stop_receiver;

use crate::Failure;
use crate::house::House;
use crate::schedule::Planned;

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

/// What was broken. Some faults need an occasion, and have none when another one stands in their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// How often it happened.
    pub(crate) times: u64,
    /// Processes that were ended as a crash does.
    pub(crate) kills: u64,
    /// Times without a database that takes callbacks.
    pub(crate) outages: u64,
}

impl Done {
    const NONE: Self = Self { times: 0, kills: 0, outages: 0 };
    const ONCE: Self = Self { times: 1, kills: 0, outages: 0 };
    const KILL: Self = Self { times: 1, kills: 1, outages: 0 };
    const OUTAGE: Self = Self { times: 1, kills: 0, outages: 1 };
}

/// Breaks what is planned, for as long as is planned.
///
/// Whoever needs several things of the house takes them in this order, so that nobody waits for each other: Postgres, the
/// first receiver's process, the second's, the weather.
pub(crate) async fn carry_out(planned: &Planned, house: &House) -> Result<Done, Failure> {
    let victim = &house.receivers[planned.victim];
    match planned.kind {
        Kind::ClockJump => clock_jump::carry_out(victim, planned).await,
        Kind::CutNetwork => Ok(cut_network::carry_out(victim, planned).await),
        Kind::FloodConnections => Ok(flood_connections::carry_out(victim, planned).await),
        Kind::FreezePostgres => Ok(freeze_postgres::carry_out(house, planned).await),
        Kind::FreezeReceiver => Ok(freeze_receiver::carry_out(victim, planned).await),
        Kind::FullDisk => Ok(full_disk::carry_out(victim, planned).await),
        Kind::HoldBatch => Ok(hold_batch::carry_out(victim, planned).await),
        Kind::KillBackend => kill_backend::carry_out(house).await,
        Kind::KillPostgres => Ok(kill_postgres::carry_out(house, planned).await),
        Kind::KillProjector => kill_projector::carry_out(house, planned).await,
        Kind::KillReceiver => kill_receiver::carry_out(victim, planned).await,
        Kind::LoseAnswer => Ok(lose_answer::carry_out(victim, planned).await),
        Kind::OddCallbacks => odd_callbacks::carry_out(house, planned).await,
        Kind::ReadOnly => read_only::carry_out(house, planned).await,
        Kind::RestartAll => restart_all::carry_out(house, planned).await,
        Kind::StopReceiver => stop_receiver::carry_out(victim, planned).await,
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
        // The last of the enum: a new one behind it has to be added here and there.
        assert_eq!(Kind::ALL.len(), Kind::StopReceiver as usize + 1);
    }
}
