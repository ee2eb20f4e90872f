//! Contenders that take turns: whatever else the machine does meets all of them.

use super::Measured;
use crate::Failure;
use crate::contender::{Contender, Turn};
use crate::figure::Found;
use crate::ground::Ground;
use crate::load::Load;
use crate::postgres::Postgres;
use crate::receivers::Kind;

/// The turns of one contender.
pub(super) struct Turns {
    pub(super) name: &'static str,
    pub(super) turns: Vec<Turn>,
}

/// Lets each begin with empty tables and take the same load, round after round.
pub(super) fn interleave(ground: &Ground, contenders: &[Contender], load: &Load) -> Result<Vec<Turns>, Failure> {
    let mut all: Vec<Turns> =
        contenders.iter().map(|contender| Turns { name: contender.name, turns: Vec::new() }).collect();
    for round in 1..=ground.scale.rounds {
        for (contender, of_one) in contenders.iter().zip(&mut all) {
            ground.block_on(contender.clean())?;
            of_one.turns.push(contender.turn(ground, round, load)?);
        }
    }
    Ok(all)
}

/// Ours and the receiver with one `INSERT` per request, each on a database of one Postgres, over so many connections.
pub(super) fn against_insert(ground: &Ground, connections: usize) -> Result<Vec<Turns>, Failure> {
    let postgres = ground.block_on(Postgres::start())?;
    let ours = ground.block_on(Contender::new(Kind::Ours, &postgres, ground))?;
    let insert = ground.block_on(Contender::new(Kind::Insert, &postgres, ground))?;
    let load = Load::plain(connections, ground.scale.warm_up, ground.scale.time);
    let contenders = [ours, insert];
    let all = interleave(ground, &contenders, &load)?;
    drop(contenders);
    ground.block_on(postgres.stop())?;
    Ok(all)
}

/// Of each round, one as a share of the other.
pub(super) fn ratios(one: &Turns, other: &Turns, of: fn(&Turn) -> f64) -> Found {
    Found::Rounds(one.turns.iter().zip(&other.turns).map(|(one, other)| of(one) / of(other)).collect())
}

/// Rate and latencies of every turn.
pub(super) fn table(all: &[Turns]) -> Measured {
    let mut columns = vec!["round".to_owned()];
    for of_one in all {
        columns.extend([format!("{}, callbacks/s", of_one.name), "p50 / p99, ms".to_owned()]);
    }
    let rounds = all.iter().map(|of_one| of_one.turns.len()).min().unwrap_or_default();
    let lines = (0..rounds).map(|round| {
        let cells = all.iter().flat_map(|of_one| {
            let turn = &of_one.turns[round];
            [thousands(turn.per_second), format!("{:.2} / {:.2}", turn.p50, turn.p99)]
        });
        std::iter::once((round + 1).to_string()).chain(cells).collect()
    });
    Measured { columns, lines: lines.collect(), ..Measured::default() }
}

/// A number as people read it: 36,278.
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
