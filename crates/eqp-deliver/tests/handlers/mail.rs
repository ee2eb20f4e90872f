//! Mails, which a real mail server receives: aiosmtpd.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use eqp_deliver::{
    AlertChange, AttemptOutcome, AttemptResult, DefinitionError, EmailDefinition, HandlerDefinition,
    HandlerEnvironment, HandlerSecrets, MailSecurity, MailServer, Message,
};
use eqp_test_support::mail::{Mail, MailMode, PASSWORD, PostOffice, USER};
use eqp_types::Secret;
use serde_json::Value;

use crate::messages::{self, INSTANCE};
use crate::server::{DEADLINE, handler};
use crate::threads::Threads;

const FROM: &str = "eqp <eqp@example.com>";

/// A mail server, and the threads of the worker.
struct Post {
    office: PostOffice,
    security: MailSecurity,
    threads: Arc<Threads>,
}

impl Post {
    /// Starts a mail server. Returns `None` if there is no program for it.
    fn start(security: MailSecurity) -> Option<Self> {
        let mode = match security {
            MailSecurity::StartTls => MailMode::StartTls,
            MailSecurity::Tls => MailMode::Tls,
            MailSecurity::None => MailMode::Plain,
        };
        Some(Self { office: PostOffice::start(mode)?, security, threads: Arc::default() })
    }

    fn server(&self) -> MailServer {
        let server = MailServer::new("localhost", FROM).unwrap().security(self.security).unwrap();
        let server = server.port(self.office.port).trusting_ca_pem(&self.office.ca_pem).unwrap();
        match self.security {
            MailSecurity::None => server,
            _ => server.credentials(USER, Secret::new(PASSWORD)),
        }
    }

    async fn deliver(&self, server: MailServer, to: &[&str], message: &Message) -> AttemptResult {
        let environment = HandlerEnvironment::default().with_threads(Arc::clone(&self.threads) as _).with_mail(server);
        let definition = HandlerDefinition::Email(EmailDefinition::new(to.iter().copied()));
        let result = handler(&definition, &HandlerSecrets::default(), &environment).deliver(message, DEADLINE).await;
        assert!(!result.note.contains("hush"), "{}", result.note);
        result
    }

    /// Delivers a message, and returns the mail that arrives.
    async fn delivered(&self, to: &[&str], message: &Message) -> Mail {
        let result = self.deliver(self.server(), to, message).await;
        assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
        self.arrived()
    }

    fn arrived(&self) -> Mail {
        tokio::task::block_in_place(|| self.office.arrived())
    }
}

