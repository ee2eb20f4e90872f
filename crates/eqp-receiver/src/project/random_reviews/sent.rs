//! Generates random callbacks and API reads for the comparison with the independent model.

use std::fmt::Write as _;

use eqp_store::ResourceKind;
use eqp_store::internal::ReadContext;
use eqp_types::{MarketingStatus, OverallStatus, TechnicalStatus, Timestamp};
use fastrand::Rng;
use time::OffsetDateTime;

// Some reports have a time more than 48 hours later.
use super::memory::RECEIVED_AT;
use super::review::percent;

const SCANS: [&str; 9] = ["queued", "in-progress", "passed", "pass", "failed", "fail", "PASS", " Failed ", "infected"];
const ITEM_IDS: [&str; 6] = [r#""z9""#, r#""a1""#, r#""a1""#, "null", r#""""#, "20260101123456789012345"];

/// The number of reports of each account.
const REPORTS: usize = 200;

/// A callback, or an API read if there is a context.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) body: String,
    pub(super) received_at: OffsetDateTime,
    pub(super) read: Option<ReadContext>,
}

impl Sent {
    fn callback(body: String) -> Self {
        Self { body, received_at: RECEIVED_AT, read: None }
    }
}

/// Returns the reports of one account, in the order in which they are projected.
pub(super) fn reports(account: u64) -> Vec<Sent> {
    let mut rng = Rng::with_seed(account);
    let mut sent: Vec<Sent> = Vec::with_capacity(REPORTS);
    // Few seconds and few resources, so that many changes share a second and every row of the rule is covered.
    let seconds = 1 + rng.i64(0..40);
    let mut second = 0;
    while sent.len() < REPORTS {
        if percent(&mut rng, 70) {
            second = (second + 1) % seconds;
        }
        let one = match rng.usize(..25) {
            0..=2 if !sent.is_empty() => sent[rng.usize(..sent.len())].clone(),
            3..=5 => Sent::callback(scan(&mut rng, second)),
            6 => Sent::callback(odd(&mut rng)),
            7 => read_file(&mut rng, second),
            8..=11 => read_package(&mut rng, second),
            _ => Sent::callback(update(&mut rng, second)),
        };
        sent.push(one);
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

/// Returns an API read. Some began before the callbacks were received, and some answers are about something else.
fn read(rng: &mut Rng, resource_kind: ResourceKind, resource_id: String, body: String) -> Sent {
    let received_at = RECEIVED_AT + time::Duration::seconds(rng.i64(0..3));
    let began_at = received_at - time::Duration::seconds(rng.i64(0..4));
    let body = match rng.usize(..30) {
        0 => "<html>".to_owned(),
        1 => body.replace("_id\": ", "_id\": 7"),
        _ => body,
    };
    Sent { body, received_at, read: Some(ReadContext { resource_kind, resource_id, began_at, baseline: false }) }
}

fn read_package(rng: &mut Rng, second: i64) -> Sent {
    let id = format!("12345678901234567890123456789{}", rng.u8(..3));
    let mut fields = format!(r#""submission_id": {id}"#);
    if percent(rng, 60) {
        let _ = write!(fields, r#", "item_id": {}"#, ITEM_IDS[rng.usize(..ITEM_IDS.len())]);
    }
    let (overall, technical) = (status(rng, OverallStatus::KNOWN), status(rng, TechnicalStatus::KNOWN));
    let marketing =
        if percent(rng, 5) { "[7]".to_owned() } else { format!("\"{}\"", status(rng, MarketingStatus::KNOWN)) };
    let _ = write!(
        fields,
        r#", "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": {marketing}}}"#
    );
    let time = time(rng, second);
    read(rng, ResourceKind::Submission, id, format!("{{{fields}{time}}}"))
}

fn read_file(rng: &mut Rng, second: i64) -> Sent {
    let id = format!("2309480238.23847{}0", rng.u8(..2));
    let (status, time) = (SCANS[rng.usize(..SCANS.len())], time(rng, second));
    let body = format!(r#"{{"file_upload_id": {id}, "malware_status": "{status}"{time}}}"#);
    read(rng, ResourceKind::File, id, body)
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
