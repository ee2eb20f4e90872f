//! Puts everything that happened to a submission into one list, newest first. No I/O.

use std::collections::HashMap;

use eqp_store::internal::{AlertEntry, EventDelivery, RepeatedReport, ReportId, UnreportedChange};
use eqp_store::{AlertChangeKind, Disposition, Event, Origin};
use eqp_sync::AlertText;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::words;
use super::model::{LATE, TimelineEntry, TimelineKind};

/// The most entries.
const ENTRIES: usize = 500;

/// Everything that happened to a submission.
pub(super) struct TimelineFacts<'a> {
    /// Its events, oldest first.
    pub(super) events: &'a [Event],
    pub(super) repeated: &'a [RepeatedReport],
    pub(super) unreported: &'a [UnreportedChange],
    pub(super) deliveries: &'a [EventDelivery],
    pub(super) alerts: &'a [AlertEntry],
    pub(super) now: OffsetDateTime,
}

impl TimelineFacts<'_> {
    /// Returns the entries, newest first, and whether these are all.
    pub(super) fn entries(&self) -> (Vec<TimelineEntry>, bool) {
        let mut entries = self.reports();
        entries.extend(self.deliveries.iter().map(delivery));
        entries.extend(self.alerts.iter().flat_map(|change| self.alert(change)));
        // Entries of the same time stay in their order, of which the last is the newest.
        entries.reverse();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        let is_complete = entries.len() <= ENTRIES;
        entries.truncate(ENTRIES);
        (entries, is_complete)
    }

    /// Returns an entry for each report, which may have changed several flows.
    fn reports(&self) -> Vec<TimelineEntry> {
        let repeats: HashMap<Uuid, u64> = self.repeated.iter().map(|one| (one.report, one.times)).collect();
        let mut entries: Vec<(Option<ReportId>, TimelineEntry)> = Vec::new();
        for event in self.events {
            let report = event.report();
            let change = change(event);
            let last = entries.last_mut().filter(|(last, _)| report.is_some() && *last == report);
            if let Some((_, last)) = last {
                last.text = format!("{}; {change}", last.text);
                if let Some(remark) = self.remark(event).filter(|remark| last.remark.as_ref() != Some(remark)) {
                    last.remark = Some(last.remark.take().map_or(remark.clone(), |known| format!("{known}; {remark}")));
                }
                continue;
            }
            let is_callback = event.origin == Origin::Callback;
            let kind = if is_callback { TimelineKind::Callback } else { TimelineKind::Reconciliation };
            let repeats = report.and_then(|report| repeats.get(&report.uuid())).copied().unwrap_or_default();
            let mut entry = entry(kind, event.received_at, change);
            (entry.remark, entry.repeats, entry.event_seq) = (self.remark(event), repeats, Some(event.seq));
            entries.push((report, entry));
        }
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Returns the unusual properties of an event.
    fn remark(&self, event: &Event) -> Option<String> {
        let mut remarks = Vec::new();
        match event.origin {
            Origin::Callback => {}
            Origin::Baseline => remarks.push("read from the API, from before the account was observed"),
            Origin::Reconcile => remarks.push(self.fate_of_callback(event)),
        }
        match event.disposition {
            None | Some(Disposition::Applied) => {}
            Some(Disposition::Reentered) => remarks.push("the status in between was not reported"),
            Some(Disposition::Ambiguous) => remarks.push("another status was reported for the same time"),
            Some(Disposition::Late) => remarks.push(LATE),
            Some(Disposition::Corrected) => remarks.push("the API contradicted the last callback"),
        }
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }

    /// Returns the fate of the callback about a change that the API reported first.
    fn fate_of_callback(&self, event: &Event) -> &'static str {
        let is_it = |one: &&UnreportedChange| {
            Some(one.api_read) == event.api_read_id && event.flow.as_ref().is_some_and(|flow| flow.as_str() == one.flow)
        };
        let change = self.unreported.iter().find(is_it);
        match change.map(|change| (change.decision.as_deref(), change.arrived_at)) {
            Some((Some("missed"), None)) => "read from the API: no callback arrived",
            Some((_, Some(_))) => "read from the API: the callback arrived later",
            Some((Some("not_expected"), _)) => "read from the API: no endpoint was registered",
            Some(_) => "read from the API: no callback has arrived yet",
            None => "read from the API",
        }
    }

    /// Returns the entries of a change of an alert: the change, and its note.
    fn alert(&self, change: &AlertEntry) -> Vec<TimelineEntry> {
        let title = AlertText::of(&change.kind, &change.data, self.now).title;
        let mut entries = Vec::new();
        if change.change != AlertChangeKind::Noted {
            let mut about = entry(TimelineKind::Alert, change.at, format!("{title}, {}", change.change));
            about.by.clone_from(&change.by);
            about.alert = Some(change.alert);
            entries.push(about);
        }
        if let Some(note) = &change.note {
            let mut about = entry(TimelineKind::Note, change.at, note.clone());
            about.by.clone_from(&change.by);
            about.alert = Some(change.alert);
            entries.push(about);
        }
        entries
    }
}

fn entry(kind: TimelineKind, at: OffsetDateTime, text: String) -> TimelineEntry {
    TimelineEntry { kind, at, text, remark: None, by: None, repeats: 0, event_seq: None, delivery: None, alert: None }
}

fn change(event: &Event) -> String {
    match (&event.flow, &event.status) {
        (Some(flow), Some(status)) => format!("{flow}: {}", words::status(status)),
        _ => event.kind.to_string(),
    }
}

fn delivery(delivery: &EventDelivery) -> TimelineEntry {
    let result = match (&delivery.result, delivery.status) {
        (Some(result), Some(status)) => format!("{} ({status})", result.replace('_', " ")),
        (Some(result), None) => result.replace('_', " "),
        (None, _) => "no attempt yet".to_owned(),
    };
    let state = match (delivery.is_stored, delivery.is_dead) {
        (true, true) => format!("dead, {result}"),
        (true, false) => format!("waiting, {result}"),
        (false, _) => result,
    };
    let text = format!("event {} to {}: {state}", delivery.event_seq, delivery.subscription);
    let mut entry = entry(TimelineKind::Delivery, delivery.at, text);
    (entry.event_seq, entry.delivery) = (Some(delivery.event_seq), delivery.is_stored.then_some(delivery.delivery));
    entry
}
