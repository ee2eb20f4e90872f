//! The benchmarks, one per file. Each measures one or more figures in the same run.

mod accept;
mod accept_256;
mod accept_single;
mod attack;
mod build;
mod build_archive;
mod burst;
mod check;
mod client;
mod dead_handler;
mod deliveries;
mod delivery_latency;
mod delivery_rate;
mod embedded;
mod fill;
mod flat;
mod flood;
mod indexes;
mod instructions;
mod interleave;
mod list;
mod listeners;
mod memory;
mod one_resource;
mod pages;
mod pipeline;
mod platform;
mod ready;
mod reconcile;
mod release;
mod simulator;
mod tls;
mod tool;
mod unauthenticated;

pub(crate) use client::{Works, work};
pub(crate) use reconcile::{Reconciles, reconcile};

use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;

/// Every benchmark, in the order of the runs and of the page.
pub(crate) static ROWS: &[Row] = &[
    accept::ROW,
    accept_256::ROW,
    accept_single::ROW,
    flat::ROW,
    pipeline::ROW,
    burst::ROW,
    one_resource::ROW,
    platform::ROW,
    delivery_latency::ROW,
    delivery_rate::ROW,
    dead_handler::ROW,
    reconcile::ROW,
    tls::ROW,
    attack::ROW,
    flood::ROW,
    unauthenticated::ROW,
    list::ROW,
    pages::ROW,
    listeners::ROW,
    indexes::ROW,
    memory::ROW,
    instructions::ROW,
    tool::ROW,
    ready::ROW,
    embedded::ROW,
    client::ROW,
    check::ROW,
    build_archive::ROW,
    release::ROW,
    simulator::ROW,
    build::ROW,
];

/// The duration of a benchmark that a quick run of all benchmarks omits.
const ONLY_NAMED: &str = "only if it is named";

impl Row {
    /// Returns whether a quick run of all benchmarks includes this one.
    pub(crate) fn runs_in_quick(&self) -> bool {
        !self.promises.is_empty() && self.takes.1 != ONLY_NAMED
    }
}

/// A benchmark.
#[derive(Debug)]
pub(crate) struct Row {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// The heading.
    pub(crate) title: &'static str,
    /// The method: the programs, and the transports between them.
    pub(crate) how: &'static str,
    /// The approximate duration of a full and of a quick run.
    pub(crate) takes: (&'static str, &'static str),
    pub(crate) promises: &'static [Promise],
    pub(crate) measure: fn(&Harness) -> Result<Measured, Failure>,
}

/// The measurements of a benchmark.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// The results by figure ID.
    pub(crate) found: Vec<(&'static str, Measurement)>,
    /// The columns of the table of measurements.
    pub(crate) columns: Vec<String>,
    pub(crate) lines: Vec<Vec<String>>,
    /// Notes below the table.
    pub(crate) notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::figure::Better;

    #[test]
    fn no_name_and_no_id_is_given_twice() {
        let names: BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        let ids: Vec<_> = ROWS.iter().flat_map(|row| row.promises).map(|promise| promise.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn every_aim_is_beyond_its_floor() {
        for promise in ROWS.iter().flat_map(|row| row.promises) {
            let beyond = match promise.better {
                Better::Higher => promise.aim > promise.floor,
                Better::Lower => promise.aim < promise.floor,
            };
            assert!(beyond, "{}", promise.id);
        }
    }
}
