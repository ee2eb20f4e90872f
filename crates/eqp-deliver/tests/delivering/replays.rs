//! Replays: events that are delivered again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use eqp_deliver::{
    AttemptOutcome, ReplayError, ReplayPlan, ReplaySelection, ReplayState, ReplaySummary, Replays, SubscriptionError,
};

use crate::setup::{FAILED, Received, Setup};

impl Setup {
    fn replays(&self) -> Replays {
        Replays::new(self.database.pool.clone())
    }

    async fn plan(&self, selection: &ReplaySelection, to: Option<&str>) -> ReplayPlan {
        self.replays().plan(selection, to, None).await.unwrap()
    }

    async fn request(&self, plan: &ReplayPlan) -> i64 {
        let mut transaction = self.database.pool.begin().await.unwrap();
        let id = Replays::request(&mut transaction, plan, "a test").await.unwrap();
        transaction.commit().await.unwrap();
        id
    }

    async fn cancel(&self, id: i64) -> Result<u64, ReplayError> {
        let mut transaction = self.database.pool.begin().await.unwrap();
        let discarded = Replays::cancel(&mut transaction, id, "a test").await?;
        transaction.commit().await.unwrap();
        Ok(discarded)
    }

    /// Records files, and moves the fan-out past their events, so that only replays deliver them.
    async fn past_files(&self, count: usize) {
        let names: Vec<String> = (0..count).map(|n| format!("f{n}")).collect();
        self.files(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        self.sql("update eqp.fanout set cursor_seq = (select last_event_seq from eqp.projector)").await;
    }

    async fn finished(&self, id: i64) -> ReplaySummary {
        let begun = Instant::now();
        loop {
            let found = self.replays().find(id).await.unwrap();
            if found.state == ReplayState::Finished {
                return found;
            }
            assert!(begun.elapsed() < eqp_test_support::callbacks::PATIENCE, "{found:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn everything() -> ReplaySelection {
    ReplaySelection { kind: Some(eqp_store::EventKind::File), ..ReplaySelection::default() }
}

/// The numbers of the events that were received, without repetitions.
fn seqs(received: &[Received]) -> BTreeSet<i64> {
    received.iter().map(Received::seq).collect()
}

#[tokio::test]
async fn a_replay_delivers_the_planned_events_again_with_the_same_ids() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.subscribe("other", |_| {}).await;
    let process = setup.start();
    setup.files(&["a", "b", "c"]).await;
    setup.handlers.wait_for(6).await;
    let plan = setup.plan(&everything(), Some("shop")).await;
    assert_eq!((plan.selected, plan.events, plan.deliveries, plan.first.len()), (3, 3, 3, 3));
    assert_eq!(plan.subscriptions.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["shop"]);
    // It was not planned, and is delivered once.
    setup.files(&["d"]).await;
    setup.handlers.wait_for(8).await;
    let id = setup.request(&plan).await;
    let done = setup.finished(id).await;
    process.stop().await;
    assert_eq!((done.planned, done.created, done.dead), (3, 3, 0));
    let received = setup.handlers.received();
    let (replayed, first): (Vec<Received>, Vec<_>) =
        received.into_iter().partition(|one| one.message.replay == Some(id));
    assert_eq!((replayed.len(), first.len()), (3, 8));
    assert!(replayed.iter().all(|one| one.handler == "shop" && one.out_of_order_after().is_none()));
    for one in &replayed {
        let before = first.iter().find(|before| before.handler == "shop" && before.seq() == one.seq()).unwrap();
        assert_eq!(one.message.id, before.message.id);
    }
    assert_eq!(seqs(&replayed), [1, 2, 3].into());
}

#[tokio::test]
async fn a_replay_continues_where_a_crashed_process_stopped() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.past_files(700).await;
    let id = setup.request(&setup.plan(&everything(), None).await).await;
    let process = setup.start();
    setup.handlers.wait_for(250).await;
    process.crash().await;
    assert!(setup.number("select created from eqp.replay").await < 700, "it was interrupted");
    // Two processes share what is left.
    let processes = [setup.start(), setup.start()];
    setup.sql("update eqp.delivery_lane set due_at = now() where due_at < 'infinity'").await;
    let done = setup.finished(id).await;
    for process in processes {
        process.stop().await;
    }
    assert_eq!((done.planned, done.created), (700, 700));
    assert_eq!(seqs(&setup.handlers.received()).len(), 700, "every event has arrived");
    assert_eq!(setup.number("select count(*) from eqp.attempt where result = 'delivered'").await, 700);
}

#[tokio::test]
async fn new_events_overtake_a_replay_and_the_queue_stays_short() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.past_files(1_000).await;
    setup.handlers.slow(Duration::from_millis(20));
    let id = setup.request(&setup.plan(&everything(), None).await).await;
    let process = setup.start();
    setup.handlers.wait_for(50).await;
    setup.files(&["new"]).await;
    let before = setup.handlers.received().len();
    let received =
        setup.handlers.wait_until("the new event", |all| all.iter().any(|one| one.resource() == "new")).await;
    let overtaken = setup.replays().find(id).await.unwrap();
    assert!(received.len() - before < 60, "it waited for {} others", received.len() - before);
    assert!(overtaken.created < 1_000 && overtaken.waiting <= 400, "{overtaken:?}");
    setup.handlers.slow(Duration::ZERO);
    setup.finished(id).await;
    process.stop().await;
}

#[tokio::test]
async fn the_number_of_incomplete_replays_is_limited() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.past_files(1).await;
    let plan = setup.plan(&everything(), None).await;
    let mut first = None;
    for _ in 0..50 {
        let id = setup.request(&plan).await;
        first.get_or_insert(id);
    }
    let mut transaction = setup.database.pool.begin().await.unwrap();
    let refused = Replays::request(&mut transaction, &plan, "a test").await;
    assert!(matches!(refused, Err(ReplayError::TooManyReplays { most: 50 })), "{refused:?}");
    drop(transaction);
    setup.cancel(first.unwrap()).await.unwrap();
    setup.request(&plan).await;
}

