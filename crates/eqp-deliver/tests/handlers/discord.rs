//! Messages in a Discord channel.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Response;
use eqp_deliver::{
    AlertChange, AttemptOutcome, AttemptResult, DefinitionError, HandlerDefinition, HandlerEnvironment, HandlerSecrets,
    Message,
};
use serde_json::{Value, json};

use crate::messages;
use crate::server::{Arrived, DEADLINE, RecordingServer, handler, named, response};
use crate::threads::Threads;

const PATH: &str = "/api/webhooks/1200/hush-Token_1234";
const POST: &str = "POST /api/webhooks/1200/hush-Token_1234?wait=true";

/// Discord's API, in which each message has the number of the call as its ID.
struct Guild {
    server: RecordingServer,
    threads: Arc<Threads>,
}

impl Guild {
    fn start(respond: impl Fn(&Arrived) -> Option<Response> + Clone + Send + Sync + 'static) -> Self {
        let number = Arc::new(Mutex::new(0));
        let server = RecordingServer::responding(move |arrived| {
            *number.lock().unwrap() += 1;
            let posted = || json!({"id": number.lock().unwrap().to_string(), "channel_id": "77"}).to_string();
            respond(arrived).unwrap_or_else(|| response(200, posted()))
        });
        Self { server, threads: Arc::default() }
    }

    async fn deliver(&self, message: &Message) -> AttemptResult {
        let environment = self.server.environment().with_threads(Arc::clone(&self.threads) as _);
        let secrets = named("url", &self.server.url(PATH));
        handler(&HandlerDefinition::Discord, &secrets, &environment).deliver(message, DEADLINE).await
    }

    async fn delivered(&self, message: &Message) {
        let result = self.deliver(message).await;
        assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    }

    /// Returns the calls with their bodies.
    fn calls(&self) -> Vec<(String, Value)> {
        let call = |arrived: &Arrived| (format!("{} {}", arrived.method, arrived.uri), arrived.json());
        self.server.arrived().iter().map(call).collect()
    }

    fn methods(&self) -> Vec<String> {
        self.calls().into_iter().map(|(method, _)| method).collect()
    }
}

fn submitted() -> Message {
    let (mut event, mut context) = messages::released();
    event.status = Some("in_progress".to_owned());
    context.previous_status = Some("draft".to_owned());
    context.statuses = [("overall".to_owned(), "in_progress".to_owned())].into();
    Message::of_event(messages::INSTANCE, &event, &context)
}

fn automated() -> Message {
    let (mut event, mut context) = messages::rejected();
    event.status = Some("in_automation".to_owned());
    context.statuses.insert("technical".to_owned(), "in_automation".to_owned());
    Message::of_event(messages::INSTANCE, &event, &context)
}

#[tokio::test]
async fn the_first_message_is_edited_and_decisive_changes_are_messages_of_their_own() {
    let discord = Guild::start(|_| None);
    for message in [submitted(), automated(), messages::rejection()] {
        discord.delivered(&message).await;
    }
    let edit = format!("PATCH {PATH}/messages/1");
    assert_eq!(discord.methods(), [POST, &edit, &edit, POST]);
    let calls = discord.calls();
    assert!(calls.iter().all(|(_, body)| body["allowed_mentions"] == json!({"parse": []}) && body["flags"] == 4));
    let texts: Vec<&str> = calls.iter().map(|(_, body)| body["content"].as_str().unwrap()).collect();
    assert_eq!(
        texts[0],
        "**acme/checkout 1.5.0: in review**\nsubmitted 25 Nov · store has 1.4.2\n\
         [Details](<https://eqp.example.com/submissions/5wsgr9vp2u>)"
    );
    assert!(texts[1].contains("technical: in automation"), "{}", texts[1]);
    assert!(texts[2].starts_with("**acme/checkout 1.5.0: rejected by technical review**\nsubmitted "), "{}", texts[2]);
    assert!(texts[3].starts_with("**acme/checkout 1.5.0: rejected by technical review**\n[Details]"), "{}", texts[3]);
}

#[tokio::test]
async fn a_rejection_that_starts_the_thread_is_announced_with_its_reasons() {
    let discord = Guild::start(|_| None);
    let (event, mut context) = messages::rejected();
    context.findings = vec!["@everyone [x](https://evil.example) **b**".to_owned(), "*".repeat(1_500)];
    discord.delivered(&Message::of_event(messages::INSTANCE, &event, &context)).await;
    assert_eq!(discord.methods(), [POST, POST]);
    let text = discord.calls()[1].1["content"].as_str().unwrap().to_owned();
    assert!(text.contains("\n1. @\u{200b}everyone \\[x\\](https\\://evil.example) \\*\\*b\\*\\*\n"), "{text}");
    assert!(text.encode_utf16().count() <= 2_000, "{text}");
}

#[tokio::test]
async fn a_first_message_that_was_deleted_is_written_again() {
    let discord = Guild::start(|arrived| {
        let gone = || response(404, r#"{"message": "Unknown Message", "code": 10008}"#);
        (arrived.method == "PATCH").then(gone)
    });
    discord.delivered(&submitted()).await;
    discord.delivered(&automated()).await;
    assert_eq!(discord.methods(), [POST, &format!("PATCH {PATH}/messages/1"), POST]);
}

#[tokio::test]
async fn alerts_and_tests_are_announced() {
    let discord = Guild::start(|_| None);
    for message in [AlertChange::Opened, AlertChange::Acknowledged, AlertChange::Resolved].map(messages::alert) {
        discord.delivered(&message).await;
    }
    discord.delivered(&messages::test()).await;
    let edit = format!("PATCH {PATH}/messages/1");
    assert_eq!(discord.methods(), [POST, &edit, &edit, POST, POST]);
    let scan = discord.deliver(&messages::scan()).await;
    assert_eq!((scan.outcome, scan.note.as_str()), (AttemptOutcome::Skipped, "not a decisive change"));
}

#[tokio::test]
async fn errors_of_discord_are_understood_and_contain_no_token() {
    let busy = AttemptOutcome::HandlerDown { retry_after: Some(Duration::from_millis(2_500)) };
    let rejected = AttemptOutcome::Misconfigured("Discord does not accept the token of the webhook".to_owned());
    for (status, body, outcome) in [
        (404, r#"{"message": "Unknown Webhook", "code": 10015}"#, AttemptOutcome::Gone),
        (401, r#"{"message": "Invalid Webhook Token hush-Token_1234", "code": 50027}"#, rejected),
        (400, r#"{"message": "Cannot send an empty message", "code": 50006}"#, AttemptOutcome::Invalid),
        (429, r#"{"message": "You are being rate limited.", "retry_after": 2.5, "global": false}"#, busy),
        (502, "you sent /api/webhooks/1200/hush-Token_1234", AttemptOutcome::HandlerDown { retry_after: None }),
        (200, "no JSON", AttemptOutcome::EventFailed { retry_after: None }),
    ] {
        let discord = Guild::start(move |_| Some(response(status, body)));
        let result = discord.deliver(&messages::rejection()).await;
        assert_eq!((result.outcome, result.status), (outcome, Some(status)), "{body}");
        assert!(!result.note.contains("hush"), "{}", result.note);
        // The next attempt can write the first message.
        discord.deliver(&messages::rejection()).await;
        assert_eq!(discord.calls().len(), 2, "{body}");
    }
    let error = HandlerDefinition::Discord.build(&HandlerSecrets::default(), &HandlerEnvironment::default()).err();
    assert_eq!(error, Some(DefinitionError::MissingSecret { name: "url".to_owned() }));
}
