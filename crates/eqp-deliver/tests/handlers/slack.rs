//! Messages in a Slack channel, through an incoming webhook and as a bot.

use std::sync::{Arc, Mutex};

use axum::response::Response;
use eqp_deliver::{
    AlertChange, AttemptOutcome, AttemptResult, DefinitionError, Event, HandlerDefinition, HandlerEnvironment,
    HandlerSecrets, Message, MessageContext, SlackDefinition,
};
use eqp_store::{EventKind, Origin};
use eqp_types::Flow;
use serde_json::Value;

use crate::messages::{self, INSTANCE};
use crate::server::{Arrived, DEADLINE, RecordingServer, handler, named, response};
use crate::threads::Threads;

const PATH: &str = "/services/T000/B000/hush-path-1234";

/// Delivers a message to an incoming webhook, and returns the text that arrives.
async fn posted(message: &Message) -> Option<String> {
    let server = RecordingServer::start(|| response(200, "ok"));
    let definition = HandlerDefinition::Slack(SlackDefinition::default());
    let result = server.deliver(&definition, &named("url", &server.url(PATH)), message).await;
    let arrived = server.arrived();
    let Some(request) = arrived.first() else {
        assert_eq!((result.outcome, result.note.as_str()), (AttemptOutcome::Skipped, "not a decisive change"));
        return None;
    };
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    assert_eq!(request.uri, PATH);
    Some(request.json()["text"].as_str().unwrap().to_owned())
}

fn message((event, context): &(Event, MessageContext)) -> Message {
    Message::of_event(INSTANCE, event, context)
}

#[tokio::test]
async fn a_rejection_is_announced_with_its_reasons() {
    let mut rejected = messages::rejected();
    rejected.1.findings = (1..=7).map(|number| format!("Finding {number}")).collect();
    rejected.1.findings.insert(2, "Marketing: Attached: https://files.example.com/a|b>.zip".to_owned());
    let expected = "acme/checkout 1.5.0: rejected by technical review\n\
        1. Finding 1\n2. Finding 2\n3. Finding 3\n4. Finding 4\n5. Finding 5\nand 2 more on the page\n\
        <https://files.example.com/a%7Cb&gt;.zip|Adobe's attachment>\n\
        <https://eqp.example.com/submissions/5wsgr9vp2u|Details>";
    assert_eq!(posted(&message(&rejected)).await.unwrap(), expected);
}

#[tokio::test]
async fn only_decisive_changes_are_announced() {
    for (flow, status, previous, text) in [
        (Flow::Overall, "in_progress", None, Some("submitted")),
        (Flow::Overall, "in_progress", Some("draft"), Some("submitted")),
        (Flow::Overall, "in_progress", Some("approved"), None),
        (Flow::Overall, "approved", Some("in_progress"), None),
        (Flow::Overall, "released_to_store", Some("approved"), Some("in the store")),
        (Flow::Overall, "canceled_by_admin", None, Some("canceled by the Marketplace")),
        (Flow::Technical, "in_manual_qa", None, None),
        (Flow::Technical, "approved", None, None),
        (Flow::Technical, "rejected", None, Some("rejected by technical review")),
        (Flow::Marketing, "rejected", None, Some("rejected by marketing review")),
        (Flow::Marketing, "something_new", None, None),
    ] {
        let mut change = messages::released();
        change.0.flow = Some(flow);
        change.0.status = Some(status.to_owned());
        change.1.previous_status = previous.map(str::to_owned);
        let posted = posted(&message(&change)).await;
        let first_line = posted.as_deref().and_then(|text| text.lines().next());
        assert_eq!(first_line, text.map(|text| format!("acme/checkout 1.5.0: {text}")).as_deref(), "{status}");
    }
    assert_eq!(posted(&messages::scan()).await, None, "a passed scan");
    assert_eq!(posted(&messages::unrecognized(EventKind::Unknown, "new")).await, None);
}

#[tokio::test]
async fn a_late_report_is_not_announced() {
    let mut late = messages::rejected();
    late.0.applied = false;
    assert_eq!(posted(&message(&late)).await, None);
}

#[tokio::test]
async fn a_change_that_was_read_from_the_api_says_so() {
    let mut missed = messages::rejected();
    missed.0.origin = Origin::Reconcile;
    missed.0.environment = eqp_types::Environment::Sandbox;
    let text = posted(&message(&missed)).await.unwrap();
    assert!(text.starts_with("[sandbox] acme/checkout 1.5.0: rejected"), "{text}");
    assert!(text.contains("\nNo callback arrived for this change; it was read from the API.\n"), "{text}");
}

