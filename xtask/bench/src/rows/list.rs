//! Lists the newest 50 of ten million events, with each documented filter.

use std::time::{Duration, Instant};

use eqp_store::{Disposition, EventFilter, EventKind, Reader};
use eqp_types::{Environment, Flow};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use time::OffsetDateTime;

use super::fill::{fill, settle};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise, median};
use crate::harness::Harness;
use crate::load::percentile;
use crate::postgres::{Postgres, execute};

/// Events of one submission.
pub(super) const OF_EACH: i64 = 20;

/// Two accounts, one of each environment.
const ACCOUNTS: &str = "
    insert into eqp.account (environment, mage_id) values ('production', 'MAG000000001'), ('sandbox', 'MAG000000002')";

/// Three flows for each submission.
const TRACKS: &str = "
    insert into eqp.track (id, account_id, resource_kind, resource_id, flow, item_id, status, modified_at, seen_until, ambiguous, received_at, event_seq)
    select n, 1 + (n / 3) % 2, 'submission', 's' || n / 3, (array['overall', 'technical', 'marketing'])[1 + n % 3], 'item' || n / 3,
           'approved', now(), now(), false, now(), n
    from generate_series($from::bigint, $to) as n";

/// Mostly submissions: one event in twenty is about a file, one in a thousand is unknown and one undecodable;
/// dispositions are as rare as in practice.
const EVENTS: &str = "
    insert into eqp.event (seq, track_id, account_id, kind, resource_id, flow, status, modified_at, received_at, origin, explicit, disposition, applied, reason, callback_id)
    select n, case when kind in ('submission', 'file') then 1 + n % $tracks end, 1 + n % 2, kind,
           case kind when 'submission' then 's' || n % $subjects when 'file' then 'f' || n end,
           case kind when 'submission' then flow when 'file' then 'malware' end,
           case kind when 'submission' then status when 'file' then 'passed' end,
           to_timestamp(1600000000 + n), now() - ($count - n) * interval '1 second', 'callback', n % 3 = 0,
           case when kind in ('submission', 'file') then case n % 300 when 1 then 'reentered' when 2 then 'ambiguous' when 3 then 'late' else 'applied' end end,
           kind in ('submission', 'file') and n % 300 <> 3,
           case when kind in ('unknown', 'undecodable') then 'a reason' end,
           (lpad(to_hex(1600000000000 + n), 12, '0') || '7000800000000000' || lpad(to_hex(n % 65536), 4, '0'))::uuid
    from (select n, case n % 1000 when 10 then 'unknown' when 20 then 'undecodable' else case n % 20 when 5 then 'file' else 'submission' end end as kind,
                 (array['overall', 'technical', 'marketing'])[1 + n % 3] as flow,
                 (array[array['in_progress', 'approved', 'released_to_store', 'in_progress'],
                        array['in_automation', 'awaiting_manual_qa', 'approved', 'rejected'],
                        array['awaiting_marketing_review', 'in_marketing_review', 'approved', 'rejected']])[1 + n % 3][1 + (n / 7) % 4] as status
          from generate_series($from::bigint, $to) as n) as event";

pub(super) const ROW: Row = Row {
    name: "list",
    title: "Lists from ten million events",
    how: "The newest 50 of 10 million events (inserted with SQL, vacuumed, warm), queried through the library that \
          `eqp events list` uses, over a Unix socket: with each filter, and with the combinations that its help \
          shows. For each filter, the p95 of 100 queries; the result of a round is the slowest filter.",
    takes: ("4 min", "2 min"),
    promises: &[Promise::at_most(
        "list_p95_ms",
        10.0,
        1.0,
        "the newest 50 of 10 million events, p95 of the slowest filter, ms",
    )],
    measure,
};

