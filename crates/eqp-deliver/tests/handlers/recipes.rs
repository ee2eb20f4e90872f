//! Each recipe, delivered to a server that checks what the service would receive.

use std::collections::BTreeMap;

use eqp_deliver::{
    AttemptOutcome, AttemptResult, HandlerDefinition, HandlerEnvironment, HandlerSecrets, LookupDefinition, Message,
    Recipe, RecipeError, WebhookDefinition,
};
use url::form_urlencoded;

use crate::messages;
use crate::server::{Arrived, RecordingServer, named, response};

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

const COMMIT: &str = "3f9c2ab0d5b8a7c1e2f3a4b5c6d7e8f901234567";
const REPOSITORY: &str = "https://127.0.0.1/acme/checkout.git";

/// The part of GitHub's API that the recipes use, with one tag and the deployments that were created.
fn github(created: bool) -> RecordingServer {
    RecordingServer::responding(move |arrived| {
        assert_eq!(arrived.header("authorization"), "Bearer hush-1234");
        let path = arrived.uri.strip_prefix("/api/v3/repos/acme/checkout/").unwrap_or_default();
        let deployment = format!("deployments?sha={COMMIT}&task=eqp&environment=adobe-marketplace&per_page=1");
        match (arrived.method.as_str(), path) {
            ("GET", "commits?sha=v1.5.0&per_page=1") => {
                response(200, format!(r#"[{{"sha": "{COMMIT}", "commit": {{"message": "Release 1.5.0"}}}}]"#))
            }
            ("GET", path) if path == deployment => response(200, if created { r#"[{"id": 77}]"# } else { "[]" }),
            ("POST", "deployments") => response(201, r#"{"id": 42, "environment": "adobe-marketplace"}"#),
            ("POST", "deployments/42/statuses" | "deployments/77/statuses") => response(201, r#"{"state": "success"}"#),
            ("POST", path) if path == format!("statuses/{COMMIT}") => response(201, "{}"),
            _ => response(404, r#"{"message": "Not Found"}"#),
        }
    })
}

/// Delivers a message by a recipe for the product's own repository.
async fn deliver_to(github: &RecordingServer, recipe: &str, message: &Message) -> AttemptResult {
    let definition = Recipe::named(recipe).unwrap().definition(&parameters(&[("api", &github.url("/api/v3"))]));
    github.deliver(&HandlerDefinition::Webhook(definition.unwrap()), &named("token", "hush-1234"), message).await
}

#[tokio::test]
async fn the_commit_of_the_tag_has_the_status_of_each_review() {
    for (event, state, context, description) in [
        (messages::rejected(), "failure", "eqp/technical", "acme/checkout 1.5.0: rejected"),
        (messages::released(), "success", "eqp/overall", "acme/checkout 1.5.0: released to store"),
    ] {
        let github = github(false);
        let result = deliver_to(&github, "github-status", &messages::of_source(event, REPOSITORY, "v1.5.0")).await;
        assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
        let arrived = github.arrived();
        assert_eq!(arrived.len(), 2, "the tag is looked up, and the status is set: {arrived:?}");
        assert!(arrived[1].uri.ends_with(&format!("/statuses/{COMMIT}")), "{}", arrived[1].uri);
        let expected = serde_json::json!({
            "state": state,
            "context": context,
            "description": description,
            "target_url": "https://eqp.example.com/submissions/5wsgr9vp2u",
        });
        assert_eq!(arrived[1].json(), expected);
    }
}

#[tokio::test]
async fn a_release_is_a_deployment_of_the_commit_which_a_retry_does_not_create_again() {
    let message = messages::of_source(messages::released(), REPOSITORY, "v1.5.0");
    for (exists, calls, status) in [(false, 4, "deployments/42/statuses"), (true, 3, "deployments/77/statuses")] {
        let github = github(exists);
        let result = deliver_to(&github, "github-deployment", &message).await;
        assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
        let arrived = github.arrived();
        assert_eq!(arrived.len(), calls, "{arrived:?}");
        let last = arrived.last().unwrap();
        assert!(last.uri.ends_with(status), "{}", last.uri);
        assert_eq!(
            (&last.json()["state"], &last.json()["environment"]),
            (&"success".into(), &"adobe-marketplace".into())
        );
        let created: Vec<_> = arrived.iter().filter(|one| one.uri.ends_with("/deployments")).collect();
        assert_eq!(created.len(), usize::from(!exists));
        if let Some(created) = created.first() {
            let body = created.json();
            assert_eq!((&body["ref"], &body["required_contexts"]), (&COMMIT.into(), &serde_json::json!([])));
        }
    }
    // Only a release is a deployment.
    let github = github(false);
    let rejection = messages::of_source(messages::rejected(), REPOSITORY, "v1.5.0");
    let result = deliver_to(&github, "github-deployment", &rejection).await;
    assert_eq!((result.outcome, github.arrived().len()), (AttemptOutcome::Skipped, 0), "{}", result.note);
}

#[tokio::test]
async fn nothing_is_sent_if_the_product_has_no_tag_or_another_repository() {
    let other = "https://gitlab.example.com/acme/checkout";
    for (message, reason) in [
        (messages::rejection(), "the repository of this product is not in the configuration of the server"),
        (messages::test(), "the repository of this product is not in the configuration of the server"),
        (
            messages::of_source(messages::rejected(), other, "v1.5.0"),
            "the repository of this product is not at 127.0.0.1",
        ),
    ] {
        let github = github(false);
        let result = deliver_to(&github, "github-status", &message).await;
        assert_eq!((result.outcome, result.note.as_str()), (AttemptOutcome::Skipped, reason));
        assert_eq!(github.arrived().len(), 0);
    }
}

#[tokio::test]
async fn a_tag_that_does_not_exist_yet_is_looked_up_again_later() {
    let github = github(false);
    let message = messages::of_source(messages::rejected(), REPOSITORY, "v9.9.9");
    let result = deliver_to(&github, "github-status", &message).await;
    assert_eq!(result.outcome, AttemptOutcome::EventFailed { retry_after: None });
    assert_eq!((result.status, github.arrived().len()), (Some(404), 1));
    assert!(result.note.starts_with("lookup commit: "), "{}", result.note);
}

#[tokio::test]
async fn a_response_of_a_lookup_that_has_another_form_fails_only_this_message() {
    for text in ["[]", "{}", "null", "not JSON hush-1234"] {
        let server = RecordingServer::start(move || response(200, text));
        let message = messages::of_source(messages::rejected(), REPOSITORY, "v1.5.0");
        let result = deliver_to(&server, "github-status", &message).await;
        assert_eq!(result.outcome, AttemptOutcome::EventFailed { retry_after: None }, "{text}: {}", result.note);
        assert!(!result.note.contains("hush"), "{}", result.note);
        assert_eq!(server.arrived().len(), 1, "nothing is sent without a commit");
        let message = messages::of_source(messages::released(), REPOSITORY, "v1.5.0");
        let result = deliver_to(&server, "github-deployment", &message).await;
        assert_eq!(result.outcome, AttemptOutcome::EventFailed { retry_after: None }, "{text}: {}", result.note);
    }
}

#[test]
fn lookups_are_checked() {
    const HOST: &str = "https://hooks.example.com";
    let build = |lookups: &[(&str, &str)], url: &str| {
        let mut webhook = WebhookDefinition::new(url);
        webhook.lookups = lookups.iter().map(|(name, url)| LookupDefinition::new(*name, *url)).collect();
        let built =
            HandlerDefinition::Webhook(webhook).build(&HandlerSecrets::default(), &HandlerEnvironment::default());
        built.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(build(&[("a", HOST)], "https://hooks.example.com/{{ responses.a.id }}"), "");
    let unknown = build(&[("a", HOST)], "https://hooks.example.com/{{ responses.b.id }}");
    assert!(unknown.contains("`b` is not the name of an earlier lookup"), "{unknown}");
    let later = build(&[("a", "https://hooks.example.com/{{ responses.b }}"), ("b", HOST)], HOST);
    assert!(later.contains("`b` is not the name of an earlier lookup"), "{later}");
    assert!(build(&[("a", HOST), ("a", HOST)], HOST).contains("same name"));
    assert!(build(&[("A", HOST)], HOST).contains("lower-case"));
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| (name, HOST));
    assert!(build(&names, HOST).contains("more than five"));
    let secret = build(&[("a", "https://hooks.example.com/{{ secrets.token }}")], HOST);
    assert!(secret.contains("secrets cannot be used in a URL"), "{secret}");
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
