//! Consumers fetch messages, and acknowledge or return them.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_deliver::{
    AckId, Fetch, Fetched, FetchedMessage, HandlerDefinition, MessageBody, Nack, NewSubscription, Pull, PullError,
};
use eqp_test_support::callbacks::PATIENCE;
use time::OffsetDateTime;

use crate::setup::{Process, Setup};

const WAITS: Fetch = Fetch { max_messages: 10, max_wait: PATIENCE, lease: Duration::from_mins(1) };
const NOW: Fetch = Fetch { max_wait: Duration::ZERO, ..WAITS };

/// A database with the pull subscription `ci`, and a process with the fan-out.
struct Pulled {
    setup: Setup,
    pull: Pull,
    process: Process,
}

impl Pulled {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut NewSubscription)) -> Self {
        let setup = Setup::new().await;
        let mut new = NewSubscription::new("ci", HandlerDefinition::Pull);
        change(&mut new);
        setup.subscriptions().add(&new, None).await.unwrap();
        let (pull, process) = (Pull::new(setup.database.pool.clone()), setup.start());
        Self { setup, pull, process }
    }

    async fn fetch(&self, fetch: Fetch) -> Fetched {
        self.pull.fetch("ci", &fetch).await.unwrap()
    }

    /// Waits for the next message.
    async fn one(&self) -> FetchedMessage {
        self.fetch(Fetch { max_messages: 1, ..WAITS }).await.messages.remove(0)
    }

    async fn ack(&self, message: &FetchedMessage) -> u64 {
        self.pull.ack("ci", &[message.ack_id]).await.unwrap()
    }

    /// Lets the leases of all fetched messages expire.
    async fn expire(&self) {
        self.setup.sql("update eqp.delivery_lane set due_at = now() where lease is not null").await;
    }
}