type Case = (&'static str, fn(i64) -> EventFilter);

/// The filters, named by their flags; the number is that of the query.
const CASES: &[Case] = &[
    ("no filter", |_| EventFilter::default()),
    ("--resource-id", |number| EventFilter { resource_id: Some(resource_id(number)), ..EventFilter::default() }),
    ("--resource-id --flow", |number| EventFilter {
        resource_id: Some(resource_id(number)),
        flow: Some(Flow::Marketing),
        ..EventFilter::default()
    }),
    ("--resource-id, unknown", |_| EventFilter { resource_id: Some("nobody".into()), ..EventFilter::default() }),
    ("--flow", |_| EventFilter { flow: Some(Flow::Malware), ..EventFilter::default() }),
    ("--status", |_| EventFilter { status: Some("rejected".into()), ..EventFilter::default() }),
    ("--status, unknown", |_| EventFilter { status: Some("nothing".into()), ..EventFilter::default() }),
    ("--flow --status", |_| EventFilter {
        flow: Some(Flow::Technical),
        status: Some("rejected".into()),
        ..EventFilter::default()
    }),
    ("--flow --status, never together", |_| EventFilter {
        flow: Some(Flow::Malware),
        status: Some("rejected".into()),
        ..EventFilter::default()
    }),
    ("--status --since 7d", |_| EventFilter {
        status: Some("rejected".into()),
        since: Some(ago(Duration::from_hours(7 * 24))),
        ..EventFilter::default()
    }),
    ("--kind submission", |_| EventFilter { kind: Some(EventKind::Submission), ..EventFilter::default() }),
    ("--kind file", |_| EventFilter { kind: Some(EventKind::File), ..EventFilter::default() }),
    ("--kind unknown", |_| EventFilter { kind: Some(EventKind::Unknown), ..EventFilter::default() }),
    ("--kind undecodable", |_| EventFilter { kind: Some(EventKind::Undecodable), ..EventFilter::default() }),
    ("--disposition applied", |_| EventFilter { disposition: Some(Disposition::Applied), ..EventFilter::default() }),
    ("--disposition reentered", |_| EventFilter {
        disposition: Some(Disposition::Reentered),
        ..EventFilter::default()
    }),
    ("--disposition ambiguous", |_| EventFilter {
        disposition: Some(Disposition::Ambiguous),
        ..EventFilter::default()
    }),
    ("--disposition late", |_| EventFilter { disposition: Some(Disposition::Late), ..EventFilter::default() }),
    ("--since 1h", |_| EventFilter { since: Some(ago(Duration::from_hours(1))), ..EventFilter::default() }),
    ("--since 7d", |_| EventFilter { since: Some(ago(Duration::from_hours(7 * 24))), ..EventFilter::default() }),
    ("--environment production", |_| EventFilter {
        environment: Some(Environment::Production),
        ..EventFilter::default()
    }),
    ("--environment sandbox --status", |_| EventFilter {
        environment: Some(Environment::Sandbox),
        status: Some("approved".into()),
        ..EventFilter::default()
    }),
];

/// Returns a different ID for each query, which is always that of a submission.
fn resource_id(number: i64) -> String {
    format!("s{}", number * 20 + 7)
}

fn ago(time: Duration) -> OffsetDateTime {
    OffsetDateTime::now_utc() - time
}

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let (rounds, medians) = harness.block_on(ask(harness, &postgres))?;
    harness.block_on(postgres.stop())?;
    let lines = medians.iter().map(|(name, p50s, p95s)| {
        vec![(*name).to_owned(), format!("{:.2}", median(p50s)), format!("{:.2}", median(p95s))]
    });
    Ok(Measured {
        found: vec![("list_p95_ms", Measurement::Rounds(rounds))],
        columns: ["query", "p50, ms", "p95, ms"].map(str::to_owned).to_vec(),
        lines: lines.collect(),
        notes: vec!["Medians of the rounds.".to_owned()],
    })
}

/// Creates a database with this number of events.
pub(super) async fn some_events(postgres: &Postgres, count: i64) -> Result<PgConnectOptions, Failure> {
    let database = postgres.database().await?;
    execute(&database, ACCOUNTS.to_owned()).await?;
    let (subjects, tracks) = (count / OF_EACH, count / OF_EACH * 3);
    fill(&database, "track", tracks, TRACKS).await?;
    let numbers = [("$tracks", tracks), ("$subjects", subjects), ("$count", count)];
    let events = numbers.iter().fold(EVENTS.to_owned(), |sql, (name, number)| sql.replace(name, &number.to_string()));
    fill(&database, "event", count, &events).await?;
    settle(&database, "eqp.event, eqp.track").await?;
    Ok(database)
}

/// Returns the p50 and p95 of each case in every round.
type Times = Vec<(&'static str, Vec<f64>, Vec<f64>)>;

async fn ask(harness: &Harness, postgres: &Postgres) -> Result<(Vec<f64>, Times), Failure> {
    eprintln!("filling {} events", harness.scale.stored);
    let database = some_events(postgres, harness.scale.stored).await?;
    let reader = Reader::new(PgPoolOptions::new().max_connections(1).connect_with(database).await?);
    let mut times: Times = CASES.iter().map(|(name, _)| (*name, Vec::new(), Vec::new())).collect();
    let mut slowest = Vec::new();
    for round in 1..=harness.scale.rounds {
        let mut worst = ("", 0.0_f64);
        for ((name, filter), (_, p50s, p95s)) in CASES.iter().zip(&mut times) {
            let sorted = questions(&reader, name, *filter, harness.scale.questions).await?;
            let p95 = percentile(&sorted, 0.95);
            p50s.push(percentile(&sorted, 0.5));
            p95s.push(p95);
            if p95 > worst.1 {
                worst = (name, p95);
            }
        }
        eprintln!("round {round}/{}  slowest: {} with {:.2} ms", harness.scale.rounds, worst.0, worst.1);
        slowest.push(worst.1);
    }
    Ok((slowest, times))
}

/// Returns the sorted times of this number of queries in milliseconds. A query that should find events must find some.
async fn questions(
    reader: &Reader,
    name: &str,
    filter: fn(i64) -> EventFilter,
    count: usize,
) -> Result<Vec<f64>, Failure> {
    let mut sorted = Vec::with_capacity(count);
    for number in 1..=i64::try_from(count)? {
        let filter = filter(number);
        let begun = Instant::now();
        let found = reader.events(&filter).await?;
        sorted.push(begun.elapsed().as_secs_f64() * 1000.0);
        let empty = name.contains("unknown") && name != "--kind unknown" || name.contains("never");
        if found.is_empty() != empty {
            return Err(format!("{name}: {} events", found.len()).into());
        }
    }
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}