#[tokio::test]
async fn a_cancelled_replay_sends_nothing_more() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.past_files(300).await;
    setup.handlers.hang(true);
    let id = setup.request(&setup.plan(&everything(), None).await).await;
    let process = setup.start();
    setup.handlers.wait_for(4).await;
    let discarded = setup.cancel(id).await.unwrap();
    assert!(discarded >= 196, "{discarded}");
    let cancelled = setup.replays().find(id).await.unwrap();
    assert_eq!((cancelled.state, cancelled.waiting, cancelled.discarded), (ReplayState::Cancelled, 0, discarded));
    assert!(matches!(setup.cancel(id).await, Err(ReplayError::Ended { .. })));
    setup.handlers.hang(false);
    setup.files(&["new"]).await;
    setup.handlers.wait_until("the new event", |all| all.iter().any(|one| one.resource() == "new")).await;
    process.crash().await;
    assert_eq!(setup.handlers.received().len(), 5, "only what was being sent");
    assert_eq!(setup.replays().list(10).await.unwrap(), [setup.replays().find(id).await.unwrap()]);
}

#[tokio::test]
async fn an_event_that_fails_holds_back_no_other_event_of_the_replay() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |new| new.order_hold = eqp_deliver::OrderHold::Strict).await;
    setup.past_files(40).await;
    setup.handlers.respond(|received| if received.resource() == "f0" { FAILED } else { AttemptOutcome::Delivered });
    let id = setup.request(&setup.plan(&everything(), None).await).await;
    let process = setup.start();
    setup.handlers.wait_until("all events", |all| seqs(all).len() == 40).await;
    setup.until("select count(*) from eqp.delivery", 1).await;
    process.stop().await;
    let running = setup.replays().find(id).await.unwrap();
    assert_eq!((running.state, running.waiting, running.retrying), (ReplayState::Running, 1, 1));
    assert!(setup.handlers.received().iter().all(|one| one.out_of_order_after().is_none()));
}

