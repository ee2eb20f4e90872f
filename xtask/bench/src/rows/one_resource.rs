//! Projects callbacks about one resource, compared with the same number about many resources.

use std::sync::Arc;
use std::time::Instant;

use eqp_receiver::Projector;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::Notify;

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::postgres::{Postgres, execute};
use crate::projected::projected;

/// The number of callbacks per resource on the other side.
const OF_EACH: usize = 10;

/// Sets statistics of empty tables, and disables their update.
const STALE: &str = "
    alter table eqp.event set (autovacuum_enabled = false);
    alter table eqp.track set (autovacuum_enabled = false);
    alter table eqp.callback_disposition set (autovacuum_enabled = false);
    analyze eqp.event, eqp.track, eqp.callback_disposition";

/// Inserts callbacks in the newer format, each with its own time and random statuses, into the queue in shuffled order.
const BACKLOG: &str = r#"
    insert into eqp.account (environment, mage_id) values ('sandbox', 'MAG000000001');
    insert into eqp.endpoint (account_id, name, path, public_url)
    select id, 'main', '/callbacks/main', 'https://example.test/callbacks/main' from eqp.account;
    insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
    select (lpad(to_hex(1600000000000 + n), 12, '0') || '7000800000000000' || lpad(to_hex(n % 65536), 4, '0'))::uuid,
           (select id from eqp.endpoint), 1, '2026-06-01 00:00:00Z', '192.0.2.7', '',
           convert_to(format('{"callback_event": "eqp_status_update", "update_info": {"submission_id": "s%s", '
                             '"item_id": "bench", "eqp_flow": "technical", "current_status": "%s", '
                             '"eqp_status": {"overall": "in_progress", "technical": "%2$s", "marketing": "%3$s"}, '
                             '"modified_at": "%4$s"}}',
                             n % $resources, technical[1 + chance % 6], marketing[1 + chance / 6 % 5],
                             to_char(timestamp '2026-01-01 00:00:00' + n * interval '1 second', 'YYYY-MM-DD HH24:MI:SS')),
                      'UTF8'),
           'writer'
    from generate_series(1, $count) as n,
         lateral (select ('x' || substr(md5(n::text), 1, 6))::bit(24)::int as chance) as chosen,
         lateral (select array['draft', 'in_automation', 'awaiting_manual_qa', 'in_manual_qa', 'approved', 'rejected']
                             as technical,
                         array['draft', 'awaiting_marketing_review', 'in_marketing_review', 'approved', 'rejected']
                             as marketing) as statuses;
    insert into eqp.callback_pending (callback_ids)
    select array_agg(id order by place)
    from (select id, row_number() over (order by md5(id::text)) - 1 as place from eqp.callback) as shuffled
    group by place / 500
    order by place / 500"#;

pub(super) const ROW: Row = Row {
    name: "one_resource",
    title: "Many callbacks about one resource",
    how: "30,000 callbacks with times, in shuffled order, wait for projection: once all about one submission, and \
          once about 3,000 submissions. Each round has new databases, whose statistics describe empty tables. The \
          result of a round is the rate of the first as a share of the rate of the second.",
    takes: ("2 min", "1 min"),
    promises: &[Promise::at_least(
        "one_resource",
        0.5,
        0.9,
        "callbacks/s projected about one resource, as a share of those about 3,000 resources",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let callbacks = harness.scale.one_resource;
    let (mut shares, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let mut rates = [0.0; 2];
        let mut line = vec![round.to_string()];
        // The order alternates, because the machine may be quieter for the first one.
        let order = if round % 2 == 0 { [1, 0] } else { [0, 1] };
        let mut events = [0; 2];
        for side in order {
            let resources = if side == 0 { 1 } else { callbacks / OF_EACH };
            let (seconds, created) = harness.block_on(project(&postgres, callbacks, resources))?;
            #[allow(clippy::cast_precision_loss, reason = "a count of callbacks")]
            let rate = callbacks as f64 / seconds;
            (rates[side], events[side]) = (rate, created);
        }
        shares.push(rates[0] / rates[1]);
        line.extend(rates.map(thousands));
        line.extend(events.map(|events| events.to_string()));
        lines.push(line);
    }
    harness.block_on(postgres.stop())?;
    let columns = ["round", "one resource, callbacks/s", "many, callbacks/s", "one resource, events", "many, events"];
    Ok(Measured {
        found: vec![("one_resource", Measurement::Rounds(shares))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

/// Returns the seconds that the projection of a backlog takes, and the number of events.
async fn project(postgres: &Postgres, callbacks: usize, resources: usize) -> Result<(f64, i64), Failure> {
    let database: PgConnectOptions = postgres.database().await?;
    execute(&database, STALE.to_owned()).await?;
    let backlog = BACKLOG.replace("$resources", &resources.to_string()).replace("$count", &callbacks.to_string());
    execute(&database, backlog).await?;
    let pool = PgPoolOptions::new().max_connections(2).connect_with(database.clone()).await?;
    let begun = Instant::now();
    Projector::new(pool.clone(), Arc::new(Notify::new())).drain().await?;
    let seconds = begun.elapsed().as_secs_f64();
    pool.close().await;
    let done = projected(&database).await?;
    postgres.drop_database(&database).await?;
    Ok((seconds, done.events))
}
