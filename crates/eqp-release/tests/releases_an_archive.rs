//! A release through the library alone, against a simulated Marketplace.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use eqp_release::{Error, Event, NoProgress, Poller, Progress, Release, ReleaseResult, Selection, Step, Target, Until};
use eqp_simulator::Simulator;
use eqp_test_support::marketplace::{client_of, scanning_at_once};
use eqp_test_support::submission::Submission;
use serde_json::json;

const PATIENCE: Duration = Duration::from_mins(1);

/// Writes an archive and its manifest.
fn prepare(folder: &Path) {
    let submission = Submission::module();
    submission.write(folder).unwrap();
    let listing = submission.listing(folder).unwrap();
    std::fs::write(folder.join("release.json"), json!({"package": listing}).to_string()).unwrap();
}

async fn release(simulator: &Simulator, folder: &Path) -> Release {
    let selection = Selection {
        manifest: Some(folder.join("release.json")),
        archive: Some(folder.join("submission.zip")),
        ..Selection::default()
    };
    let selected = selection.read().unwrap();
    let target = Target::new(selected.track, Until::Scan);
    Release::new(client_of(simulator), selected, target).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn observing_changes_nothing_and_applying_the_plan_submits_once() {
    let simulator = scanning_at_once().await;
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let mut first = release(&simulator, folder.path()).await;
    let plan = first.observe(&mut NoProgress).await.unwrap();
    let account = &simulator.snapshot().accounts[0];
    assert!(account.files.is_empty() && account.packages.is_empty(), "observing only reads");
    assert_eq!(plan.steps()[0], Step::Upload);
    assert_eq!(plan.result(), Some(&ReleaseResult::Pending));

    let ending = first.apply(plan, Poller::without_events(PATIENCE), &mut NoProgress).await.unwrap();
    assert_eq!(ending, Some(ReleaseResult::Pending));
    assert!(first.has_submitted());
    let account = &simulator.snapshot().accounts[0];
    let files = account.files.len();
    assert_eq!(account.packages.len(), 1);

    let mut second = release(&simulator, folder.path()).await;
    let plan = second.observe(&mut NoProgress).await.unwrap();
    assert_eq!(plan.steps(), [Step::End(ReleaseResult::Pending)], "a second run finds what the first one made");
    assert_eq!(second.handle(), first.handle());
    let ending = second.apply(plan, Poller::without_events(PATIENCE), &mut NoProgress).await.unwrap();
    assert_eq!(ending, Some(ReleaseResult::Pending));
    let account = &simulator.snapshot().accounts[0];
    assert_eq!((account.packages.len(), account.files.len()), (1, files));
}

/// Stops a release before its upload.
struct StopsBeforeUpload;

impl Progress for StopsBeforeUpload {
    fn report(&mut self, event: Event<'_>) -> ControlFlow<()> {
        if matches!(event, Event::Uploading { .. }) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_stops_a_release_stops_it_before_the_next_change() {
    let simulator = scanning_at_once().await;
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let mut release = release(&simulator, folder.path()).await;
    let plan = release.observe(&mut StopsBeforeUpload).await.unwrap();
    let error = release.apply(plan, Poller::without_events(PATIENCE), &mut StopsBeforeUpload).await.unwrap_err();
    assert!(matches!(error, Error::Stopped), "{error}");
    let account = &simulator.snapshot().accounts[0];
    assert!(account.files.is_empty() && account.packages.is_empty());
}