#[tokio::test]
async fn the_plan_shows_what_nobody_receives_and_refuses_what_does_not_exist() {
    let setup = Setup::new().await;
    setup.subscribe("failed", |new| new.filter.statuses = vec!["fail".into()]).await;
    setup.past_files(2).await;
    setup.submission("s").await;
    let nothing = setup.plan(&everything(), None).await;
    assert_eq!((nothing.selected, nothing.events, nothing.deliveries), (2, 0, 0));
    let mut connection = setup.database.pool.acquire().await.unwrap();
    assert!(matches!(Replays::request(&mut connection, &nothing, "a test").await, Err(ReplayError::Nothing)));
    drop(connection);

    let refused = async |selection: ReplaySelection, to| setup.replays().plan(&selection, to, None).await.unwrap_err();
    let error = refused(ReplaySelection::of_events([1, 99, 100]), None).await;
    assert_eq!(error.to_string(), "no event with the numbers 99, 100 is selected");
    let error = refused(ReplaySelection::of_events([1]), Some("nowhere")).await;
    assert!(matches!(error, ReplayError::Subscription(SubscriptionError::NotFound { .. })), "{error}");
    let error = refused(ReplaySelection::of_events((0..1_001).collect::<Vec<_>>()), None).await;
    assert!(matches!(error, ReplayError::TooManyEvents { .. }), "{error}");
    assert!(matches!(setup.replays().find(7).await, Err(ReplayError::NotFound { id: 7 })));

    setup.subscribe("all", |_| {}).await;
    let of_status = ReplaySelection { status: Some("pass".into()), ..ReplaySelection::default() };
    assert_eq!(setup.plan(&of_status, None).await.events, 2);
    let later = ReplaySelection { since: Some(time::OffsetDateTime::now_utc()), ..ReplaySelection::default() };
    assert_eq!(setup.plan(&later, None).await.selected, 0);
    let by_number = ReplaySelection { kind: everything().kind, ..ReplaySelection::of_events([2, 1]) };
    assert_eq!(setup.plan(&by_number, Some("all")).await.deliveries, 2);
}

#[tokio::test]
async fn a_paused_subscription_receives_a_replay_after_it_is_resumed() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.past_files(3).await;
    setup.subscriptions().pause("shop", "a deployment").await.unwrap();
    let plan = setup.plan(&everything(), None).await;
    assert!(plan.subscriptions[0].is_paused);
    let id = setup.request(&plan).await;
    let process = setup.start();
    setup.until("select count(*) from eqp.delivery", 3).await;
    assert_eq!(setup.handlers.received(), []);
    setup.subscriptions().resume("shop").await.unwrap();
    setup.finished(id).await;
    process.stop().await;
    assert_eq!(setup.handlers.received().len(), 3);
}

#[tokio::test]
async fn events_that_reprojection_has_replaced_are_missing_in_the_count() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.past_files(3).await;
    let id = setup.request(&setup.plan(&everything(), None).await).await;
    setup.sql("delete from eqp.event where seq = 2").await;
    let process = setup.start();
    let done = setup.finished(id).await;
    process.stop().await;
    assert_eq!((done.planned, done.created, done.is_complete), (3, 2, true));
    assert_eq!(setup.handlers.resources("shop").len(), 2);
}

#[tokio::test]
async fn a_replay_to_a_removed_subscription_ends() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |_| {}).await;
    setup.past_files(2).await;
    let id = setup.request(&setup.plan(&everything(), Some("shop")).await).await;
    setup.subscriptions().remove("shop").await.unwrap();
    let process = setup.start();
    let done = setup.finished(id).await;
    process.stop().await;
    assert_eq!((done.created, done.subscription.as_deref()), (0, Some("shop")));
}
