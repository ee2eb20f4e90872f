//! Whether the receiver stays as fast when ten million callbacks are stored, also just after a cold restart.

use super::fill::{fill, settle};
use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::contender::{Contender, Turn};
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::load::{Load, Span};
use crate::postgres::Postgres;
use crate::receivers::Kind;

const CONNECTIONS: usize = 64;

/// Keys as the receiver makes them (uuid v7, one millisecond apart, before today), with the documented body.
const INSERT: &str = r#"
    insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
    select (lpad(to_hex(1735689600000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
           1, 1, to_timestamp((1735689600000 + n) / 1000.0), '127.0.0.1', 'content-type: application/json',
           '{"callback_event":"eqp_status_update","update_info":{"submission_id":"s5w9k703ru","item_id":"user_upload_version_1","eqp_flow":"marketing","current_status":"approved"}}',
           'lane'
    from generate_series($from::bigint, $to) as n"#;

pub(super) const ROW: Row = Row {
    name: "flat",
    title: "Ten million callbacks stored",
    how: "Our receiver at 64 plain connections, on a database that holds 10 million callbacks (filled by SQL, vacuumed) and \
          on an empty one of the same Postgres: in each round empty, full, full, empty, so that what drifts meets both, and the \
          ratio is that of their means. Cold: Postgres is stopped, every page of its files is taken out of the \
          system's cache (`posix_fadvise`), Postgres and a new receiver are started, and all counts from the first \
          request on, against the warm empty table of the same round.",
    takes: ("4 min", "2 min"),
    promises: &[
        Promise::at_least("flat_10m", 0.95, 1.0, "callbacks/s with 10 million stored, as a share of an empty table"),
        Promise::at_least("flat_10m_cold", 0.8, 1.0, "the same just after a restart with cold caches"),
    ],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let mut postgres = ground.block_on(Postgres::start())?;
    let empty = ground.block_on(postgres.database())?;
    let full = ground.block_on(postgres.database())?;
    eprintln!("filling {} callbacks", ground.scale.stored);
    ground.block_on(async {
        fill(&full, "callback", ground.scale.stored, INSERT).await?;
        settle(&full, "eqp.callback").await
    })?;

    let warm = Load::plain(CONNECTIONS, ground.scale.warm_up, ground.scale.time);
    let at_once =
        Load { span: Span::Time { warm_up: std::time::Duration::ZERO, time: ground.scale.time }, ..warm.clone() };
    let mut rounds = Vec::new();
    for round in 1..=ground.scale.rounds {
        // Receivers of this round only: the restart takes their connections.
        let on_empty = Contender::on(Kind::Ours, empty.clone(), ground, false)?.named("empty");
        let on_full = Contender::on(Kind::Ours, full.clone(), ground, false)?.named("full");
        let turn = |of: &Contender, leftovers| {
            ground.block_on(of.clear(leftovers))?;
            of.turn(ground, round, &warm)
        };
        let on_the_empty = || turn(&on_empty, "eqp.callback, eqp.callback_pending");
        let on_the_full = || turn(&on_full, "eqp.callback_pending");
        let (first_empty, first_full) = (on_the_empty()?, on_the_full()?);
        let (second_full, second_empty) = (on_the_full()?, on_the_empty()?);
        drop((on_empty, on_full));
        ground.block_on(postgres.restart_cold())?;
        let cold = Contender::on(Kind::Ours, full.clone(), ground, false)?.named("full, cold");
        let cold = vec![cold.turn(ground, round, &at_once)?];
        rounds.push([vec![first_empty, second_empty], vec![first_full, second_full], cold]);
    }
    ground.block_on(postgres.stop())?;

    let share = |of: usize| {
        Found::Rounds(rounds.iter().map(|states| per_second(&states[of]) / per_second(&states[0])).collect())
    };
    let cells = |turns: &Vec<Turn>| {
        let latencies = turns.iter().map(|turn| format!("{:.2} / {:.2}", turn.p50, turn.p99));
        [thousands(per_second(turns)), latencies.collect::<Vec<_>>().join(", ")]
    };
    let columns =
        ["round", "empty, callbacks/s", "p50 / p99, ms", "full", "p50 / p99, ms", "full, cold", "p50 / p99, ms"];
    Ok(Measured {
        found: vec![("flat_10m", share(1)), ("flat_10m_cold", share(2))],
        columns: columns.map(str::to_owned).to_vec(),
        lines: rounds
            .iter()
            .enumerate()
            .map(|(number, states)| {
                std::iter::once((number + 1).to_string()).chain(states.iter().flat_map(cells)).collect()
            })
            .collect(),
        notes: Vec::new(),
    })
}

/// The mean of turns.
#[expect(clippy::cast_precision_loss, reason = "two at most")]
fn per_second(turns: &[Turn]) -> f64 {
    turns.iter().map(|turn| turn.per_second).sum::<f64>() / turns.len() as f64
}