fn seq(message: &FetchedMessage) -> i64 {
    match &message.message.body {
        MessageBody::FileScanFinished(content) | MessageBody::SubmissionStatusChanged(content) => {
            content.data.event.seq
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_events_of_a_resource_are_fetched_in_order_each_after_the_previous_one_was_acknowledged() {
    let pulled = Pulled::new().await;
    pulled.setup.submission("s").await;
    pulled.setup.files(&["a"]).await;
    pulled.setup.until("select count(*) from eqp.delivery", 4).await;
    let fetched = pulled.fetch(WAITS).await.messages;
    assert_eq!(fetched.iter().map(seq).collect::<Vec<_>>(), [1, 4], "one of each resource");
    assert_eq!(pulled.fetch(NOW).await.messages, [], "the others wait");
    for message in &fetched {
        assert_eq!((message.attempt, pulled.ack(message).await), (1, 1));
    }
    for expected in [2, 3] {
        let next = pulled.one().await;
        assert_eq!(seq(&next), expected);
        pulled.ack(&next).await;
    }
    pulled.setup.until_empty().await;
    assert_eq!(pulled.setup.number("select count(*) from eqp.attempt where result = 'delivered'").await, 4);
    pulled.process.stop().await;
}

#[tokio::test]
async fn a_repeated_acknowledgement_succeeds_and_is_logged_once() {
    let pulled = Pulled::new().await;
    pulled.setup.files(&["a"]).await;
    let message = pulled.one().await;
    let twice = [message.ack_id, message.ack_id];
    assert_eq!(pulled.pull.ack("ci", &twice).await.unwrap(), 1);
    assert_eq!(pulled.pull.ack("ci", &twice).await.unwrap(), 0);
    assert_eq!(pulled.pull.nack("ci", &twice, Nack::Dead, None).await.unwrap(), 0);
    assert_eq!(pulled.setup.number("select count(*) from eqp.attempt").await, 1);
    pulled.process.stop().await;
}

#[tokio::test]
async fn a_late_acknowledgement_counts_until_the_message_was_fetched_again() {
    let pulled = Pulled::new().await;
    pulled.setup.files(&["a"]).await;
    let first = pulled.one().await;
    assert_eq!(pulled.fetch(NOW).await.messages, []);
    pulled.expire().await;
    let second = pulled.one().await;
    assert_eq!((&second.message.id, second.attempt), (&first.message.id, 2));
    // The first consumer cannot return it any more, because the second one is processing it.
    assert_eq!(pulled.pull.nack("ci", &[first.ack_id], Nack::Dead, None).await.unwrap(), 0);
    assert_eq!(pulled.ack(&first).await, 0);
    pulled.expire().await;
    assert_eq!(pulled.ack(&second).await, 1);
    assert_eq!(pulled.fetch(NOW).await.messages, []);
    // The lane is not lost: the next event of this resource arrives.
    pulled.setup.files(&["a", "a"]).await;
    pulled.setup.database.callback(eqp_test_support::callbacks::scan("a", "failed")).await;
    pulled.setup.database.project().await;
    assert_eq!(pulled.one().await.attempt, 1);
    pulled.process.stop().await;
}

/// Returns the ID with which another delivery would be acknowledged under the same lease.
fn of_delivery(id: AckId, delivery: i64) -> AckId {
    let mut bytes = URL_SAFE_NO_PAD.decode(id.to_string()).unwrap();
    bytes[5..13].copy_from_slice(&delivery.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes).parse().unwrap()
}

#[tokio::test]
async fn a_lease_settles_no_other_delivery_than_the_fetched_one() {
    let pulled = Pulled::new().await;
    pulled.setup.files(&["a", "b"]).await;
    pulled.setup.until("select count(*) from eqp.delivery", 2).await;
    let first = pulled.one().await;
    let newest = pulled.setup.number("select max(id) from eqp.delivery").await;
    let oldest = pulled.setup.number("select min(id) from eqp.delivery").await;
    for delivery in [oldest, newest, newest + 1_000] {
        let forged = of_delivery(first.ack_id, delivery);
        if forged != first.ack_id {
            assert_eq!(pulled.pull.ack("ci", &[forged]).await.unwrap(), 0);
            assert_eq!(pulled.pull.nack("ci", &[forged], Nack::Dead, None).await.unwrap(), 0);
        }
    }
    assert_eq!(pulled.ack(&first).await, 1, "its lane is still leased");
    let second = pulled.one().await;
    assert_ne!(second.message.id, first.message.id);
    assert_eq!(pulled.ack(&second).await, 1);
    pulled.process.stop().await;
}

#[tokio::test]
async fn a_returned_message_waits_for_the_requested_time_and_is_dead_after_the_tenth_time_without_one() {
    let pulled = Pulled::new().await;
    pulled.setup.files(&["a"]).await;
    let message = pulled.one().await;
    let later = Nack::After(Duration::from_hours(1));
    assert_eq!(pulled.pull.nack("ci", &[message.ack_id], later, Some("not now")).await.unwrap(), 1);
    assert_eq!(pulled.fetch(NOW).await.messages, []);
    let waits = "select count(*) from eqp.delivery where attempts = 1 and retry_at > now() + interval '59 minutes'";
    assert_eq!(pulled.setup.number(waits).await, 1);
    let logged = "select count(*) from eqp.attempt where result = 'retry_later' and note = 'not now'";
    assert_eq!(pulled.setup.number(logged).await, 1);
    for attempt in 2..=10 {
        pulled.setup.pass_waits().await;
        let message = pulled.one().await;
        assert_eq!(message.attempt, attempt);
        pulled.pull.nack("ci", &[message.ack_id], Nack::Scheduled, None).await.unwrap();
    }
    assert_eq!(pulled.setup.number("select count(*) from eqp.delivery where dead_at is not null").await, 1);
    pulled.setup.pass_waits().await;
    assert_eq!(pulled.fetch(NOW).await.messages, []);
    pulled.process.stop().await;
}

#[tokio::test]
async fn after_the_order_hold_the_events_behind_a_returned_message_are_fetched_and_marked() {
    let pulled = Pulled::with(|new| new.order_hold = eqp_deliver::OrderHold::For(Duration::ZERO)).await;
    pulled.setup.submission("s").await;
    let first = pulled.one().await;
    let later = Nack::After(Duration::from_hours(1));
    pulled.pull.nack("ci", &[first.ack_id], later, None).await.unwrap();
    let second = pulled.one().await;
    assert_eq!((seq(&first), seq(&second)), (1, 2));
    let MessageBody::SubmissionStatusChanged(content) = &second.message.body else { panic!("{second:?}") };
    assert_eq!(content.data.out_of_order_after, Some(1));
    pulled.process.stop().await;
}

#[tokio::test]
async fn a_dead_message_does_not_hold_back_the_next_one() {
    let pulled = Pulled::new().await;
    pulled.setup.submission("s").await;
    let first = pulled.one().await;
    pulled.pull.nack("ci", &[first.ack_id], Nack::Dead, Some("no")).await.unwrap();
    assert_eq!(seq(&pulled.one().await), 2);
    assert_eq!(pulled.setup.number("select count(*) from eqp.delivery where dead_at is not null").await, 1);
    pulled.process.stop().await;
}

#[tokio::test]
async fn consumers_of_one_subscription_share_its_messages() {
    let pulled = Pulled::new().await;
    let names: Vec<String> = (0..60).map(|number| format!("f{number}")).collect();
    pulled.setup.files(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    pulled.setup.until("select count(*) from eqp.delivery", 60).await;
    let consume = async || {
        let mut seqs = Vec::new();
        loop {
            let messages = pulled.fetch(Fetch { max_messages: 3, ..NOW }).await.messages;
            if messages.is_empty() {
                return seqs;
            }
            for message in messages {
                seqs.push(seq(&message));
                pulled.ack(&message).await;
            }
        }
    };
    let (one, two, three) = tokio::join!(consume(), consume(), consume());
    assert!(!one.is_empty() && !two.is_empty() && !three.is_empty());
    let all: Vec<i64> = [one, two, three].concat();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (60, 60));
    pulled.process.stop().await;
}

#[tokio::test]
async fn a_consumer_that_waits_receives_what_arrives_and_learns_of_a_pause_and_a_removal() {
    let pulled = Pulled::new().await;
    let (message, ()) = tokio::join!(pulled.one(), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        pulled.setup.files(&["a"]).await;
    });
    assert_eq!(seq(&message), 1);
    pulled.pull.nack("ci", &[message.ack_id], Nack::After(Duration::ZERO), None).await.unwrap();

    pulled.setup.subscriptions().pause("ci", "a test").await.unwrap();
    let paused = pulled.fetch(NOW).await;
    assert!(paused.is_paused && paused.messages.is_empty());
    pulled.setup.subscriptions().resume("ci").await.unwrap();
    let again = pulled.one().await;
    assert_eq!((seq(&again), again.attempt), (1, 2));

    let removing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        pulled.setup.subscriptions().remove("ci").await.unwrap();
    };
    let (ended, ()) = tokio::join!(pulled.pull.fetch("ci", &WAITS), removing);
    assert!(matches!(ended, Err(PullError::NotFound { .. })), "{ended:?}");
    assert!(matches!(pulled.pull.ack("ci", &[again.ack_id]).await, Err(PullError::NotFound { .. })));
    pulled.process.stop().await;
}

#[tokio::test]
async fn only_a_message_of_the_subscription_can_be_acknowledged() {
    let pulled = Pulled::new().await;
    pulled.setup.files(&["a"]).await;
    let message = pulled.one().await;
    for name in ["other", "sent"] {
        let handler = HandlerDefinition::Exec(eqp_deliver::ExecDefinition::new("sent"));
        let handler = if name == "sent" { handler } else { HandlerDefinition::Pull };
        pulled.setup.subscriptions().add(&NewSubscription::new(name, handler), None).await.unwrap();
    }
    let ack = async |name| pulled.pull.ack(name, &[message.ack_id]).await;
    assert!(matches!(ack("other").await, Err(PullError::OtherSubscription { .. })));
    assert!(matches!(ack("sent").await, Err(PullError::NotFetched { .. })));
    assert!(matches!(pulled.pull.fetch("sent", &NOW).await, Err(PullError::NotFetched { .. })));
    assert!(matches!(ack("nothing").await, Err(PullError::NotFound { .. })));
    assert_eq!(ack("ci").await.unwrap(), 1);
    pulled.process.stop().await;
}

#[tokio::test]
async fn a_new_subscription_can_start_in_the_past() {
    let setup = Setup::new().await;
    let now = OffsetDateTime::now_utc();
    for (age, name) in [(3, "old"), (1, "recent")] {
        let body = eqp_test_support::callbacks::scan(name, "passed");
        setup.database.callbacks_of(now - time::Duration::hours(age), &[body]).await;
        setup.database.project().await;
    }
    let process = setup.start();
    setup.until("select cursor_seq from eqp.fanout", 2).await;
    for (name, since) in [("recent", Some(now - time::Duration::hours(2))), ("future", Some(now)), ("live", None)] {
        let mut new = NewSubscription::new(name, HandlerDefinition::Pull);
        new.since = since;
        setup.subscriptions().add(&new, None).await.unwrap();
    }
    setup.until("select count(*) from eqp.subscription_state where cursor_seq is not null", 0).await;
    setup.files(&["new"]).await;
    setup.until("select count(*) from eqp.delivery", 4).await;
    let pull = Pull::new(setup.database.pool.clone());
    for (name, expected) in [("recent", &[2, 3][..]), ("future", &[3]), ("live", &[3])] {
        let fetched = pull.fetch(name, &NOW).await.unwrap();
        assert_eq!(fetched.messages.iter().map(seq).collect::<Vec<_>>(), expected, "{name}");
    }
    process.stop().await;
}

#[tokio::test]
async fn a_temporary_subscription_is_removed_seven_days_after_its_last_use() {
    let Pulled { setup, pull, process, .. } = Pulled::new().await;
    // It would remove them too.
    process.stop().await;
    for name in ["listen/used@here", "listen/new@here", "listen/old@here", "listen/unused@here"] {
        let mut new = NewSubscription::new(name, HandlerDefinition::Pull);
        new.is_temporary = true;
        setup.subscriptions().add(&new, None).await.unwrap();
    }
    setup.sql("update eqp.subscription set created_at = now() - interval '8 days' where name not like '%new%'").await;
    setup
        .sql(
            "update eqp.subscription_state set fetched_at = now() - interval '8 days'
         where subscription_id in (select id from eqp.subscription where name like '%/old%' or name = 'ci')",
        )
        .await;
    pull.fetch("listen/used@here", &NOW).await.unwrap();
    let removed = eqp_store::internal::pull::remove_unused(&setup.database.pool).await.unwrap();
    assert_eq!(BTreeSet::from_iter(removed), BTreeSet::from(["listen/old@here".into(), "listen/unused@here".into()]));
    let left = setup.subscriptions().list().await.unwrap();
    let left: Vec<_> = left.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(left, ["ci", "listen/new@here", "listen/used@here"]);
}
