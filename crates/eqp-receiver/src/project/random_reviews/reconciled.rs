//! Tests the rule with random reviews that are also read from the API: after one reconciliation no track is wrong.

use eqp_store::internal::{ApiReadDisposition, PendingReport, ReadContext};
use eqp_store::{Disposition, ResourceKind};
use fastrand::Rng;
use time::{Duration, OffsetDateTime};

use super::memory::{Memory, RECEIVED_AT, project, project_reports};
use super::review::{Change, FLOWS, lose, package, percent, play, with_duplicates};
use super::reviews;

/// Returns what the API answers after a change, to a request that began and ended at these times.
fn read(memory: &mut Memory, change: &Change, began_at: OffsetDateTime, received_at: OffsetDateTime) -> PendingReport {
    let context =
        ReadContext { resource_kind: ResourceKind::Submission, resource_id: "s".to_owned(), began_at, baseline: false };
    memory.report(received_at, &package(change), Some(context))
}

/// Reads the API after the last change, and after every callback was received.
fn reconcile(memory: &mut Memory, last: &Change) {
    let latest = memory.tracks().map(|(_, track)| track.reported_at).max().unwrap_or(RECEIVED_AT);
    let read = read(memory, last, latest, latest + Duration::SECOND);
    memory.project_reports(&[read]);
}

/// Returns the flows whose track is not as the API shows it, or is ambiguous.
fn wrong(memory: &Memory, last: &Change) -> Vec<String> {
    let is_wrong = |(at, flow)| {
        let track = memory.track(flow);
        !track.is_some_and(|track| track.state.status == last.snapshot[at] && !track.state.ambiguous)
    };
    FLOWS.iter().enumerate().filter(|one| is_wrong(*one)).map(|(_, flow)| flow.to_string()).collect()
}

#[test]
fn after_one_reconciliation_no_track_is_wrong() {
    let (mut corrected, mut confirmed) = (0, 0);
    for (same_second, shuffled) in [(0, false), (0, true), (30, false), (30, true)] {
        for seed in 0..reviews() {
            let mut rng = Rng::with_seed(seed);
            let changes = play(&mut rng, same_second);
            // Any callback may be lost, the last one too.
            let heard: Vec<Change> = changes.iter().filter(|_| !percent(&mut rng, 30)).cloned().collect();
            let bodies: Vec<String> = heard.iter().map(Change::later_form).collect();
            let mut sent = with_duplicates(&mut rng, &bodies, 30);
            if shuffled {
                rng.shuffle(&mut sent);
            }
            let mut memory = Memory::new();
            project(&mut rng, &mut memory, &sent);
            let last = changes.last().unwrap();
            let was_ambiguous = memory.tracks().any(|(_, track)| track.state.ambiguous);
            reconcile(&mut memory, last);
            assert_eq!(wrong(&memory, last), Vec::<String>::new(), "seed {seed}");
            corrected += memory.events.iter().filter(|one| one.disposition == Some(Disposition::Corrected)).count();
            confirmed += usize::from(was_ambiguous);

            // A second one reports nothing, and the same callbacks again change nothing.
            let events = memory.events.len();
            reconcile(&mut memory, last);
            assert_eq!(memory.reads.last().unwrap().disposition, ApiReadDisposition::Duplicate);
            project(&mut rng, &mut memory, &bodies);
            assert_eq!(memory.events.len(), events, "seed {seed}");
            assert_eq!(wrong(&memory, last), Vec::<String>::new(), "seed {seed}");
        }
    }
    assert!(corrected > 0 && confirmed > 0, "{corrected} {confirmed}");
}

#[test]
fn callbacks_that_arrive_after_a_reconciliation_change_no_status() {
    for seed in 0..reviews() {
        let mut rng = Rng::with_seed(seed);
        let changes = play(&mut rng, 0);
        let heard = lose(&mut rng, &changes, 40);
        let mut memory = Memory::new();
        let bodies: Vec<String> = heard.iter().map(Change::later_form).collect();
        project(&mut rng, &mut memory, &bodies);
        let last = changes.last().unwrap();
        reconcile(&mut memory, last);
        let events = memory.events.len();
        let mut late: Vec<String> = changes.iter().map(Change::later_form).collect();
        rng.shuffle(&mut late);
        project(&mut rng, &mut memory, &late);
        assert_eq!(wrong(&memory, last), Vec::<String>::new(), "seed {seed}");
        assert!(memory.events[events..].iter().all(|event| !event.applied), "seed {seed}");
    }
}

#[test]
fn a_wrong_status_after_a_reconciliation_is_marked_and_corrected_by_the_next() {
    for seed in 0..reviews() {
        let mut rng = Rng::with_seed(seed);
        let changes = play(&mut rng, 30);
        let mut memory = Memory::new();
        let (early, late) = changes.split_at(rng.usize(..changes.len()));
        let early: Vec<String> = early.iter().map(Change::later_form).collect();
        project(&mut rng, &mut memory, &early);
        let last = changes.last().unwrap();
        reconcile(&mut memory, last);
        let mut late: Vec<String> = late.iter().map(Change::later_form).collect();
        rng.shuffle(&mut late);
        project(&mut rng, &mut memory, &late);
        let wrong_tracks = FLOWS
            .iter()
            .enumerate()
            .filter_map(|(at, flow)| memory.track(flow).filter(|track| track.state.status != last.snapshot[at]));
        assert!(wrong_tracks.into_iter().all(|track| track.state.ambiguous), "seed {seed}");
        reconcile(&mut memory, last);
        assert_eq!(wrong(&memory, last), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn an_account_that_is_only_read_has_the_same_timeline_as_one_with_callbacks() {
    for seed in 0..reviews() {
        let mut rng = Rng::with_seed(seed);
        let changes = play(&mut rng, 0);
        let (mut called, mut polled) = (Memory::new(), Memory::new());
        let bodies: Vec<String> = changes.iter().map(Change::later_form).collect();
        project(&mut rng, &mut called, &bodies);
        let reads: Vec<PendingReport> = (0_i64..)
            .zip(&changes)
            .map(|(at, change)| {
                let began_at = RECEIVED_AT + Duration::seconds(2 * at);
                read(&mut polled, change, began_at, began_at + Duration::SECOND)
            })
            .collect();
        project_reports(&mut rng, &mut polled, &reads);
        for flow in &FLOWS {
            assert_eq!(called.reported(flow), polled.reported(flow), "seed {seed}");
        }
        assert_eq!(wrong(&polled, changes.last().unwrap()), Vec::<String>::new());
    }
}
