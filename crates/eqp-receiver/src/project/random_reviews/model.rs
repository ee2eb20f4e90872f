//! Compares the projection with an independent model of the rule (`tests/model/rule.py`): for random callbacks and API reads, both
//! must return the same events, duplicates, tracks and item IDs.

use eqp_store::Event;
use eqp_store::internal::Track;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use eqp_test_support::TestDatabase;
use eqp_types::Timestamp;
use fastrand::Rng;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use super::memory::{Memory, project_reports};
use super::sent::{Sent, reports};
use crate::project::Projector;
use eqp_store::Disposition;
use eqp_store::internal::ReportId;

/// The number of accounts, which have more than 30,000 reports together.
const ACCOUNTS: u64 = 160;

/// The results of some reports: one line per report, track and resource.
type Seen = Vec<String>;

fn report_line(account: u64, number: usize, disposition: &str, events: &[String]) -> String {
    format!("{account} report {number:04}: {disposition} {}", events.join(", "))
}

fn track_line(account: u64, id: &str, flow: &str, state: &[String; 6]) -> String {
    format!("{account} track {id} {flow}: {}", state.join(" "))
}

fn resource_line(account: u64, id: &str, item_id: Option<&str>) -> String {
    format!("{account} resource {id}: {item_id:?}")
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

/// Runs the model. Returns `None` if `python3` is not installed.
fn run_model(accounts: &[(u64, Vec<Sent>)]) -> Option<Seen> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model/rule.py");
    let child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: python3 is not installed, so nothing was compared with the independent model");
            return None;
        }
        Err(error) => panic!("python3 cannot be started: {error}"),
    };
    let mut input = child.stdin.take().unwrap();
    let written = |at: OffsetDateTime| Timestamp::of(at).to_string();
    let line = |(account, sent): (&u64, &Sent)| {
        let mut line =
            json!({"account": account.to_string(), "received_at": written(sent.received_at), "body": sent.body});
        if let Some(read) = &sent.read {
            let began_at = written(read.began_at);
            line["read"] = json!({"kind": read.resource_kind.as_str(), "id": read.resource_id, "began_at": began_at});
        }
        line.to_string()
    };
    let all = accounts.iter().flat_map(|(account, sent)| sent.iter().map(move |sent| (account, sent)));
    let lines: Vec<String> = all.map(line).collect();
    let count = lines.len();
    let writing = std::thread::spawn(move || input.write_all((lines.join("\n") + "\n").as_bytes()));
    let mut numbers: BTreeMap<u64, usize> = BTreeMap::new();
    let mut of_callback = accounts.iter().flat_map(|(account, sent)| std::iter::repeat_n(*account, sent.len()));
    let mut seen = Seen::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |value: &Value| value.as_str().map_or_else(|| "-".to_owned(), str::to_owned);
        let account = |key: &Value| key[0].as_str().unwrap().parse().unwrap();
        if answer.get("callback").is_some() {
            let account = of_callback.next().unwrap();
            let number = numbers.entry(account).or_default();
            let decisions = answer["decisions"].as_array().unwrap();
            let is_discarded = decisions.iter().any(|decision| decision["disposition"] == "discarded");
            let events: Vec<String> = decisions
                .iter()
                .filter(|decision| decision["disposition"] != "duplicate" && decision["disposition"] != "discarded")
                .map(|event| {
                    let doubtful = if event["clock_doubtful"] == true { " doubtful" } else { "" };
                    let (flow, status, time) = (text(&event["flow"]), text(&event["status"]), text(&event["time"]));
                    format!("{flow}={status} {}{doubtful} {}", time, text(&event["disposition"]))
                })
                .collect();
            let disposition = match answer["kind"].as_str().unwrap() {
                "report" if is_discarded => "discarded",
                "report" | "repeated" if events.is_empty() => "duplicate",
                "report" => "event",
                "unrecognized" => "unknown",
                other => other,
            };
            seen.push(report_line(account, *number, disposition, &events));
            *number += 1;
        } else if let Some(track) = answer.get("track") {
            let state = [
                text(&answer["status"]),
                text(&answer["status_since"]),
                text(&answer["seen_until"]),
                answer["ambiguous"].to_string(),
                answer["confirmed"].to_string(),
                answer["unconfirmed"].to_string(),
            ];
            seen.push(track_line(account(track), &text(&track[2]), &text(&track[3]), &state));
        } else {
            let resource = &answer["resource"];
            seen.push(resource_line(account(resource), &text(&resource[2]), answer["item_id"].as_str()));
        }
    }
    writing.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(numbers.values().sum::<usize>(), count, "the model reports every report");
    Some(seen)
}

