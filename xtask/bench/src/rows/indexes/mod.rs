//! Measures the effect of each index of the event tables: the documented queries with and without it, at ten million
//! events.
//!
//! An index is hidden from the planner by a flag in the catalog, which takes no time and is easy to undo. Run this
//! benchmark before an index is added or dropped, and record the decision in ARCHITECTURE.md.

mod data;
mod question;

use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection};

use super::{Measured, ONLY_NAMED, Row};
use crate::Failure;
use crate::figure::median;
use crate::harness::Harness;
use crate::postgres::{Postgres, execute};
use data::fill_tables;
use question::{Question, questions};

pub(super) const ROW: Row = Row {
    name: "indexes",
    title: "Indexes of the event tables",
    how: "10 million events of 300,000 resources of ten accounts, 5 million callback dispositions and 1 million callbacks (inserted with SQL, vacuumed, warm; under 10 GB on disk). The library runs every documented filter of `eqp events list` and `tail`, the lists of submissions, the lookups of callbacks and duplicates, and retention: with all indexes, then without each of them. The result is the median of up to five queries; a query is cancelled after 5 s.",
    takes: ("25 min", ONLY_NAMED),
    promises: &[],
    measure,
};

/// Rejected indexes with their definitions; they are measured as well, to show why.
const REJECTED: &[(&str, &str)] = &[];

/// Groups of indexes that could replace each other.
const TOGETHER: &[&[&str]] = &[&["event_by_status", "event_by_flow"], &["event_by_kind", "event_by_disposition"]];

/// The time after which a query is cancelled.
const LIMIT: Duration = Duration::from_secs(5);
/// The number of queries of a case, and the time after which there are no more.
const QUERIES: usize = 5;
const LONGEST_CASE: Duration = Duration::from_secs(1);

/// Milliseconds; `None` for a query that was cancelled.
type Times = Vec<Option<f64>>;

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let measured = harness.block_on(measure_on(&postgres, harness.scale.stored));
    harness.block_on(postgres.stop())?;
    measured
}

async fn measure_on(postgres: &Postgres, events: i64) -> Result<Measured, Failure> {
    eprintln!("filling {events} events");
    let database = postgres.database().await?;
    for (_, definition) in REJECTED {
        execute(&database, (*definition).to_owned()).await?;
    }
    fill_tables(&database, events).await?;
    let sizes = sizes(&database).await?;
    let questions = questions();

    let with_all = ask_all(&database, &questions, &[]).await?;
    for ((name, _), time) in questions.iter().zip(&with_all) {
        eprintln!("    {name}: {time:?} ms");
    }
    eprintln!("{sizes:?}");
    let singles = sizes.iter().map(|(name, _)| vec![name.clone()]);
    let rejected = REJECTED.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    let together = TOGETHER.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let mut variants: Vec<(Vec<String>, Times)> = Vec::new();
    for hidden in singles.chain(together).chain((rejected.len() > 1).then_some(rejected)) {
        eprintln!("without {}", hidden.join(" and "));
        let times = ask_all(&database, &questions, &hidden).await?;
        for (at, (name, _)) in questions.iter().enumerate() {
            if times[at].is_none_or(|time| with_all[at].is_some_and(|usual| time > usual * 2.0 + 0.5)) {
                eprintln!("    {name}: {:?} instead of {:?} ms", times[at], with_all[at]);
            }
        }
        variants.push((hidden, times));
    }
    let mut lines = lines(&questions, &with_all, &variants);
    lines.extend(inserts(&database, &questions, &variants).await?);
    // Printed for unoptimised builds as well, because Postgres takes almost all of the time.
    for line in &lines {
        eprintln!("{}", line.join(" | "));
    }
    let size = |(name, bytes): &(String, i64)| format!("{name} {} MB", bytes / 1_000_000);
    Ok(Measured {
        columns: ["query", "all indexes, ms", "slower without, ms"].map(str::to_owned).to_vec(),
        lines,
        notes: vec![format!("Sizes: {}.", sizes.iter().map(size).collect::<Vec<_>>().join(", "))],
        ..Measured::default()
    })
}

