//! Compares the rate with ten million stored callbacks to that with none, also after a cold restart.

use super::fill::{fill, settle};
use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{Load, Span};
use crate::postgres::Postgres;
use crate::receivers::Kind;
use crate::target::{Sample, Target};

const CONNECTIONS: usize = 64;

/// Inserts keys like those of the receiver (`UUIDv7`, one millisecond apart, before today) with the documented body.
const INSERT: &str = r#"
    insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
    select (lpad(to_hex(1735689600000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
           1, 1, to_timestamp((1735689600000 + n) / 1000.0), '127.0.0.1', 'content-type: application/json',
           '{"callback_event":"eqp_status_update","update_info":{"submission_id":"s5w9k703ru","item_id":"user_upload_version_1","eqp_flow":"marketing","current_status":"approved"}}',
           'writer'
    from generate_series($from::bigint, $to) as n"#;

pub(super) const ROW: Row = Row {
    name: "flat",
    title: "Ten million callbacks stored",
    how: "Our receiver at 64 plain connections, with a database of 10 million callbacks (inserted with SQL, \
          vacuumed) and with an empty one in the same Postgres. Each round measures empty, full, full, empty, so \
          that drift affects both, and compares the means. Cold: Postgres is stopped, its files are evicted from the \
          system's cache (`posix_fadvise`), and Postgres and a new receiver are started. All requests count from the \
          first one, compared with the warm empty table of the same round.",
    takes: ("4 min", "2 min"),
    promises: &[
        Promise::at_least("flat_10m", 0.95, 1.0, "callbacks/s with 10 million stored, as a share of an empty table"),
        Promise::at_least("flat_10m_cold", 0.8, 1.0, "the same just after a restart with cold caches"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let mut postgres = harness.block_on(Postgres::start())?;
    let empty = harness.block_on(postgres.database())?;
    let full = harness.block_on(postgres.database())?;
    eprintln!("filling {} callbacks", harness.scale.stored);
    harness.block_on(async {
        fill(&full, "callback", harness.scale.stored, INSERT).await?;
        settle(&full, "eqp.callback").await
    })?;

    let warm = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
    let at_once =
        Load { span: Span::Time { warm_up: std::time::Duration::ZERO, time: harness.scale.time }, ..warm.clone() };
    let mut rounds = Vec::new();
    for round in 1..=harness.scale.rounds {
        // Receivers of this round only: the restart takes their connections.
        let on_empty = Target::on(Kind::Ours, empty.clone(), harness, false)?.named("empty");
        let on_full = Target::on(Kind::Ours, full.clone(), harness, false)?.named("full");
        let sample = |of: &Target, leftovers| {
            harness.block_on(of.clear(leftovers))?;
            of.sample(harness, round, &warm)
        };
        let on_the_empty = || sample(&on_empty, "eqp.callback, eqp.callback_pending");
        let on_the_full = || sample(&on_full, "eqp.callback_pending");
        let (first_empty, first_full) = (on_the_empty()?, on_the_full()?);
        let (second_full, second_empty) = (on_the_full()?, on_the_empty()?);
        drop((on_empty, on_full));
        harness.block_on(postgres.restart_cold())?;
        let cold = Target::on(Kind::Ours, full.clone(), harness, false)?.named("full, cold");
        let cold = vec![cold.sample(harness, round, &at_once)?];
        rounds.push([vec![first_empty, second_empty], vec![first_full, second_full], cold]);
    }
    harness.block_on(postgres.stop())?;

    let share = |of: usize| {
        Measurement::Rounds(rounds.iter().map(|states| per_second(&states[of]) / per_second(&states[0])).collect())
    };
    let cells = |samples: &Vec<Sample>| {
        let latencies = samples.iter().map(|sample| format!("{:.2} / {:.2}", sample.p50, sample.p99));
        [thousands(per_second(samples)), latencies.collect::<Vec<_>>().join(", ")]
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

/// Returns the mean of samples.
#[expect(clippy::cast_precision_loss, reason = "two at most")]
fn per_second(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.per_second).sum::<f64>() / samples.len() as f64
}
