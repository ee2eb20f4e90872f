//! docs/webhooks.md: its message, and its programs that verify signatures.

use std::path::Path;
use std::process::Command;

use eqp_deliver::{
    AttemptOutcome, HandlerDefinition, HandlerSecrets, Message, Recipe, WebhookDefinition, new_signing_secret,
};
use serde_json::Value;

use crate::messages;
use crate::server::{Arrived, RecordingServer};

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// Returns the first block of the page in a language.
fn block(language: &str) -> String {
    let page = file("docs/webhooks.md");
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned() + "\n"
}

/// Returns a signed request as it arrives, and its secrets, the newest first.
async fn signed() -> (Arrived, HandlerSecrets) {
    let server = RecordingServer::accepting();
    let mut secrets = HandlerSecrets::default();
    secrets.signing = vec![new_signing_secret(), new_signing_secret()];
    let definition = HandlerDefinition::Webhook(WebhookDefinition::new(server.url("/")));
    let result = server.deliver(&definition, &secrets, &messages::rejection()).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered);
    (server.only(), secrets)
}

/// Checks that a program accepts a request with each of its secrets, and rejects another secret and a changed body. The program receives
/// the request in its environment and in `body.json`, and fails if it is invalid.
async fn check_verifier(program: &str, arguments: &[&str]) {
    if Command::new(program).arg("--version").output().is_err()
        && Command::new(program).arg("version").output().is_err()
    {
        println!("not run: {program} is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (arrived, secrets) = signed().await;
    let accepts = |secret: &str, body: &[u8]| {
        std::fs::write(folder.path().join("body.json"), body).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder.path()).env("SECRET", secret);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            command.env(name.to_uppercase().replace('-', "_"), arrived.header(name));
        }
        let output = command.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(printed.trim() == "valid" || printed.trim() == "invalid", "{printed}");
        output.status.success()
    };
    for secret in &secrets.signing {
        assert!(accepts(secret.expose(), &arrived.body), "{program}");
    }
    assert!(!accepts(new_signing_secret().expose(), &arrived.body), "{program}: another secret");
    let changed = [&arrived.body[..], b" "].concat();
    assert!(!accepts(secrets.signing[0].expose(), &changed), "{program}: another body");
}

#[tokio::test]
async fn the_documented_python_function_verifies_signatures() {
    let call = "import os, sys
valid = is_valid(os.environ['SECRET'], os.environ['WEBHOOK_ID'], os.environ['WEBHOOK_TIMESTAMP'],
    os.environ['WEBHOOK_SIGNATURE'], open('body.json', 'rb').read())
print('valid' if valid else 'invalid')
sys.exit(not valid)
";
    check_verifier("python3", &["-c", &(block("python") + call)]).await;
}

#[tokio::test]
async fn the_documented_php_function_verifies_signatures() {
    let call = "$valid = isValid(getenv('SECRET'), getenv('WEBHOOK_ID'), getenv('WEBHOOK_TIMESTAMP'),
    getenv('WEBHOOK_SIGNATURE'), file_get_contents('body.json'));
echo $valid ? 'valid' : 'invalid';
exit($valid ? 0 : 1);
";
    check_verifier("php", &["-r", &(block("php") + call)]).await;
}

#[tokio::test]
async fn the_documented_commands_verify_signatures() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("not run: openssl is not installed");
        return;
    }
    check_verifier("bash", &["-euo", "pipefail", "-c", &block("sh")]).await;
}

#[test]
fn the_documented_workflow_sets_the_status_of_the_tagged_commit() {
    let workflow = yaml_rust2::YamlLoader::load_from_str(&block("yaml")).unwrap().remove(0);
    assert_eq!(workflow["on"]["repository_dispatch"]["types"][0].as_str(), Some("eqp.submission.status_changed"));
    let script = workflow["jobs"]["status"]["steps"][0]["run"].as_str().unwrap();
    assert!(!script.contains("${{"), "text of the message reaches the shell through the environment: {script}");
    // Prints its arguments to standard error, and a commit like the API.
    let gh = "gh() { printf '%s|' \"$@\" >&2; echo 3f9c2ab; }\n";
    for (status, state) in
        [("approved", "success"), ("rejected", "failure"), ("recalled", "error"), ("draft", "pending")]
    {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &(gh.to_owned() + script)]);
        command.env("GITHUB_REPOSITORY", "acme/checkout").env("TAG", "1.5.0").env("FLOW", "technical");
        let output = command.env("STATUS", status).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let calls = String::from_utf8(output.stderr).unwrap();
        assert!(calls.starts_with("api|repos/acme/checkout/commits/1.5.0|"), "{calls}");
        assert!(calls.contains("api|repos/acme/checkout/statuses/3f9c2ab|"), "{calls}");
        assert!(
            calls.contains(&format!("|state={state}|-f|context=eqp/technical|-f|description={status}|")),
            "{calls}"
        );
    }
}

#[test]
fn the_documented_message_is_the_one_that_is_sent() {
    let documented: Value = serde_json::from_str(&block("json")).unwrap();
    assert_eq!(documented, serde_json::from_str::<Value>(&messages::rejection().json()).unwrap());
}

#[test]
fn every_recipe_is_documented_with_its_parameters() {
    let page = file("docs/webhooks.md");
    for recipe in Recipe::all() {
        let parameters: Vec<String> = recipe.parameters.iter().map(|one| format!("`{}`", one.name)).collect();
        let row = format!("| `{}` | {} |", recipe.name, parameters.join(", "));
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn every_message_conforms_to_the_documented_schema() {
    let schema: Value = serde_json::from_str(&file("docs/reference/message.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let body = |message: &Message| serde_json::from_str::<Value>(&message.json()).unwrap();
    for message in messages::one_of_each_type() {
        let body = body(&message);
        let errors: Vec<String> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{body}: {errors:?}");
        // The schema distinguishes the types.
        let mut other = body.clone();
        other["type"] = "submission.unknown".into();
        assert!(!validator.is_valid(&other), "{other}");
        let mut incomplete = body.clone();
        incomplete["data"].as_object_mut().unwrap().clear();
        assert!(!validator.is_valid(&incomplete), "{incomplete}");
    }
}
