//! The newest 50 of ten million events, with each filter that the tool documents.

use std::time::{Duration, Instant};

use eqp_receiver::{EventFilter, EventKind, Mark, Reader};
use eqp_types::{Environment, Flow};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use time::OffsetDateTime;

use super::fill::{fill, settle};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Found, Promise, median};
use crate::ground::Ground;
use crate::load::percentile;
use crate::postgres::{Postgres, execute};

/// Events of one submission.
const OF_EACH: i64 = 20;

/// Two accounts, one of each environment.
const ACCOUNTS: &str = "
    insert into eqp.account (environment, mage_id) values ('production', 'MAG000000001'), ('sandbox', 'MAG000000002')";

/// Three flows for each submission.
const TRACKS: &str = "
    insert into eqp.track (id, account_id, kind, subject, flow, item_id, outcome, modified_at, seen_until, tied, received_at, event_seq)
    select n, 1 + (n / 3) % 2, 'submission', 's' || n / 3, (array['overall', 'technical', 'marketing'])[1 + n % 3], 'item' || n / 3,
           'approved', now(), now(), false, now(), n
    from generate_series($from::bigint, $to) as n";

/// Mostly submissions; one event in twenty of a file, one in a thousand unknown, one undecodable; marks as rare as they are.
const EVENTS: &str = "
    insert into eqp.event (seq, track_id, account_id, kind, subject, flow, outcome, modified_at, received_at, origin, named, mark, moved, reason, callback_id)
    select n, case when kind in ('submission', 'file') then 1 + n % $tracks end, 1 + n % 2, kind,
           case kind when 'submission' then 's' || n % $subjects when 'file' then 'f' || n end,
           case kind when 'submission' then flow when 'file' then 'malware' end,
           case kind when 'submission' then outcome when 'file' then 'passed' end,
           to_timestamp(1600000000 + n), now() - ($count - n) * interval '1 second', 'callback', n % 3 = 0,
           case n % 300 when 1 then 'again' when 2 then 'tied' when 3 then 'late' else 'none' end, n % 300 <> 3,
           case when kind in ('unknown', 'undecodable') then 'a reason' end,
           (lpad(to_hex(1600000000000 + n), 12, '0') || '7000800000000000' || lpad(to_hex(n % 65536), 4, '0'))::uuid
    from (select n, case n % 1000 when 10 then 'unknown' when 20 then 'undecodable' else case n % 20 when 5 then 'file' else 'submission' end end as kind,
                 (array['overall', 'technical', 'marketing'])[1 + n % 3] as flow,
                 (array[array['in_progress', 'approved', 'released_to_store', 'in_progress'],
                        array['in_automation', 'awaiting_manual_qa', 'approved', 'rejected'],
                        array['awaiting_marketing_review', 'in_marketing_review', 'approved', 'rejected']])[1 + n % 3][1 + (n / 7) % 4] as outcome
          from generate_series($from::bigint, $to) as n) as said";

