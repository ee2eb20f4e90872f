//! What arrives at a webhook, and how its responses are understood.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use eqp_deliver::{
    AttemptOutcome, AttemptResult, DefinitionError, HandlerDefinition, HandlerSecrets, Message, SignatureScheme,
    WebhookDefinition, new_signing_secret,
};
use futures_util::{StreamExt, stream};
use http::Response;

use crate::messages;
use crate::server::{RecordingServer, handler, local, named, response, webhook};

async fn answered(respond: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> AttemptResult {
    let server = RecordingServer::start(respond);
    let result =
        server.deliver(&webhook(server.url("/hook")), &HandlerSecrets::default(), &messages::rejection()).await;
    server.only();
    result
}

#[tokio::test]
async fn the_message_arrives_as_json_with_its_id_and_a_signature_that_can_be_verified() {
    let server = RecordingServer::accepting();
    let mut secrets = HandlerSecrets::default();
    secrets.signing = vec![new_signing_secret(), new_signing_secret()];
    let message = messages::rejection().replayed(9);
    let result = server.deliver(&webhook(server.url("/hook?a=b")), &secrets, &message).await;
    assert_eq!((result.outcome, result.status, result.note.as_str()), (AttemptOutcome::Delivered, Some(204), ""));

    let arrived = server.only();
    assert_eq!((arrived.method.as_str(), arrived.uri.as_str()), ("POST", "/hook?a=b"));
    assert_eq!(arrived.header("content-type"), "application/json");
    assert_eq!(arrived.header("webhook-id"), message.id);
    assert_eq!(arrived.header("eqp-replay"), "9");
    assert!(arrived.header("user-agent").starts_with("eqp/"));
    assert_eq!(arrived.body, message.json());
    for secret in &secrets.signing {
        let verifier = standardwebhooks::Webhook::new(secret.expose()).unwrap();
        verifier.verify(&arrived.body, &arrived.headers).unwrap();
    }
}

#[tokio::test]
async fn a_hexadecimal_signature_is_sent_in_the_named_header() {
    let server = RecordingServer::accepting();
    let mut definition = WebhookDefinition::new(server.url("/"));
    definition.signature =
        SignatureScheme::HmacSha256 { header: "X-Hub-Signature-256".into(), prefix: "sha256=".into() };
    let mut secrets = HandlerSecrets::default();
    secrets.signing = vec![eqp_types::Secret::new("hush")];
    server.deliver(&HandlerDefinition::Webhook(definition), &secrets, &messages::test()).await;
    let arrived = server.only();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"hush");
    let signature = arrived.header("x-hub-signature-256").strip_prefix("sha256=").unwrap();
    let bytes: Vec<u8> =
        (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap()).collect();
    aws_lc_rs::hmac::verify(&key, &arrived.body, &bytes).unwrap();
}