#[tokio::test]
async fn text_of_others_can_neither_notify_a_channel_nor_create_links_and_is_bounded() {
    let mut hostile = messages::rejected();
    hostile.1.sku = Some("<!channel>\nacme".to_owned());
    hostile.1.findings = vec!["<https://evil.example|Details> & more".to_owned(), "&<>".repeat(2_000)];
    let text = posted(&message(&hostile)).await.unwrap();
    assert!(text.starts_with("&lt;!channel&gt; acme 1.5.0: rejected"), "{text}");
    assert!(text.contains("1. &lt;https://evil.example|Details&gt; &amp; more"), "{text}");
    assert!(text.chars().count() <= 3_000, "{}", text.chars().count());
    assert_eq!(text.matches('<').count(), 1, "only our own link: {text}");
}

#[tokio::test]
async fn alerts_and_tests_are_announced() {
    let text = posted(&messages::alert(AlertChange::Opened)).await.unwrap();
    assert_eq!(
        text,
        "callbacks missed (alert)\nNothing is lost: two changes were read from the API.\nFirst check: eqp doctor --canary"
    );
    assert_eq!(posted(&messages::alert(AlertChange::Acknowledged)).await, None);
    assert_eq!(posted(&messages::alert(AlertChange::Resolved)).await.unwrap(), "callbacks missed (resolved)");
    assert_eq!(
        posted(&messages::reminder()).await.unwrap(),
        "2 alerts are still open\nPAGE #12 callbacks missed (1 of 1 endpoint), since 27 Nov\n\
         PAGE #15 spool not empty &lt;1 receiver&gt;, since 27 Nov"
    );
    assert_eq!(posted(&messages::test()).await.unwrap(), "ci: This is a test. Nothing has happened.");
}

#[tokio::test]
async fn a_digest_has_one_line_per_submission_and_alert() {
    let expected = "Marketplace, 23 to 30 Nov 2026: 3 changes, 1 in review, 1 open alert\n\
        acme/checkout 1.5.0: rejected by technical review · store has 1.4.2 (25 Nov submitted, 27 Nov rejected by technical review)\n\
        submission s5w9k703ru: in review · technical: in manual QA\n\
        Open alerts\n\
        TICKET #12 In manual QA for 19 d, since 22 Nov";
    assert_eq!(posted(&messages::digest()).await.unwrap(), expected);
}

#[tokio::test]
async fn the_url_of_an_incoming_webhook_is_a_secret() {
    let server = RecordingServer::start(|| response(404, format!("no_service at {PATH}")));
    let definition = HandlerDefinition::Slack(SlackDefinition::default());
    let result = server.deliver(&definition, &named("url", &server.url(PATH)), &messages::test()).await;
    assert_eq!(result.outcome, AttemptOutcome::EventFailed { retry_after: None });
    assert_eq!(result.note, "no_service at [secret]");
    let error = definition.build(&HandlerSecrets::default(), &HandlerEnvironment::default()).err();
    assert_eq!(error, Some(DefinitionError::MissingSecret { name: "url".to_owned() }));
}

/// Slack's API, in which each message has the number of the call as its ID.
struct Workspace {
    server: RecordingServer,
    threads: Arc<Threads>,
}

