//! Subscriptions that are declared in a file.

use eqp_deliver::{ExecDefinition, Fallback, HandlerDefinition, NewSubscription, SubscriptionError, WebhookDefinition};
use eqp_types::Secret;

use crate::setup::Setup;

const FILE: &str = "/etc/eqp/eqp.toml";

fn program(name: &str) -> NewSubscription {
    NewSubscription::new(name, HandlerDefinition::Exec(ExecDefinition::new(name)))
}

fn signed(name: &str, secret: &str) -> NewSubscription {
    let mut new = NewSubscription::new(name, HandlerDefinition::Webhook(WebhookDefinition::new("https://a.example")));
    new.secrets.signing = vec![Secret::new(secret)];
    new
}

/// Declares subscriptions, and returns the names of those that were created, changed and paused.
async fn declare(setup: &Setup, file: &str, declared: &[NewSubscription]) -> [Vec<String>; 3] {
    let declaration = setup.subscriptions().declare(file, declared, &setup.key).await.unwrap();
    assert!(declaration.problems.is_empty(), "{:?}", declaration.problems);
    [declaration.created, declaration.changed, declaration.paused]
}

fn names(names: [&[&str]; 3]) -> [Vec<String>; 3] {
    names.map(|names| names.iter().map(|&name| name.to_owned()).collect())
}

#[tokio::test]
async fn declaring_again_changes_nothing_and_a_change_keeps_what_waits() {
    let setup = Setup::new().await;
    let declared = [program("deploy"), signed("shop", "hush")];
    assert_eq!(declare(&setup, FILE, &declared).await, names([&["deploy", "shop"], &[], &[]]));
    let generation = setup.number("select generation from eqp.fanout").await;
    assert_eq!(declare(&setup, FILE, &declared).await, names([&[], &[], &[]]));
    assert_eq!(setup.number("select generation from eqp.fanout").await, generation);
    setup.sql("insert into eqp.delivery (subscription_id, resource, source, event_seq) select id, 7, 'event', 1 from eqp.subscription").await;
    let mut changed = signed("shop", "another");
    changed.filter.flows = vec!["overall".into()];
    assert_eq!(declare(&setup, FILE, &[program("deploy"), changed.clone()]).await, names([&[], &["shop"], &[]]));
    // A new secret alone is a change, too.
    changed.secrets.signing = vec![Secret::new("hush")];
    assert_eq!(declare(&setup, FILE, &[program("deploy"), changed]).await, names([&[], &["shop"], &[]]));
    let shop = setup.subscriptions().find("shop").await.unwrap();
    assert_eq!((shop.waiting, shop.filter.unwrap().flows), (1, vec!["overall".to_owned()]));
    assert_eq!(shop.declared_by.as_deref(), Some(FILE));
}

#[tokio::test]
async fn one_that_is_no_longer_declared_is_paused_until_it_is_declared_again() {
    let setup = Setup::new().await;
    setup.subscribe("own", |_| {}).await;
    declare(&setup, FILE, &[program("a"), program("b")]).await;
    declare(&setup, "/other.toml", &[program("c")]).await;
    setup.subscriptions().pause("b", "maintenance").await.unwrap();
    assert_eq!(declare(&setup, FILE, &[]).await, names([&[], &[], &["a"]]));
    assert_eq!(declare(&setup, FILE, &[]).await, names([&[], &[], &[]]));
    let reason = setup.subscriptions().find("a").await.unwrap().paused_reason;
    assert_eq!(reason.as_deref(), Some("/etc/eqp/eqp.toml no longer declares it"));
    for active in ["own", "c"] {
        assert_eq!(setup.subscriptions().find(active).await.unwrap().paused_at, None, "{active}");
    }
    // A person has paused the other one, so it stays paused.
    assert_eq!(declare(&setup, FILE, &[program("a"), program("b")]).await, names([&[], &["a"], &[]]));
    assert_eq!(setup.subscriptions().find("a").await.unwrap().paused_at, None);
    assert!(setup.subscriptions().find("b").await.unwrap().paused_at.is_some());
}

#[tokio::test]
async fn a_new_definition_resumes_what_the_program_has_paused() {
    let setup = Setup::new().await;
    declare(&setup, FILE, &[program("a")]).await;
    setup.sql("update eqp.subscription_state set state = 'paused', paused_at = now(), paused_reason = 'gone', paused_by_program = true, cursor_seq = 0, alert_cursor = 0").await;
    assert_eq!(declare(&setup, FILE, &[program("a")]).await, names([&[], &[], &[]]));
    let mut moved = program("a");
    moved.handler = HandlerDefinition::Exec(ExecDefinition::new("b"));
    assert_eq!(declare(&setup, FILE, &[moved]).await, names([&[], &["a"], &[]]));
    assert_eq!(setup.subscriptions().find("a").await.unwrap().paused_at, None);
}

#[tokio::test]
async fn a_fallback_can_be_declared_before_its_first_subscription_but_not_in_a_cycle() {
    let setup = Setup::new().await;
    let mut first = program("z");
    first.filter.alerts = vec!["page".into()];
    let mut second = program("a");
    second.fallback = Some(Fallback::of("z"));
    assert_eq!(declare(&setup, FILE, &[second.clone(), first.clone()]).await, names([&["z", "a"], &[], &[]]));
    first.fallback = Some(Fallback::of("a"));
    first.filter.alerts_only = true;
    let declaration = setup.subscriptions().declare(FILE, &[second, first], &setup.key).await.unwrap();
    assert_eq!(declaration.problems.len(), 2);
    let cycle = "they would be fallbacks of each other";
    assert!(declaration.problems.iter().all(|problem| problem.to_string().ends_with(cycle)));
}

#[tokio::test]
async fn a_subscription_of_a_command_is_not_taken_over_and_a_declared_one_not_removed() {
    let setup = Setup::new().await;
    setup.subscribe("own", |_| {}).await;
    let declaration = setup.subscriptions().declare(FILE, &[program("own"), program("b")], &setup.key).await.unwrap();
    assert!(matches!(declaration.problems.as_slice(), [SubscriptionError::NotDeclared { name }] if name == "own"));
    assert_eq!(declaration.created, ["b"]);
    assert!(
        matches!(setup.subscriptions().remove("b").await, Err(SubscriptionError::Declared { file, .. }) if file == FILE)
    );
    // A paused one can be removed, because its file may no longer exist. A file that declares it creates it again.
    setup.subscriptions().pause("b", "unused").await.unwrap();
    setup.subscriptions().remove("b").await.unwrap();
    assert_eq!(declare(&setup, FILE, &[program("b")]).await, names([&["b"], &[], &[]]));
    // Another file that declares it takes it over: the file may have been moved.
    assert_eq!(declare(&setup, "/new.toml", &[program("b")]).await, names([&[], &["b"], &[]]));
}

#[tokio::test]
async fn processes_that_start_together_create_each_subscription_once() {
    let setup = Setup::new().await;
    let declared: Vec<_> = (0..5).map(|n| program(&format!("s{n}"))).collect();
    let all = (0..4).map(|_| async { setup.subscriptions().declare(FILE, &declared, &setup.key).await.unwrap() });
    let created: usize = futures_util::future::join_all(all).await.iter().map(|one| one.created.len()).sum();
    assert_eq!(created, 5);
    assert_eq!(setup.subscriptions().list().await.unwrap().len(), 5);
}