/// Returns the time of each query, and the indexes without which it takes at least twice as long.
fn lines(questions: &[(&str, Question)], with_all: &Times, variants: &[(Vec<String>, Times)]) -> Vec<Vec<String>> {
    let shown =
        |time: &Option<f64>| time.map_or_else(|| format!("> {}", LIMIT.as_millis()), |time| format!("{time:.2}"));
    let line = |(at, (name, question)): (usize, &(&str, Question))| {
        let usual = with_all[at].unwrap_or(f64::INFINITY);
        let is_slower = |time: Option<f64>| time.is_none_or(|time| time > usual * 2.0 && time > usual + 0.5);
        let slower = variants
            .iter()
            .filter(|(_, times)| !matches!(question, Question::Insert) && is_slower(times[at]))
            .map(|(hidden, times)| format!("{}: {}", hidden.join(" + "), shown(&times[at])));
        vec![(*name).to_owned(), shown(&with_all[at]), slower.collect::<Vec<_>>().join("; ")]
    };
    questions.iter().enumerate().map(line).collect()
}

/// Measures inserts while indexes are dropped one after another, because hidden indexes are still updated.
async fn inserts(
    database: &PgConnectOptions,
    questions: &[(&str, Question)],
    variants: &[(Vec<String>, Times)],
) -> Result<Vec<Vec<String>>, Failure> {
    let insert: Vec<_> =
        questions.iter().filter(|(_, question)| matches!(question, Question::Insert)).cloned().collect();
    let mut lines = Vec::new();
    for (hidden, _) in variants.iter().filter(|(hidden, _)| hidden.len() == 1 && hidden[0].starts_with("event_")) {
        execute(database, format!("drop index eqp.{}", hidden[0])).await?;
        let times = ask_all(database, &insert, &[]).await?;
        let time = times.first().copied().flatten().map_or_else(|| "-".to_owned(), |time| format!("{time:.2}"));
        lines.push(vec![format!("insert of 2,000 events, {} dropped too", hidden[0]), time, String::new()]);
    }
    Ok(lines)
}

/// Runs every query on a new connection without cached plans, while the `hidden` indexes are hidden from the planner.
async fn ask_all(
    database: &PgConnectOptions,
    questions: &[(&str, Question)],
    hidden: &[String],
) -> Result<Times, Failure> {
    see(database, hidden, false).await?;
    let limited = database.clone().options([("statement_timeout", LIMIT.as_millis().to_string())]);
    let mut times = Times::new();
    for (name, question) in questions {
        let pool = PgPoolOptions::new().max_connections(1).connect_with(limited.clone()).await?;
        let begun = Instant::now();
        let mut samples = Vec::new();
        let mut cancelled = false;
        for number in 0..=QUERIES {
            let asked = Instant::now();
            let answer = question.ask(&pool, number as u128 + 1).await;
            match answer {
                Err(_) if asked.elapsed() >= LIMIT => cancelled = true,
                other => other.map_err(|error| format!("{name}: {error:?}"))?,
            }
            // The first query only warms up, unless it is slow.
            if number > 0 || asked.elapsed() > LONGEST_CASE {
                samples.push(asked.elapsed().as_secs_f64() * 1000.0);
            }
            if cancelled || begun.elapsed() > LONGEST_CASE && !samples.is_empty() {
                break;
            }
        }
        pool.close().await;
        times.push((!cancelled).then(|| median(&samples)));
    }
    see(database, hidden, true).await?;
    Ok(times)
}

/// Shows indexes to the planner, or hides them.
async fn see(database: &PgConnectOptions, indexes: &[String], seen: bool) -> Result<(), Failure> {
    let mut connection = PgConnection::connect_with(database).await?;
    sqlx::query(
        "update pg_index set indisvalid = $1
         where indexrelid in (select ('eqp.' || quote_ident(name))::regclass from unnest($2::text[]) as name)",
    )
    .bind(seen)
    .bind(indexes)
    .execute(&mut connection)
    .await?;
    Ok(connection.close().await?)
}

/// Returns the indexes of the event tables, without primary keys, with their sizes in bytes.
async fn sizes(database: &PgConnectOptions) -> Result<Vec<(String, i64)>, Failure> {
    let mut connection = PgConnection::connect_with(database).await?;
    let sizes = sqlx::query_as(
        "select indexrelid::regclass::text, pg_relation_size(indexrelid)
         from (select indexrelid, relname::text as relname from pg_index join pg_class on pg_class.oid = indexrelid
               where indrelid in ('eqp.event'::regclass, 'eqp.track'::regclass, 'eqp.callback_disposition'::regclass)
                 and not indisprimary and relname <> 'track_by_resource') as index
         order by relname",
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    let short = |(name, size): (String, i64)| (name.trim_start_matches("eqp.").to_owned(), size);
    Ok(sizes.into_iter().map(short).collect())
}
