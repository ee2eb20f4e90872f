//! Cards in Microsoft Teams.

use eqp_deliver::{AlertChange, AttemptOutcome, HandlerDefinition, Message};
use serde_json::{Value, json};

use crate::messages;
use crate::server::{RecordingServer, named, response};

const PATH: &str =
    "/workflows/8f1c/triggers/manual/paths/invoke?api-version=2016-06-01&sv=1.0&sig=hush-signature%2B0123456789";

/// Delivers a message, and returns the card that arrives.
async fn posted(message: &Message) -> Option<Value> {
    let server = RecordingServer::start(|| response(202, ""));
    let result = server.deliver(&HandlerDefinition::Teams, &named("url", &server.url(PATH)), message).await;
    let arrived = server.arrived();
    let Some(request) = arrived.first() else {
        assert_eq!((result.outcome, result.note.as_str()), (AttemptOutcome::Skipped, "not a decisive change"));
        return None;
    };
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    assert_eq!(request.uri, PATH);
    let message = request.json();
    assert_eq!(message["type"], "message");
    assert_eq!(message["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    Some(message["attachments"][0]["content"].clone())
}

#[tokio::test]
async fn a_decisive_change_is_a_card_whose_text_is_not_interpreted() {
    let (event, mut context) = messages::rejected();
    context.findings = vec!["**b** [x](https://evil.example)".to_owned()];
    let card = posted(&Message::of_event(messages::INSTANCE, &event, &context)).await.unwrap();
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    let title =
        json!({"type": "TextRun", "text": "acme/checkout 1.5.0: rejected by technical review", "weight": "Bolder"});
    assert_eq!(
        card["body"],
        json!([
            {"type": "RichTextBlock", "inlines": [title]},
            {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "1. **b** [x](https://evil.example)"}]},
        ])
    );
    let page = "https://eqp.example.com/submissions/5wsgr9vp2u";
    assert_eq!(card["actions"], json!([{"type": "Action.OpenUrl", "title": "Details", "url": page}]));
}

#[tokio::test]
async fn only_decisive_changes_are_posted() {
    assert!(posted(&messages::release()).await.is_some());
    assert!(posted(&messages::alert(AlertChange::Opened)).await.is_some());
    assert!(posted(&messages::test()).await.is_some());
    assert_eq!(posted(&messages::alert(AlertChange::Acknowledged)).await, None);
    assert_eq!(posted(&messages::scan()).await, None);
}

#[tokio::test]
async fn the_url_of_the_webhook_is_a_secret() {
    for body in [PATH, "hush-signature%2B0123456789", "hush-signature+0123456789"] {
        let server = RecordingServer::start(move || response(401, body));
        let secrets = named("url", &server.url(PATH));
        let result = server.deliver(&HandlerDefinition::Teams, &secrets, &messages::test()).await;
        assert_eq!(result.outcome, AttemptOutcome::EventFailed { retry_after: None });
        assert!(!result.note.contains("hush"), "{}", result.note);
    }
    let error = HandlerDefinition::Teams.check(&named("url", "https://10.1.2.3/hush?sig=hush"), None);
    assert_eq!(error, Ok(Vec::new()), "another worker may allow this address");
    let error = HandlerDefinition::Teams.check(&named("url", "ftp://example.com/hush"), None).unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
}