fn event_text(event: &Event) -> Option<String> {
    let disposition = match (event.disposition, event.applied) {
        (Some(Disposition::Ambiguous), true) => "ambiguous_applied",
        (Some(Disposition::Ambiguous), false) => "ambiguous_kept",
        (disposition, _) => disposition?.as_str(),
    };
    let doubtful = if event.clock_doubtful { " doubtful" } else { "" };
    let (flow, status) = (event.flow.as_ref()?, event.status.as_ref()?);
    Some(format!("{flow}={status} {}{doubtful} {disposition}", shown(event.modified_at)))
}

/// Returns the results of the reports of an account, whose IDs are in the order of projection.
fn seen_of<'a>(
    account: u64,
    ids: &[Uuid],
    dispositions: impl IntoIterator<Item = (Uuid, &'static str)>,
    events: impl IntoIterator<Item = &'a Event>,
    tracks: impl IntoIterator<Item = (String, &'a Track)>,
) -> Seen {
    let dispositions: BTreeMap<Uuid, &str> = dispositions.into_iter().collect();
    let mut of_report: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for event in events {
        of_report.entry(event.report().unwrap().uuid()).or_default().extend(event_text(event));
    }
    let mut seen: Seen = ids
        .iter()
        .enumerate()
        .map(|(number, id)| {
            let events = of_report.remove(id).unwrap_or_default();
            report_line(account, number, dispositions[id], &events)
        })
        .collect();
    let mut item_ids: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (id, track) in tracks {
        let state = &track.state;
        let state = [
            state.status.clone(),
            shown(state.modified_at),
            shown(state.seen_until),
            state.ambiguous.to_string(),
            state.confirmed_at.is_some().to_string(),
            state.unconfirmed.to_string(),
        ];
        seen.push(track_line(account, &id, track.flow.as_str(), &state));
        let known = item_ids.entry(id).or_insert_with(|| track.item_id.clone());
        assert_eq!(*known, track.item_id, "every track of a submission has its newest item_id");
    }
    seen.extend(item_ids.iter().map(|(id, item_id)| resource_line(account, id, item_id.as_deref())));
    seen
}

fn assert_same(mut model: Seen, mut ours: Seen) {
    model.sort_unstable();
    ours.sort_unstable();
    let differences: Vec<_> = model.iter().zip(&ours).filter(|(model, ours)| model != ours).take(5).collect();
    assert!(differences.is_empty(), "differences between the model and the projection: {differences:#?}");
    assert_eq!(model.len(), ours.len());
}

#[test]
fn projection_and_the_independent_model_agree_about_every_report() {
    let accounts: Vec<_> = (0..ACCOUNTS).map(|account| (account, reports(account))).collect();
    assert!(accounts.iter().map(|(_, sent)| sent.len()).sum::<usize>() >= 30_000);
    let Some(model) = run_model(&accounts) else { return };
    let mut ours = Seen::new();
    for (account, sent) in &accounts {
        let mut memory = Memory::new();
        let reports: Vec<_> =
            sent.iter().map(|one| memory.report(one.received_at, &one.body, one.read.clone())).collect();
        project_reports(&mut Rng::with_seed(*account), &mut memory, &reports);
        let ids: Vec<Uuid> = reports.iter().map(|report| report.id).collect();
        let callbacks = memory.projected.iter().map(|one| (one.callback_id, one.disposition.as_str()));
        let reads = memory.reads.iter().map(|one| (one.api_read_id, one.disposition.as_str()));
        let tracks = memory.tracks().map(|(resource, track)| (resource.id.clone(), track));
        ours.extend(seen_of(*account, &ids, callbacks.chain(reads), &memory.events, tracks));
    }
    for disposition in [
        "applied",
        "reentered",
        "late",
        "ambiguous_applied",
        "ambiguous_kept",
        "doubtful",
        "corrected",
        "discarded",
        "true false",
        "false true",
    ] {
        let met = ours.iter().filter(|line| line.contains(&format!(" {disposition}"))).count();
        assert!(met > 20, "{disposition} occurs {met} times");
    }
    assert_same(model, ours);
}

/// Projects the reports of an account over Postgres, in several commits.
async fn project_over(database: &TestDatabase, account: u64, sent: &[Sent]) -> Vec<ReportId> {
    let projector = Projector::new(database.pool.clone(), Arc::new(Notify::new()));
    let (account_id, endpoint_id): (i64, i64) = sqlx::query_as(
        "with account as (insert into eqp.account (environment, mage_id) values ('sandbox', $1) returning id)
         insert into eqp.endpoint (account_id, name, path, public_url)
         select id, $1, '/' || $1, 'https://example.test/' || $1 from account
         returning account_id, id",
    )
    .bind(account.to_string())
    .fetch_one(&database.pool)
    .await
    .unwrap();
    let mut projected = Vec::new();
    for sent in sent.chunks(70) {
        let mut transaction = database.pool.begin().await.unwrap();
        let mut ids = Vec::new();
        for one in sent {
            let id = Uuid::now_v7();
            ids.push(id);
            let insert = match &one.read {
                None => sqlx::query(
                    "insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
                     values ($1, $2, 1, $3, '192.0.2.7', '', $4, 'writer')",
                )
                .bind(id)
                .bind(endpoint_id)
                .bind(one.received_at)
                .bind(one.body.as_bytes()),
                Some(read) => sqlx::query(
                    "insert into eqp.api_read (id, account_id, received_at, body, resource_kind, resource_id, began_at, baseline)
                     values ($1, $2, $3, $4, $5, $6, $7, false)",
                )
                .bind(id)
                .bind(account_id)
                .bind(one.received_at)
                .bind(one.body.as_bytes())
                .bind(read.resource_kind.as_str())
                .bind(&read.resource_id)
                .bind(read.began_at),
            };
            insert.execute(&mut *transaction).await.unwrap();
            projected.push(if one.read.is_none() { ReportId::Callback(id) } else { ReportId::ApiRead(id) });
        }
        let queue = "insert into eqp.callback_pending (callback_ids) values ($1)";
        sqlx::query(queue).bind(&ids).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        projector.drain().await.unwrap();
    }
    projected
}

/// The same with Postgres, so that the queries return what the rule needs.
#[tokio::test]
async fn the_projector_over_postgres_and_the_independent_model_agree() {
    let accounts: Vec<_> = (0..10).map(|account| (1_000 + account, reports(1_000 + account))).collect();
    let Some(model) = run_model(&accounts) else { return };
    let database = TestDatabase::create().await;
    crate::Store::new(database.pool.clone()).migrate().await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    let mut ours = Seen::new();
    for (account, sent) in &accounts {
        let reports = project_over(&database, *account, sent).await;
        let ids: Vec<Uuid> = reports.iter().map(|report| report.uuid()).collect();
        let callbacks = eqp_store::internal::callback_disposition::projected(&mut connection, &ids).await.unwrap();
        let reads = eqp_store::internal::api_read::projected(&mut connection, &ids).await.unwrap();
        let mut events = eqp_store::internal::event::of_reports(&mut connection, &reports).await.unwrap();
        events.sort_by_key(|event| event.seq);
        let resources: std::collections::HashSet<_> = events
            .iter()
            .filter_map(|event| {
                let (account_id, id) = (event.account_id, event.resource_id.clone()?);
                let kind = event.kind.as_str().parse().unwrap();
                Some(eqp_store::internal::Resource { account_id, kind, id })
            })
            .collect();
        let resources: Vec<_> = resources.into_iter().collect();
        let tracks = eqp_store::internal::track::load(&mut connection, &resources).await.unwrap();
        let tracks = tracks.iter().flat_map(|(resource, tracks)| tracks.iter().map(|t| (resource.id.clone(), t)));
        let callbacks = callbacks.iter().map(|(id, one)| (*id, one.disposition.as_str()));
        let reads = reads.iter().map(|(id, one)| (*id, one.disposition.as_str()));
        ours.extend(seen_of(*account, &ids, callbacks.chain(reads), &events, tracks));
    }
    assert_same(model, ours);
}
