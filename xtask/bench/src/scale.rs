//! The extent of a run: full, quick, or a smoke test.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The extent of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Extent {
    /// The extent for which the targets are defined, in five rounds.
    Full,
    /// Three shorter rounds: all benchmarks in less than ten minutes.
    Quick,
    /// One minimal round, whose figures have no meaning.
    Smoke,
}

/// The numbers of an extent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) extent: Extent,
    pub(crate) rounds: usize,
    /// The duration of the load before each measurement.
    pub(crate) warm_up: Duration,
    /// The duration of one measured sample.
    pub(crate) time: Duration,
    /// The number of stored callbacks or events.
    pub(crate) stored: i64,
    /// The number of callbacks of a burst.
    pub(crate) burst: usize,
    /// The number of callbacks about one resource.
    pub(crate) one_resource: usize,
    /// The number of callbacks whose events are waiting to be delivered.
    pub(crate) deliveries: usize,
    /// The number of packages of a reconciled account.
    pub(crate) reconciled: usize,
    /// The number of idle TLS connections.
    pub(crate) idle: usize,
    /// The number of queries of each kind in one round.
    pub(crate) questions: usize,
    /// The number of runs of the tool in one round.
    pub(crate) starts: usize,
    /// The number of packages in the simulator.
    pub(crate) packages: usize,
    /// The size of the uploaded archive in bytes.
    pub(crate) archive: usize,
}

impl Scale {
    pub(crate) fn of(extent: Extent) -> Self {
        let full = Self {
            extent,
            rounds: 5,
            warm_up: Duration::from_secs(1),
            time: Duration::from_secs(4),
            stored: 10_000_000,
            burst: 100_000,
            one_resource: 30_000,
            deliveries: 10_000,
            reconciled: 10_000,
            idle: 10_000,
            questions: 100,
            starts: 21,
            packages: 100_000,
            archive: 30 * 1024 * 1024,
        };
        match extent {
            Extent::Full => full,
            Extent::Quick => Self {
                rounds: 3,
                warm_up: Duration::from_millis(500),
                time: Duration::from_secs(2),
                questions: 40,
                starts: 11,
                ..full
            },
            Extent::Smoke => Self {
                rounds: 1,
                warm_up: Duration::from_millis(100),
                time: Duration::from_millis(500),
                stored: 20_000,
                burst: 1_000,
                one_resource: 1_000,
                deliveries: 100,
                reconciled: 200,
                idle: 100,
                questions: 3,
                starts: 3,
                packages: 500,
                archive: 1024 * 1024,
                ..full
            },
        }
    }
}