#[tokio::test]
async fn templates_result_in_the_url_the_headers_and_the_body() {
    let server = RecordingServer::accepting();
    let mut definition = WebhookDefinition::new(server.url("/products/{{ data.sku }}?status={{ data.status }}"));
    definition.headers.insert("Authorization".into(), "Bearer {{ secrets.token }}".into());
    definition.headers.insert("X-Version".into(), "{{ data.version }}".into());
    definition.body = Some(r#"{"product": {{ data.name }}, "was": {{ data.previous_status }}}"#.into());
    let result =
        server.deliver(&HandlerDefinition::Webhook(definition), &named("token", "hush"), &messages::rejection()).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
    let arrived = server.only();
    assert_eq!(arrived.uri, "/products/acme%2Fcheckout?status=rejected");
    assert_eq!((arrived.header("authorization"), arrived.header("x-version")), ("Bearer hush", "1.5.0"));
    assert_eq!(arrived.json(), serde_json::json!({"product": "Checkout \"Plus\"", "was": "in_progress"}));
}

#[tokio::test]
async fn a_template_that_fails_costs_no_request_and_is_a_problem_of_the_configuration() {
    let server = RecordingServer::accepting();
    let cases = [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "it takes too many steps"),
        (r#"{"a": {{ data.sku | nothing }}}"#, "line 1: unknown filter"),
        (r#"{"a": {{ data.sku }}"#, "does not result in JSON"),
    ];
    for (template, reason) in cases {
        let mut definition = WebhookDefinition::new(server.url("/"));
        definition.body = Some(template.into());
        let result = server
            .deliver(&HandlerDefinition::Webhook(definition), &HandlerSecrets::default(), &messages::rejection())
            .await;
        assert!(matches!(&result.outcome, AttemptOutcome::Misconfigured(text) if text.contains(reason)), "{result:?}");
    }
    assert_eq!(server.arrived().len(), 0);
}

#[tokio::test]
async fn data_can_neither_add_a_header_nor_pause_the_subscription() {
    let server = RecordingServer::accepting();
    let mut definition = WebhookDefinition::new(server.url("/"));
    definition.headers.insert("X-Name".into(), "{{ data.name }}".into());
    let definition = HandlerDefinition::Webhook(definition);
    for (name, arrives) in [("Müller & Söhne", true), ("a\r\nX-Other: b", false), ("a\u{1b}[2J", false)] {
        let (event, mut context) = messages::rejected();
        context.name = Some(name.to_owned());
        let message = Message::of_event(messages::INSTANCE, &event, &context);
        let result = server.deliver(&definition, &HandlerSecrets::default(), &message).await;
        let outcome = if arrives { AttemptOutcome::Delivered } else { AttemptOutcome::Invalid };
        assert_eq!(result.outcome, outcome, "{}", result.note);
    }
    assert_eq!(server.only().headers["x-name"].as_bytes(), "Müller & Söhne".as_bytes());
}

#[tokio::test]
async fn a_message_that_the_template_skips_is_not_sent() {
    let server = RecordingServer::accepting();
    let mut definition = WebhookDefinition::new(server.url("/"));
    definition.body = Some("{% if not data.version %}{{ skip('the version is unknown') }}{% endif %}{}".into());
    let result =
        server.deliver(&HandlerDefinition::Webhook(definition), &HandlerSecrets::default(), &messages::scan()).await;
    assert_eq!((result.outcome, result.note.as_str()), (AttemptOutcome::Skipped, "the version is unknown"));
    assert_eq!(server.arrived().len(), 0);
}

#[tokio::test]
async fn responses_have_the_outcomes_of_the_documented_table() {
    let result = answered(|| response(422, "no such product")).await;
    assert_eq!((result.outcome, result.status), (AttemptOutcome::Invalid, Some(422)));
    assert_eq!(result.note, "no such product");
    let busy = || Response::builder().status(503).header("retry-after", "90").body(Body::empty()).unwrap();
    let wait = Some(Duration::from_secs(90));
    assert_eq!(answered(busy).await.outcome, AttemptOutcome::HandlerDown { retry_after: wait });
    assert_eq!(answered(|| response(410, "")).await.outcome, AttemptOutcome::Gone);
    assert_eq!(answered(|| response(404, "")).await.outcome, AttemptOutcome::EventFailed { retry_after: None });
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = RecordingServer::accepting();
    let location = target.url("/elsewhere");
    let redirect = move || Response::builder().status(307).header("location", &location).body(Body::empty()).unwrap();
    let result = answered(redirect).await;
    assert_eq!((result.outcome, result.status), (AttemptOutcome::EventFailed { retry_after: None }, Some(307)));
    assert!(result.note.contains("redirects are not followed"), "{}", result.note);
    assert_eq!(target.arrived().len(), 0);
}

#[tokio::test]
async fn only_the_beginning_of_a_huge_response_is_read() {
    let endless = || response(500, Body::from_stream(stream::repeat(Ok::<_, Infallible>(vec![b'x'; 65_536]))));
    let result = answered(endless).await;
    assert_eq!(result.outcome, AttemptOutcome::HandlerDown { retry_after: None });
    assert_eq!(result.note.len(), 4096);
    assert!(result.duration < Duration::from_secs(5), "{:?}", result.duration);
}

#[tokio::test]
async fn a_response_whose_body_never_ends_has_the_outcome_of_its_status() {
    let hanging = || {
        let beginning = stream::iter([Ok::<_, Infallible>("accepted")]);
        response(200, Body::from_stream(beginning.chain(stream::pending())))
    };
    let result = answered(hanging).await;
    assert_eq!((result.outcome, result.note.as_str()), (AttemptOutcome::Delivered, "accepted"));
}

#[tokio::test]
async fn compressed_responses_are_not_decompressed() {
    // The gzip of a gigabyte of zeros begins like this; nobody wants to read the rest.
    let bomb = || {
        let builder = Response::builder().status(400).header("content-encoding", "gzip");
        builder.body(Body::from(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])).unwrap()
    };
    let server = RecordingServer::start(bomb);
    let result = server.deliver(&webhook(server.url("/")), &HandlerSecrets::default(), &messages::test()).await;
    assert_eq!(result.outcome, AttemptOutcome::Invalid);
    assert!(result.note.starts_with('\u{fffd}'), "{:?}", result.note);
    assert!(!server.only().headers.contains_key("accept-encoding"));
}

#[tokio::test]
async fn no_secret_is_in_a_note_even_if_the_response_repeats_it() {
    let server = RecordingServer::start(|| response(401, "Bearer hush-token-1 is wrong; ZXFwOmh1c2gtdG9rZW4tMQ=="));
    let mut definition = WebhookDefinition::new(server.url("/"));
    definition.headers.insert("Authorization".into(), "Basic {{ ('eqp:' ~ secrets.token) | base64 }}".into());
    let secrets = named("token", "hush-token-1");
    let result = server.deliver(&HandlerDefinition::Webhook(definition), &secrets, &messages::test()).await;
    assert_eq!(result.note, "Bearer [secret] is wrong; [secret]");
}

#[test]
fn a_definition_that_cannot_work_is_rejected() {
    let build = |definition: WebhookDefinition| {
        let built = HandlerDefinition::Webhook(definition).build(&HandlerSecrets::default(), &local());
        built.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for (url, reason) in [
        ("https://ada:hush@hooks.example.com/", "must not contain credentials"),
        ("https://hush@hooks.example.com/", "must not contain credentials"),
        ("ftp://hooks.example.com/", "must begin with https://"),
        ("hooks.example.com", "relative URL"),
        ("https://{{ data.sku }}.example.com/", "only the path and the query"),
        ("https://hooks.example.com/{{ secrets.token }}", "secrets cannot be used in a URL"),
        ("http://1.1.1.1/", "without TLS"),
        ("https://10.0.0.1/", "10.0.0.1 is not a public address"),
        ("https://0x0a000001/", "10.0.0.1 is not a public address"),
        ("https://012.1/", "10.0.0.1 is not a public address"),
        ("https://167772161/", "10.0.0.1 is not a public address"),
        ("https://10.0.0.1./", "10.0.0.1 is not a public address"),
        ("https://[::ffff:10.0.0.1]/", "is not a public address"),
        ("https://[64:ff9b::a00:1]/", "is not a public address"),
        ("https://[2002:a00:1::]/", "is not a public address"),
        ("https://[fe80::1%25eth0]/", "invalid IPv6"),
        ("https://１０.0.0.1/", "10.0.0.1 is not a public address"),
    ] {
        let error = build(WebhookDefinition::new(url));
        assert!(error.contains(reason), "{url}: {error:?}");
        assert!(!error.contains("hush"), "{error}");
    }
    for (name, value, reason) in [
        ("Host", "other.example.com", "set automatically"),
        ("webhook-id", "1", "set automatically"),
        ("Bad Name", "1", "not a valid name"),
        ("Authorization", "Bearer {{ secrets.token }}", "the secret `token` is not stored"),
        ("Authorization", "Bearer hush", "its value must contain a stored secret"),
        ("X-Gitlab-Token", "hush", "its value must contain a stored secret"),
        ("X-Vault-Token", "hush", "its value must contain a stored secret"),
        ("X-Test", "a\r\nX-Other: b", "its value contains a line end"),
    ] {
        let mut definition = WebhookDefinition::new("https://hooks.example.com/");
        definition.headers.insert(name.into(), value.into());
        assert!(build(definition).contains(reason), "{name}");
    }
}

#[test]
fn a_signature_without_a_secret_is_rejected() {
    let mut definition = WebhookDefinition::new("https://hooks.example.com/");
    definition.signature = SignatureScheme::HmacSha256 { header: "X-Signature".into(), prefix: String::new() };
    let built = HandlerDefinition::Webhook(definition).build(&HandlerSecrets::default(), &local());
    assert_eq!(built.err(), Some(DefinitionError::NoSigningSecret));
    handler(&webhook("https://hooks.example.com/"), &HandlerSecrets::default(), &local());
}