pub(super) const ROW: Row = Row {
    name: "list",
    title: "Lists from ten million events",
    how: "The newest 50 events of a table of 10 million (filled by SQL, vacuumed, warm), asked for by the library that \
          `eqp events list` uses, over a Unix socket: with each of its filters, and the pairs that its help shows. Of each \
          filter the p95 of 100 questions; the figure of a round is that of the slowest filter.",
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

/// By the flags that ask for them; the number is that of the question.
const CASES: &[Case] = &[
    ("no filter", |_| EventFilter::default()),
    ("--subject", |number| EventFilter { subject: Some(subject(number)), ..EventFilter::default() }),
    ("--subject --flow", |number| EventFilter {
        subject: Some(subject(number)),
        flow: Some(Flow::Marketing),
        ..EventFilter::default()
    }),
    ("--subject, unknown", |_| EventFilter { subject: Some("nobody".into()), ..EventFilter::default() }),
    ("--flow", |_| EventFilter { flow: Some(Flow::Malware), ..EventFilter::default() }),
    ("--outcome", |_| EventFilter { outcome: Some("rejected".into()), ..EventFilter::default() }),
    ("--outcome, unknown", |_| EventFilter { outcome: Some("nothing".into()), ..EventFilter::default() }),
    ("--flow --outcome", |_| EventFilter {
        flow: Some(Flow::Technical),
        outcome: Some("rejected".into()),
        ..EventFilter::default()
    }),
    ("--flow --outcome, never together", |_| EventFilter {
        flow: Some(Flow::Malware),
        outcome: Some("rejected".into()),
        ..EventFilter::default()
    }),
    ("--outcome --since 7d", |_| EventFilter {
        outcome: Some("rejected".into()),
        since: Some(ago(Duration::from_hours(7 * 24))),
        ..EventFilter::default()
    }),
    ("--kind submission", |_| EventFilter { kind: Some(EventKind::Submission), ..EventFilter::default() }),
    ("--kind file", |_| EventFilter { kind: Some(EventKind::File), ..EventFilter::default() }),
    ("--kind unknown", |_| EventFilter { kind: Some(EventKind::Unknown), ..EventFilter::default() }),
    ("--kind undecodable", |_| EventFilter { kind: Some(EventKind::Undecodable), ..EventFilter::default() }),
    ("--mark none", |_| EventFilter { mark: Some(Mark::None), ..EventFilter::default() }),
    ("--mark again", |_| EventFilter { mark: Some(Mark::Again), ..EventFilter::default() }),
    ("--mark tied", |_| EventFilter { mark: Some(Mark::Tied), ..EventFilter::default() }),
    ("--mark late", |_| EventFilter { mark: Some(Mark::Late), ..EventFilter::default() }),
    ("--since 1h", |_| EventFilter { since: Some(ago(Duration::from_hours(1))), ..EventFilter::default() }),
    ("--since 7d", |_| EventFilter { since: Some(ago(Duration::from_hours(7 * 24))), ..EventFilter::default() }),
    ("--environment production", |_| EventFilter {
        environment: Some(Environment::Production),
        ..EventFilter::default()
    }),
    ("--environment sandbox --outcome", |_| EventFilter {
        environment: Some(Environment::Sandbox),
        outcome: Some("approved".into()),
        ..EventFilter::default()
    }),
];

/// Another one for each question, and one of a submission: the numbers of files leave other rests.
fn subject(number: i64) -> String {
    format!("s{}", number * 20 + 7)
}

fn ago(time: Duration) -> OffsetDateTime {
    OffsetDateTime::now_utc() - time
}

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let postgres = ground.block_on(Postgres::start())?;
    let (rounds, medians) = ground.block_on(ask(ground, &postgres))?;
    ground.block_on(postgres.stop())?;
    let lines = medians.iter().map(|(name, p50s, p95s)| {
        vec![(*name).to_owned(), format!("{:.2}", median(p50s)), format!("{:.2}", median(p95s))]
    });
    Ok(Measured {
        found: vec![("list_p95_ms", Found::Rounds(rounds))],
        columns: ["asked for", "p50, ms", "p95, ms"].map(str::to_owned).to_vec(),
        lines: lines.collect(),
        notes: vec!["Medians of the rounds.".to_owned()],
    })
}

/// A new database with so many events.
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

/// Of each case the p50 and p95 of every round.
type Times = Vec<(&'static str, Vec<f64>, Vec<f64>)>;

async fn ask(ground: &Ground, postgres: &Postgres) -> Result<(Vec<f64>, Times), Failure> {
    eprintln!("filling {} events", ground.scale.stored);
    let database = some_events(postgres, ground.scale.stored).await?;
    let reader = Reader::new(PgPoolOptions::new().max_connections(1).connect_with(database).await?);
    let mut times: Times = CASES.iter().map(|(name, _)| (*name, Vec::new(), Vec::new())).collect();
    let mut slowest = Vec::new();
    for round in 1..=ground.scale.rounds {
        let mut worst = ("", 0.0_f64);
        for ((name, filter), (_, p50s, p95s)) in CASES.iter().zip(&mut times) {
            let sorted = questions(&reader, name, *filter, ground.scale.questions).await?;
            let p95 = percentile(&sorted, 0.95);
            p50s.push(percentile(&sorted, 0.5));
            p95s.push(p95);
            if p95 > worst.1 {
                worst = (name, p95);
            }
        }
        eprintln!("round {round}/{}  slowest: {} with {:.2} ms", ground.scale.rounds, worst.0, worst.1);
        slowest.push(worst.1);
    }
    Ok((slowest, times))
}

/// Milliseconds of so many questions, sorted. What should find something must.
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
