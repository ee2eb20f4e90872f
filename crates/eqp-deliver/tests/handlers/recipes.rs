//! Each recipe, delivered to a server that checks what the service would receive.

use std::collections::BTreeMap;

use eqp_deliver::{AttemptOutcome, AttemptResult, HandlerDefinition, Message, Recipe, RecipeError};
use url::form_urlencoded;

use crate::messages;
use crate::server::{Arrived, RecordingServer, named};

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Delivers a message by a recipe to a server of its own.
async fn deliver(name: &str, pairs: &[(&str, &str)], message: &Message) -> (AttemptResult, Vec<Arrived>) {
    let server = RecordingServer::accepting();
    let url = server.url("/api/v3");
    let key = if name == "generic" { "url" } else { "api" };
    let definition = Recipe::named(name).unwrap().definition(&parameters(&[pairs, &[(key, &url)]].concat())).unwrap();
    let result = server.deliver(&HandlerDefinition::Webhook(definition), &named("token", "hush-1234"), message).await;
    (result, server.arrived())
}

async fn arrived(name: &str, pairs: &[(&str, &str)], message: &Message) -> Arrived {
    let (result, arrived) = deliver(name, pairs, message).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    arrived[0].clone()
}

#[tokio::test]
async fn a_github_repository_is_dispatched_with_the_message_as_payload() {
    for message in [messages::rejection(), messages::scan(), messages::test()] {
        let arrived = arrived("github-dispatch", &[("repository", "acme/checkout")], &message).await;
        assert_eq!(arrived.uri, "/api/v3/repos/acme/checkout/dispatches");
        assert_eq!(arrived.header("authorization"), "Bearer hush-1234");
        assert_eq!(arrived.header("accept"), "application/vnd.github+json");
        assert_eq!(arrived.header("x-github-api-version"), "2022-11-28");
        let body = arrived.json();
        let message_body: serde_json::Value = serde_json::from_str(&message.json()).unwrap();
        assert_eq!(body["event_type"], format!("eqp.{}", message.body.type_name()));
        assert!(body["event_type"].as_str().unwrap().len() <= 100);
        let payload = body["client_payload"].as_object().unwrap();
        assert!(payload.len() <= 10, "GitHub accepts at most ten keys");
        assert_eq!((&payload["id"], &payload["data"]), (&message.id.clone().into(), &message_body["data"]));
    }
}

#[tokio::test]
async fn a_commit_has_the_status_of_each_review() {
    let commit = "3f9c2ab0d5b8a7c1e2f3a4b5c6d7e8f901234567";
    for (message, state, context, description) in [
        (
            messages::of_commit(messages::rejected(), commit),
            "failure",
            "eqp/technical",
            "acme/checkout 1.5.0: rejected",
        ),
        (
            messages::of_commit(messages::released(), commit),
            "success",
            "eqp/overall",
            "acme/checkout 1.5.0: released to store",
        ),
    ] {
        let arrived = arrived("github-status", &[("repository", "acme/checkout")], &message).await;
        assert_eq!(arrived.uri, format!("/api/v3/repos/acme/checkout/statuses/{commit}"));
        let expected = serde_json::json!({
            "state": state,
            "context": context,
            "description": description,
            "target_url": "https://eqp.example.com/submissions/5wsgr9vp2u",
        });
        assert_eq!(arrived.json(), expected);
    }
}

#[tokio::test]
async fn no_status_is_sent_if_the_commit_is_not_known() {
    for message in [messages::rejection(), messages::scan(), messages::test()] {
        let (result, arrived) = deliver("github-status", &[("repository", "acme/checkout")], &message).await;
        assert_eq!(result.outcome, AttemptOutcome::Skipped);
        assert_eq!(result.note, "the commit of this version is not known");
        assert_eq!(arrived.len(), 0);
    }
}

#[tokio::test]
async fn a_gitlab_pipeline_receives_the_message_as_variables() {
    let message = messages::rejection();
    let arrived =
        arrived("gitlab-trigger", &[("project", "acme/shop/checkout"), ("ref", "release/1.5")], &message).await;
    assert_eq!(arrived.uri, "/api/v3/projects/acme%2Fshop%2Fcheckout/trigger/pipeline");
    assert_eq!(arrived.header("content-type"), "application/x-www-form-urlencoded");
    let fields: BTreeMap<String, String> = form_urlencoded::parse(&arrived.body).into_owned().collect();
    assert_eq!((fields["token"].as_str(), fields["ref"].as_str()), ("hush-1234", "release/1.5"));
    assert_eq!(fields["variables[EQP_MESSAGE_ID]"], message.id);
    assert_eq!(fields["variables[EQP_TYPE]"], "submission.status_changed");
    let sent: serde_json::Value = serde_json::from_str(&fields["variables[EQP_MESSAGE]"]).unwrap();
    assert_eq!(sent, serde_json::from_str::<serde_json::Value>(&message.json()).unwrap());
}

#[tokio::test]
async fn any_service_can_receive_the_message_with_a_token() {
    let message = messages::rejection();
    let arrived = arrived("generic", &[], &message).await;
    assert_eq!((arrived.uri.as_str(), arrived.header("authorization")), ("/api/v3", "Bearer hush-1234"));
    assert_eq!(arrived.body, message.json());
}

#[test]
fn parameters_are_checked() {
    let definition = |name: &str, pairs: &[(&str, &str)]| {
        let error = Recipe::named(name).unwrap().definition(&parameters(pairs)).unwrap_err();
        error.to_string()
    };
    assert_eq!(definition("github-dispatch", &[]), "the parameter `repository` is missing");
    let unknown = definition("github-dispatch", &[("repository", "acme/checkout"), ("branch", "main")]);
    assert_eq!(unknown, "`branch` is not a parameter of this recipe");
    for repository in ["acme", "acme/", "acme/a/b", "acme/..", "acme/{{ secrets.token }}", "acme/a?b", "acme/a\"b"] {
        let error = definition("github-dispatch", &[("repository", repository)]);
        assert!(error.ends_with("it must be OWNER/NAME"), "{error}");
    }
    for url in ["ftp://hooks.example.com", "hooks.example.com", "https://hooks.example.com/{{ secrets.token }}"] {
        let error = Recipe::named("generic").unwrap().definition(&parameters(&[("url", url)])).unwrap_err();
        assert!(matches!(error, RecipeError::Invalid { name: "url", .. }), "{error}");
    }
}
