//! Slack as workers use it: threads and details in a database.

use std::time::Duration;

use eqp_deliver::{
    CancellationToken, DeliverService, HandlerDefinition, NewSubscription, SlackDefinition, Subscriptions,
};
use eqp_store::internal::{Resource, ResourceDetail, resource_detail};
use eqp_store::{MasterKey, ResourceKind};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, first_form, later_form};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::server::{RecordingServer, named, response};

/// A database whose events two processes write to Slack.
struct Channel {
    database: CallbackDatabase,
    slack: RecordingServer,
    shutdown: CancellationToken,
    processes: Vec<JoinHandle<()>>,
}

impl Channel {
    async fn start(subscriptions: &[&str]) -> Self {
        let (database, key) = (CallbackDatabase::new().await, MasterKey::ephemeral().unwrap());
        let slack = RecordingServer::responding(|arrived| {
            // Long enough that another worker looks for the thread in the meantime.
            std::thread::sleep(Duration::from_millis(50));
            let id = fastrand::u64(1..u64::MAX);
            let channel = arrived.json()["channel"].clone();
            response(200, format!(r#"{{"ok": true, "channel": {channel}, "ts": "{id}"}}"#))
        });
        for name in subscriptions {
            let mut definition = SlackDefinition::default();
            definition.channel = Some("C024BE91L".to_owned());
            let mut new = NewSubscription::new(*name, HandlerDefinition::Slack(definition));
            new.secrets = named("token", "xoxb-hush-1234");
            Subscriptions::new(database.pool.clone()).add(&new, Some(&key)).await.unwrap();
        }
        let (shutdown, mut processes) = (CancellationToken::new(), Vec::new());
        for _ in 0..2 {
            let environment = slack.environment().with_slack_api(&slack.url("/api/")).unwrap();
            let service = DeliverService::new(database.pool.clone(), key.clone(), environment);
            processes.push(tokio::spawn(service.run(shutdown.clone())));
        }
        Self { database, slack, shutdown, processes }
    }

    /// Stores the details of a submission, as reconciliation does.
    async fn details(&self, id: &str, details: Option<&str>) {
        let kind = ResourceKind::Submission;
        let resource = Resource { account_id: self.database.account.0, kind, id: id.to_owned() };
        let detail = ResourceDetail {
            modified_at: Some("2022-08-25 19:20:01".parse().unwrap()),
            sku: Some("acme/checkout".to_owned()),
            version: Some("1.5.0".to_owned()),
            details: details.map(str::to_owned),
            ..ResourceDetail::default()
        };
        resource_detail::store(&self.database.pool, &[(resource, detail)]).await.unwrap();
    }

    /// Returns the arguments of the messages that were posted: first messages, and replies.
    fn posted(&self) -> (Vec<Value>, Vec<Value>) {
        let posted = self.slack.arrived().into_iter().filter(|arrived| arrived.uri.ends_with("chat.postMessage"));
        posted.map(|arrived| arrived.json()).partition(|arguments| arguments.get("thread_ts").is_none())
    }

    async fn until_replies(&self, count: usize) -> (Vec<Value>, Vec<Value>) {
        let waiting = async {
            while self.posted().1.len() < count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let arrived = timeout(PATIENCE, waiting).await.is_ok();
        assert!(arrived, "{count} replies: {:?}", self.posted());
        self.posted()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        for process in self.processes {
            timeout(PATIENCE, process).await.expect("stops in time").unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_write_about_one_submission_at_the_same_time_start_one_thread() {
    let channel = Channel::start(&["one", "two"]).await;
    channel.details("s1", None).await;
    channel.database.callback(first_form("s1", "technical", "in_automation")).await;
    channel.database.project().await;
    let (first, replies) = channel.until_replies(2).await;
    assert_eq!((first.len(), replies.len()), (1, 2), "{first:?} {replies:?}");
    assert_eq!(replies[0]["thread_ts"], replies[1]["thread_ts"]);
    assert!(first[0]["text"].as_str().unwrap().starts_with("acme/checkout 1.5.0: "), "{first:?}");
    let stored: (String, String, bool) =
        sqlx::query_as("select channel, subject, reserved_until is null from eqp.chat_message")
            .fetch_one(&channel.database.pool)
            .await
            .unwrap();
    assert_eq!(stored, ("C024BE91L".to_owned(), "production/MAG123456789/s1".to_owned(), true));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_waits_for_its_reasons_and_is_sent_without_them_if_they_never_come() {
    let channel = Channel::start(&["one"]).await;
    channel.details("late", None).await;
    channel.details("never", None).await;
    for id in ["late", "never"] {
        channel.database.callback(later_form(id, "technical", ["in_progress", "rejected", "draft"], 1)).await;
    }
    channel.database.project().await;
    let is_rejection = |reply: &&Value| reply["text"].as_str().unwrap().contains(": rejected by technical review");
    // The events of the other flows do not wait.
    let (_, replies) = channel.until_replies(4).await;
    assert_eq!(replies.iter().filter(is_rejection).count(), 0, "{replies:?}");
    channel.details("late", Some(r#"{"findings": ["Code sniffer: Model/Pay.php:118: Use of eval()"]}"#)).await;
    let (_, replies) = channel.until_replies(5).await;
    let text = replies.iter().find(is_rejection).unwrap()["text"].as_str().unwrap();
    assert!(text.contains("\n1. Code sniffer: Model/Pay.php:118: Use of eval()"), "{text}");
    sqlx::query("update eqp.delivery set created_at = now() - interval '181 seconds'")
        .execute(&channel.database.pool)
        .await
        .unwrap();
    let (_, replies) = channel.until_replies(6).await;
    assert_eq!(replies.iter().filter(is_rejection).count(), 2, "{replies:?}");
    channel.stop().await;
}