impl Workspace {
    fn start(respond: impl Fn(&Arrived) -> Option<Response> + Clone + Send + Sync + 'static) -> Self {
        let number = Arc::new(Mutex::new(0));
        let server = RecordingServer::responding(move |arrived| {
            *number.lock().unwrap() += 1;
            let posted = || format!(r#"{{"ok": true, "channel": "C024BE91L", "ts": "{}"}}"#, number.lock().unwrap());
            respond(arrived).unwrap_or_else(|| response(200, posted()))
        });
        Self { server, threads: Arc::default() }
    }

    async fn deliver(&self, message: &Message) -> AttemptResult {
        let threads = Arc::clone(&self.threads);
        let environment = self.server.environment().with_slack_api(&self.server.url("/api/")).unwrap();
        let mut definition = SlackDefinition::default();
        definition.channel = Some("C024BE91L".to_owned());
        let secrets = named("token", "xoxb-hush-1234");
        let definition = HandlerDefinition::Slack(definition);
        handler(&definition, &secrets, &environment.with_threads(threads)).deliver(message, DEADLINE).await
    }

    /// Returns the calls with their arguments.
    fn calls(&self) -> Vec<(String, Value)> {
        let arrived = self.server.arrived();
        assert!(arrived.iter().all(|arrived| arrived.header("authorization") == "Bearer xoxb-hush-1234"));
        arrived.iter().map(|arrived| (arrived.uri.clone(), arrived.json())).collect()
    }
}

#[tokio::test]
async fn a_bot_writes_one_thread_per_submission_and_edits_its_first_message() {
    let slack = Workspace::start(|_| None);
    for message in [messages::rejection(), messages::release()] {
        let result = slack.deliver(&message).await;
        assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    }
    let calls = slack.calls();
    let methods: Vec<&str> = calls.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(
        methods,
        ["/api/chat.postMessage", "/api/chat.postMessage", "/api/chat.update", "/api/chat.postMessage"]
    );
    let arguments: Vec<&Value> = calls.iter().map(|(_, arguments)| arguments).collect();
    let state = "acme/checkout 1.5.0: rejected by technical review\n\
        submitted 25 Nov · technical: rejected · marketing: approved · store has 1.4.2\n\
        <https://eqp.example.com/submissions/5wsgr9vp2u|Details>";
    assert_eq!((&arguments[0]["channel"], &arguments[0]["text"]), (&"C024BE91L".into(), &state.into()));
    assert_eq!(arguments[0].get("thread_ts"), None);
    assert_eq!((&arguments[1]["channel"], &arguments[1]["thread_ts"]), (&"C024BE91L".into(), &"1".into()));
    assert_eq!((&arguments[2]["channel"], &arguments[2]["ts"]), (&"C024BE91L".into(), &"1".into()));
    let edited = arguments[2]["text"].as_str().unwrap();
    assert!(edited.starts_with("acme/checkout 1.5.0: in the store\n"), "{edited}");
    assert_eq!(arguments[3]["thread_ts"], "1");
}

#[tokio::test]
async fn a_first_message_that_was_deleted_is_written_again() {
    let slack = Workspace::start(|arrived| {
        let deleted = || response(200, r#"{"ok": false, "error": "message_not_found"}"#);
        arrived.uri.ends_with("chat.update").then(deleted)
    });
    slack.deliver(&messages::rejection()).await;
    let result = slack.deliver(&messages::release()).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    let calls = slack.calls();
    assert_eq!(calls.len(), 5, "post, reply; edit, post, reply");
    assert_eq!(calls[4].1["thread_ts"], "4");
}

#[tokio::test]
async fn errors_of_slack_are_understood_and_contain_no_token() {
    for (answer, outcome) in [
        (
            r#"{"ok": false, "error": "invalid_auth"}"#,
            AttemptOutcome::Misconfigured("Slack responded invalid_auth".into()),
        ),
        (r#"{"ok": false, "error": "fatal_error"}"#, AttemptOutcome::HandlerDown { retry_after: None }),
        (r#"{"ok": false, "error": "msg_too_long"}"#, AttemptOutcome::Invalid),
        ("you sent xoxb-hush-1234", AttemptOutcome::EventFailed { retry_after: None }),
    ] {
        let slack = Workspace::start(move |_| Some(response(200, answer)));
        let result = slack.deliver(&messages::rejection()).await;
        assert_eq!(result.outcome, outcome, "{answer}");
        assert!(!result.note.contains("hush"), "{}", result.note);
    }
    let busy = || Response::builder().status(429).header("retry-after", "30").body("".into()).unwrap();
    let result = Workspace::start(move |_| Some(busy())).deliver(&messages::rejection()).await;
    let wait = Some(std::time::Duration::from_secs(30));
    assert_eq!(result.outcome, AttemptOutcome::HandlerDown { retry_after: wait });
}

#[tokio::test]
async fn a_thread_whose_first_message_was_deleted_is_started_again() {
    let is_first_reply = |arrived: &Arrived| arrived.json().get("thread_ts").is_some_and(|thread| thread == "1");
    let slack = Workspace::start(move |arrived| {
        let gone = || response(200, r#"{"ok": false, "error": "thread_not_found"}"#);
        is_first_reply(arrived).then(gone)
    });
    let result = slack.deliver(&messages::rejection()).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    let calls = slack.calls();
    assert_eq!(calls.len(), 4, "post, reply; post, reply: {calls:?}");
    assert_eq!(calls[3].1["thread_ts"], "3");
}

#[tokio::test]
async fn a_first_message_that_could_not_be_written_is_written_by_the_next_attempt() {
    let attempts = Arc::new(Mutex::new(0));
    let slack = Workspace::start(move |_| {
        *attempts.lock().unwrap() += 1;
        let is_first = *attempts.lock().unwrap() == 1;
        is_first.then(|| response(200, r#"{"ok": false, "error": "internal_error"}"#))
    });
    let failed = slack.deliver(&messages::rejection()).await;
    assert_eq!(failed.outcome, AttemptOutcome::HandlerDown { retry_after: None });
    let result = slack.deliver(&messages::rejection()).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    assert_eq!(slack.calls().len(), 3, "a failed post; post, reply");
}

#[test]
fn a_channel_is_given_by_its_id() {
    for name in ["#releases", "releases", "", "C0", "c024be91l", "C024BE91L/../x"] {
        let mut definition = SlackDefinition::default();
        definition.channel = Some(name.to_owned());
        let checked = HandlerDefinition::Slack(definition).check(&named("token", "xoxb-1"), None);
        assert_eq!(checked, Err(DefinitionError::Channel { channel: name.to_owned() }), "{name}");
    }
}