fn hostile(name: &str) -> Message {
    let (event, mut context) = messages::rejected();
    context.sku = Some(name.to_owned());
    Message::of_event(INSTANCE, &event, &context)
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_submitted_over_tls_and_those_of_one_submission_form_a_thread() {
    let Some(post) = Post::start(MailSecurity::StartTls) else { return };
    let rejection = messages::rejection();
    let first = post.delivered(&["ann@example.com", "bob@example.com"], &rejection).await;
    assert_eq!((&first.0["tls"], &first.0["user"]), (&true.into(), &"eqp".into()));
    assert_eq!(first.0["recipients"], serde_json::json!(["ann@example.com", "bob@example.com"]));
    assert_eq!(first.header("From"), [FROM]);
    assert_eq!(first.header("To"), ["ann@example.com, bob@example.com"]);
    assert_eq!(first.header("Subject"), ["[eqp] acme/checkout 1.5.0 rejected by technical review"]);
    assert_eq!(first.header("Auto-Submitted"), ["auto-generated"]);
    let id = format!("<{}@example.com>", rejection.id);
    assert_eq!(first.header("Message-ID"), [id.as_str()]);
    assert_eq!(
        first.0["text"],
        "acme/checkout 1.5.0: rejected by technical review\nDetails: https://eqp.example.com/submissions/5wsgr9vp2u\n"
    );
    // Also if the attempt is repeated.
    let repeated = post.delivered(&["bob@example.com", "ann@example.com"], &rejection).await;
    for mail in [first, repeated] {
        assert_eq!((mail.header("In-Reply-To"), mail.header("References")), (Vec::new(), Vec::new()));
    }
    let reply = post.delivered(&["ann@example.com", "bob@example.com"], &messages::release()).await;
    assert_eq!((reply.header("In-Reply-To"), reply.header("References")), (vec![id.as_str()], vec![id.as_str()]));
    assert_eq!(reply.header("Subject"), ["[eqp] acme/checkout 1.5.0 in the store"]);
    // Another recipient has not received the first one.
    let other = post.delivered(&["eve@example.com"], &messages::release()).await;
    assert_eq!(other.header("In-Reply-To"), Vec::<&str>::new());
    let test = post.delivered(&["ann@example.com"], &messages::test()).await;
    assert_eq!(test.header("Subject"), ["[eqp] ci: This is a test. Nothing has happened."]);

    let long = "ä".repeat(1_000);
    for name in ["x\r\nBcc: evil@example.com\r\n\r\nbody", "=?utf-8?Q?=0D=0ABcc:_evil@example.com?=", &long] {
        let mail = post.delivered(&["ann@example.com"], &hostile(name)).await;
        assert_eq!(mail.0["recipients"], serde_json::json!(["ann@example.com"]));
        assert_eq!((mail.header("Bcc").len(), mail.header("Subject").len()), (0, 1), "{}", mail.0["raw"]);
        let raw = mail.0["raw"].as_str().unwrap();
        assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 100), "{raw}");
        assert!(mail.header("Subject")[0].chars().count() <= 160, "{raw}");
    }
    let result = post.deliver(post.server(), &["ann@example.com"], &messages::alert(AlertChange::Acknowledged)).await;
    assert_eq!((result.outcome, result.note.as_str()), (AttemptOutcome::Skipped, "not a decisive change"));
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_of_the_server_have_the_outcome_of_their_cause() {
    let Some(post) = Post::start(MailSecurity::StartTls) else { return };
    let down = AttemptOutcome::HandlerDown { retry_after: None };
    for (name, outcome, code, text) in [
        ("later", AttemptOutcome::EventFailed { retry_after: None }, 450, "450: 4.2.1 mailbox busy"),
        ("unknown", AttemptOutcome::Invalid, 550, "unknown@example.com: localhost:"),
        ("closing", down.clone(), 421, "421: 4.3.2 shutting down"),
        ("repeating", AttemptOutcome::Invalid, 550, "you logged in with [secret]"),
    ] {
        let to = format!("{name}@example.com");
        let result = post.deliver(post.server(), &[&to], &messages::rejection()).await;
        assert_eq!((result.outcome, result.status), (outcome, Some(code)), "{}", result.note);
        assert!(result.note.contains(text), "{}", result.note);
    }
    // One recipient that does not exist does not keep the others from receiving the mail. A failure that ends does.
    let some = ["unknown@example.com", "ann@example.com"];
    let result = post.deliver(post.server(), &some, &messages::rejection()).await;
    assert_eq!(
        (result.outcome, post.arrived().0["recipients"][0].as_str()),
        (AttemptOutcome::Delivered, Some(some[1]))
    );
    assert!(result.note.starts_with("sent, but not to all recipients: unknown@example.com: "), "{}", result.note);
    let result = post.deliver(post.server(), &["ann@example.com", "later@example.com"], &messages::rejection()).await;
    assert_eq!(result.outcome, AttemptOutcome::EventFailed { retry_after: None });

    let wrong = post.server().credentials("eqp", Secret::new("hush"));
    let result = post.deliver(wrong, &["ann@example.com"], &messages::rejection()).await;
    assert!(matches!(&result.outcome, AttemptOutcome::Misconfigured(reason) if reason.contains("535")), "{result:?}");
    let stranger = MailServer::new("localhost", "stranger@example.com").unwrap().port(post.office.port);
    let stranger = stranger.trusting_ca_pem(&post.office.ca_pem).unwrap();
    // Without credentials, the server requires them first.
    let result = post.deliver(stranger.clone(), &["ann@example.com"], &messages::rejection()).await;
    assert!(matches!(&result.outcome, AttemptOutcome::Misconfigured(reason) if reason.contains("530")), "{result:?}");
    let stranger = stranger.credentials("eqp", Secret::new(PASSWORD));
    let result = post.deliver(stranger, &["ann@example.com"], &messages::rejection()).await;
    assert!(matches!(&result.outcome, AttemptOutcome::Misconfigured(reason) if reason.contains("553")), "{result:?}");
    let untrusted = MailServer::new("localhost", FROM).unwrap().port(post.office.port);
    let result = post.deliver(untrusted, &["ann@example.com"], &messages::rejection()).await;
    assert_eq!(result.outcome, down);
    assert!(result.note.starts_with("the TLS certificate of localhost:"), "{}", result.note);
    assert!(post.office.is_empty(), "nothing else was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_used_as_configured_or_not_at_all() {
    let Some(post) = Post::start(MailSecurity::None) else { return };
    let mail = post.delivered(&["ann@example.com"], &messages::rejection()).await;
    assert_eq!((&mail.0["tls"], &mail.0["user"]), (&false.into(), &Value::Null));
    // This server offers no STARTTLS, as one does whose offer an attacker removes.
    let server = MailServer::new("localhost", FROM).unwrap().port(post.office.port);
    let result = post.deliver(server, &["ann@example.com"], &messages::rejection()).await;
    let AttemptOutcome::Misconfigured(reason) = result.outcome else { panic!("{result:?}") };
    assert!(reason.ends_with("cannot be used: STARTTLS is not supported on this server"), "{reason}");

    let Some(post) = Post::start(MailSecurity::Tls) else { return };
    let mail = post.delivered(&["ann@example.com"], &messages::rejection()).await;
    assert_eq!(mail.0["user"], "eqp");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_down_when_the_time_is_up() {
    // It accepts connections and sends nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let deliver = async |port| {
        let server = MailServer::new("localhost", FROM).unwrap().port(port).timeout(Duration::ZERO);
        let environment = HandlerEnvironment::default().with_threads(Arc::new(Threads::default())).with_mail(server);
        let definition = HandlerDefinition::Email(EmailDefinition::new(["ann@example.com"]));
        handler(&definition, &HandlerSecrets::default(), &environment).deliver(&messages::test(), DEADLINE).await
    };
    let result = deliver(port).await;
    assert_eq!(result.outcome, AttemptOutcome::HandlerDown { retry_after: None });
    assert_eq!(result.note, format!("localhost:{port} did not respond: timed out after 1 s"));
    assert!(result.duration < Duration::from_secs(5), "{result:?}");
    let result = deliver(unused).await;
    assert_eq!(result.outcome, AttemptOutcome::HandlerDown { retry_after: None });
    assert!(result.note.starts_with(&format!("cannot connect to localhost:{unused}")), "{}", result.note);
}

#[test]
fn a_worker_without_a_mail_server_cannot_send_mails() {
    let definition = HandlerDefinition::Email(EmailDefinition::new(["ann@example.com"]));
    let environment = HandlerEnvironment::default().with_threads(Arc::new(Threads::default()));
    let built = definition.build(&HandlerSecrets::default(), &environment).err();
    assert_eq!(
        built,
        Some(DefinitionError::Mail { reason: "the configuration of the server has no table [mail]".to_owned() })
    );
    // Another process may have one.
    let warnings = definition.check(&HandlerSecrets::default(), Some(&environment)).unwrap();
    assert!(warnings[0].contains("[mail]"), "{warnings:?}");
    let wrong = HandlerDefinition::Email(EmailDefinition::new(["ann"]));
    assert!(wrong.check(&HandlerSecrets::default(), Some(&environment)).is_err());
}
