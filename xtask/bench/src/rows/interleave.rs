//! Interleaves the samples of targets, so that other load on the machine affects all of them.

use super::Measured;
use crate::Failure;
use crate::figure::Measurement;
use crate::harness::Harness;
use crate::load::Load;
use crate::postgres::Postgres;
use crate::receivers::Kind;
use crate::target::{Sample, Target};

/// The samples of one target.
pub(super) struct Samples {
    pub(super) name: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// Gives each target empty tables and the same load in every round.
pub(super) fn interleave(harness: &Harness, targets: &[Target], load: &Load) -> Result<Vec<Samples>, Failure> {
    let mut all: Vec<Samples> =
        targets.iter().map(|target| Samples { name: target.name, samples: Vec::new() }).collect();
    for round in 1..=harness.scale.rounds {
        for (target, of_target) in targets.iter().zip(&mut all) {
            harness.block_on(target.clean())?;
            of_target.samples.push(target.sample(harness, round, load)?);
        }
    }
    Ok(all)
}

/// Measures our receiver and the one with one `INSERT` per request, on separate databases of one Postgres, over this
/// number of connections.
pub(super) fn against_insert(harness: &Harness, connections: usize) -> Result<Vec<Samples>, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let ours = harness.block_on(Target::new(Kind::Ours, &postgres, harness))?;
    let insert = harness.block_on(Target::new(Kind::Insert, &postgres, harness))?;
    let load = Load::plain(connections, harness.scale.warm_up, harness.scale.time);
    let targets = [ours, insert];
    let all = interleave(harness, &targets, &load)?;
    drop(targets);
    harness.block_on(postgres.stop())?;
    Ok(all)
}

/// Returns the ratio of two targets in each round.
pub(super) fn ratios(one: &Samples, other: &Samples, of: fn(&Sample) -> f64) -> Measurement {
    Measurement::Rounds(one.samples.iter().zip(&other.samples).map(|(one, other)| of(one) / of(other)).collect())
}

/// Returns a table with the rate and latencies of every sample.
pub(super) fn table(all: &[Samples]) -> Measured {
    let mut columns = vec!["round".to_owned()];
    for of_target in all {
        columns.extend([format!("{}, callbacks/s", of_target.name), "p50 / p99, ms".to_owned()]);
    }
    let rounds = all.iter().map(|of_target| of_target.samples.len()).min().unwrap_or_default();
    let lines = (0..rounds).map(|round| {
        let cells = all.iter().flat_map(|of_target| {
            let sample = &of_target.samples[round];
            [thousands(sample.per_second), format!("{:.2} / {:.2}", sample.p50, sample.p99)]
        });
        std::iter::once((round + 1).to_string()).chain(cells).collect()
    });
    Measured { columns, lines: lines.collect(), ..Measured::default() }
}

/// Formats a number with separators: 36,278.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (value, shown) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (36_278.2, "36,278"), (1e7, "10,000,000")]
        {
            assert_eq!(thousands(value), shown);
        }
    }
}
