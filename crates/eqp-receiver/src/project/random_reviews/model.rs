//! Compares the projection with an independent model of the rule (`tests/model/rule.py`): for random callbacks, both must
//! return the same events, duplicates, tracks and item IDs.

use eqp_store::Event;
use eqp_store::internal::Track;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use eqp_test_support::TestDatabase;
use eqp_types::{MarketingStatus, OverallStatus, TechnicalStatus, Timestamp};
use fastrand::Rng;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::sync::Notify;
use uuid::Uuid;

use super::memory::{Memory, project};
use super::review::percent;
use crate::project::Projector;
use eqp_store::{CallbackDisposition, Disposition};

/// When every callback is received. Some report a time more than 48 hours later.
const RECEIVED_AT: OffsetDateTime = datetime!(2030-01-01 00:00:00 UTC);
const SCANS: [&str; 9] = ["queued", "in-progress", "passed", "pass", "failed", "fail", "PASS", " Failed ", "infected"];
const ITEM_IDS: [&str; 6] = [r#""z9""#, r#""a1""#, r#""a1""#, "null", r#""""#, "20260101123456789012345"];

/// The number of accounts, and of callbacks of each: more than 30,000 together.
const ACCOUNTS: u64 = 160;
const CALLBACKS: usize = 200;

/// Returns the callbacks of one account, in the order in which they are received.
fn bodies(account: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(account);
    let mut sent: Vec<String> = Vec::with_capacity(CALLBACKS);
    // Few seconds and few resources, so that many changes share a second and every row of the rule is covered.
    let seconds = 1 + rng.i64(..40);
    let mut second = 0;
    while sent.len() < CALLBACKS {
        if percent(&mut rng, 70) {
            second = (second + 1) % seconds;
        }
        let body = match rng.usize(..20) {
            0..=2 if !sent.is_empty() => sent[rng.usize(..sent.len())].clone(),
            3..=5 => scan(&mut rng, second),
            6 => odd(&mut rng),
            _ => update(&mut rng, second),
        };
        sent.push(body);
    }
    if percent(&mut rng, 50) {
        rng.shuffle(&mut sent);
    }
    sent
}

/// Returns the time of a report: none, in the documented or another format, or so late that the clock must be wrong.
fn time(rng: &mut Rng, second: i64) -> String {
    let written = Timestamp::of(RECEIVED_AT + time::Duration::seconds(second - 100)).to_string();
    match rng.usize(..25) {
        0..=2 => String::new(),
        3 => r#", "modified_at": null"#.to_owned(),
        4 => r#", "modified_at": "yesterday""#.to_owned(),
        5 => format!(r#", "modified_at": "{}+0000""#, written.replace(' ', "T")),
        6 => format!(r#", "modified_at": "{written} UTC""#),
        7 => format!(r#", "modified_at": {}"#, (RECEIVED_AT + time::Duration::seconds(second - 100)).unix_timestamp()),
        8 => r#", "modified_at": "2030-01-03 00:00:00""#.to_owned(),
        9 => r#", "modified_at": "2030-01-03 00:00:01""#.to_owned(),
        10 => format!(r#", "modified_at": "{}""#, ["9999-12-31 23:59:59", "2031-01-01 00:00:00"][rng.usize(..2)]),
        11 => {
            let placeholders =
                ["0001-01-01 00:00:00", "0000-00-00 00:00:00", "1970-01-01 00:00:00", "1970-01-01T01:00:00"];
            format!(r#", "modified_at": "{}""#, placeholders[rng.usize(..placeholders.len())])
        }
        _ => format!(r#", "modified_at": "{written}""#),
    }
}

fn scan(rng: &mut Rng, second: i64) -> String {
    let (file, result) = (rng.u8(..2), SCANS[rng.usize(..SCANS.len())]);
    let event = ["malware_scan_complete", "Malware_Scan_Complete "][usize::from(percent(rng, 10))];
    let time = time(rng, second);
    format!(
        r#"{{"callback_event": "{event}", "update_info": {{"file_upload_id": 2309480238.23847{file}0, "tool_result": "{result}"{time}}}}}"#
    )
}

fn status(rng: &mut Rng, known: &[&'static str]) -> String {
    // Few of them, so that statuses are repeated.
    let status = known[rng.usize(..known.len().min(5))];
    match rng.usize(..20) {
        0 => format!(" {status}\\t"),
        1 => status.to_uppercase(),
        2 => ["on_the_moon", "On_The_Moon"][rng.usize(..2)].to_owned(),
        3 => known[rng.usize(..known.len())].to_owned(),
        _ => status.to_owned(),
    }
}

fn update(rng: &mut Rng, second: i64) -> String {
    let technical = status(rng, TechnicalStatus::KNOWN);
    let marketing = status(rng, MarketingStatus::KNOWN);
    let mut fields = format!(r#""submission_id": 12345678901234567890123456789{}"#, rng.u8(..3));
    if percent(rng, 60) {
        let _ = write!(fields, r#", "item_id": {}"#, ITEM_IDS[rng.usize(..ITEM_IDS.len())]);
    }
    let (flow, current) = match rng.usize(..20) {
        0 => (r#""""#.to_owned(), technical.clone()),
        1 => (r#""Legal""#.to_owned(), technical.clone()),
        2 => ("[1]".to_owned(), technical.clone()),
        3 => (r#"" MARKETING""#.to_owned(), marketing.clone()),
        4 => ([r#""malware""#, r#""Malware ""#][usize::from(percent(rng, 50))].to_owned(), technical.clone()),
        5..=9 => (r#""marketing""#.to_owned(), marketing.clone()),
        _ => (r#""technical""#.to_owned(), technical.clone()),
    };
    // The explicit status may differ from the implied one of the same flow.
    let current = if percent(rng, 5) { "approved".to_owned() } else { current };
    let name = ["current_status", "eqp_state"][usize::from(percent(rng, 10))];
    let _ = write!(fields, r#", "eqp_flow": {flow}, "{name}": "{current}""#);
    if percent(rng, 75) {
        let overall = status(rng, OverallStatus::KNOWN);
        let marketing = if percent(rng, 5) { "[7]".to_owned() } else { format!("\"{marketing}\"") };
        let _ = write!(
            fields,
            r#", "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": {marketing}}}"#
        );
    }
    let time = if percent(rng, 20) { String::new() } else { time(rng, second) };
    format!(r#"{{"callback_event": "eqp_status_update", "update_info": {{{fields}{time}}}}}"#)
}

fn odd(rng: &mut Rng) -> String {
    let bodies = [
        "no JSON",
        r#"{"callback_event": "a_new_one", "update_info": {}}"#,
        r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": {}, "eqp_status": {"overall": "draft"}}}"#,
        r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": "s", "eqp_status": "draft"}}"#,
    ];
    bodies[rng.usize(..bodies.len())].to_owned()
}

/// The results of some callbacks: one line per callback, track and resource.
type Seen = Vec<String>;

fn callback_line(account: u64, number: usize, disposition: &str, events: &[String]) -> String {
    format!("{account} callback {number:04}: {disposition} {}", events.join(", "))
}

fn track_line(account: u64, id: &str, flow: &str, state: &[String; 4]) -> String {
    format!("{account} track {id} {flow}: {}", state.join(" "))
}

fn resource_line(account: u64, id: &str, item_id: Option<&str>) -> String {
    format!("{account} resource {id}: {item_id:?}")
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

/// Runs the model. Returns `None` if `python3` is not installed.
fn run_model(accounts: &[(u64, Vec<String>)]) -> Option<Seen> {
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
    let lines: Vec<String> = accounts
        .iter()
        .flat_map(|(account, bodies)| bodies.iter().map(move |body| (account, body)))
        .map(|(account, body)| {
            json!({"account": account.to_string(), "received_at": "2030-01-01 00:00:00", "body": body}).to_string()
        })
        .collect();
    let count = lines.len();
    let writing = std::thread::spawn(move || input.write_all((lines.join("\n") + "\n").as_bytes()));
    let mut numbers: BTreeMap<u64, usize> = BTreeMap::new();
    let mut of_callback = accounts.iter().flat_map(|(account, bodies)| std::iter::repeat_n(*account, bodies.len()));
    let mut seen = Seen::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |value: &Value| value.as_str().map_or_else(|| "-".to_owned(), str::to_owned);
        let account = |key: &Value| key[0].as_str().unwrap().parse().unwrap();
        if answer.get("callback").is_some() {
            let account = of_callback.next().unwrap();
            let number = numbers.entry(account).or_default();
            let decisions = answer["decisions"].as_array().unwrap().iter();
            let events: Vec<String> = decisions
                .filter(|decision| decision["disposition"] != "duplicate")
                .map(|event| {
                    let doubtful = if event["clock_doubtful"] == true { " doubtful" } else { "" };
                    let (flow, status, time) = (text(&event["flow"]), text(&event["status"]), text(&event["time"]));
                    format!("{flow}={status} {}{doubtful} {}", time, text(&event["disposition"]))
                })
                .collect();
            let disposition = match answer["kind"].as_str().unwrap() {
                "report" | "repeated" if events.is_empty() => "duplicate",
                "report" => "event",
                "unrecognized" => "unknown",
                other => other,
            };
            seen.push(callback_line(account, *number, disposition, &events));
            *number += 1;
        } else if let Some(track) = answer.get("track") {
            let state = [
                text(&answer["status"]),
                text(&answer["status_since"]),
                text(&answer["seen_until"]),
                answer["ambiguous"].to_string(),
            ];
            seen.push(track_line(account(track), &text(&track[2]), &text(&track[3]), &state));
        } else {
            let resource = &answer["resource"];
            seen.push(resource_line(account(resource), &text(&resource[2]), answer["item_id"].as_str()));
        }
    }
    writing.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(numbers.values().sum::<usize>(), count, "the model reports every callback");
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

/// Returns the results of the callbacks of an account, whose IDs are in the order of receipt.
fn seen_of<'a>(
    account: u64,
    ids: &[Uuid],
    dispositions: impl IntoIterator<Item = (Uuid, CallbackDisposition)>,
    events: impl IntoIterator<Item = &'a Event>,
    tracks: impl IntoIterator<Item = (String, &'a Track)>,
) -> Seen {
    let dispositions: BTreeMap<Uuid, CallbackDisposition> = dispositions.into_iter().collect();
    let mut of_callback: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for event in events {
        of_callback.entry(event.callback_id.unwrap()).or_default().extend(event_text(event));
    }
    let mut seen: Seen = ids
        .iter()
        .enumerate()
        .map(|(number, id)| {
            let events = of_callback.remove(id).unwrap_or_default();
            callback_line(account, number, dispositions[id].as_str(), &events)
        })
        .collect();
    let mut item_ids: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (id, track) in tracks {
        let state = &track.state;
        let state =
            [state.status.clone(), shown(state.modified_at), shown(state.seen_until), state.ambiguous.to_string()];
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
fn projection_and_the_independent_model_agree_about_every_callback() {
    let accounts: Vec<_> = (0..ACCOUNTS).map(|account| (account, bodies(account))).collect();
    assert!(accounts.iter().map(|(_, bodies)| bodies.len()).sum::<usize>() >= 30_000);
    let Some(model) = run_model(&accounts) else { return };
    let mut ours = Seen::new();
    for (account, bodies) in &accounts {
        let mut memory = Memory::new();
        project(&mut Rng::with_seed(*account), &mut memory, bodies);
        let ids: Vec<Uuid> = memory.projected.iter().map(|one| one.callback_id).collect();
        let dispositions = memory.projected.iter().map(|one| (one.callback_id, one.disposition));
        let tracks = memory.tracks().map(|(resource, track)| (resource.id.clone(), track));
        ours.extend(seen_of(*account, &ids, dispositions, &memory.events, tracks));
    }
    for disposition in ["applied", "reentered", "late", "ambiguous_applied", "ambiguous_kept", "doubtful"] {
        let met = ours.iter().filter(|line| line.contains(&format!(" {disposition}"))).count();
        assert!(met > 100, "{disposition} occurs {met} times");
    }
    assert_same(model, ours);
}

/// The same with Postgres, so that the queries return what the rule needs.
#[tokio::test]
async fn the_projector_over_postgres_and_the_independent_model_agree() {
    let accounts: Vec<_> = (0..10).map(|account| (1_000 + account, bodies(1_000 + account))).collect();
    let Some(model) = run_model(&accounts) else { return };
    let database = TestDatabase::create().await;
    crate::Store::new(database.pool.clone()).migrate().await.unwrap();
    let projector = Projector::new(database.pool.clone(), Arc::new(Notify::new()));
    let mut ids_of = Vec::new();
    for (account, bodies) in &accounts {
        let endpoint: i64 = sqlx::query_scalar(
            "with account as (insert into eqp.account (environment, mage_id) values ('sandbox', $1) returning id)
             insert into eqp.endpoint (account_id, name, path, public_url)
             select id, $1, '/' || $1, 'https://example.test/' || $1 from account
             returning id",
        )
        .bind(account.to_string())
        .fetch_one(&database.pool)
        .await
        .unwrap();
        let ids: Vec<Uuid> = bodies.iter().map(|_| Uuid::now_v7()).collect();
        for (ids, bodies) in ids.chunks(70).zip(bodies.chunks(70)) {
            let bodies: Vec<&[u8]> = bodies.iter().map(String::as_bytes).collect();
            sqlx::query(
                "with kept as (
                     insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
                     select id, $3, 1, $4, '192.0.2.7', '', body, 'writer'
                     from unnest($1::uuid[], $2::bytea[]) as new (id, body))
                 insert into eqp.callback_pending (callback_ids) values ($1)",
            )
            .bind(ids)
            .bind(&bodies)
            .bind(endpoint)
            .bind(RECEIVED_AT)
            .execute(&database.pool)
            .await
            .unwrap();
            projector.drain().await.unwrap();
        }
        ids_of.push(ids);
    }
    let mut connection = database.pool.acquire().await.unwrap();
    let mut ours = Seen::new();
    for ((account, _), ids) in accounts.iter().zip(&ids_of) {
        let projected = eqp_store::internal::callback_disposition::projected(&mut connection, ids).await.unwrap();
        let reports: Vec<_> = ids.iter().copied().map(eqp_store::internal::ReportId::Callback).collect();
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
        let dispositions = projected.iter().map(|(id, one)| (*id, one.disposition));
        ours.extend(seen_of(*account, ids, dispositions, &events, tracks));
    }
    assert_same(model, ours);
}
