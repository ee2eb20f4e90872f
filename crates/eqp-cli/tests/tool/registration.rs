//! `eqp callbacks add`: merge-safe, and asked about what it does not know.

use serde_json::json;

use crate::eqp::Home;
use crate::market::Market;

const OURS: &str = "https://eqp.example.com/callbacks/main";
const THEIRS: &str = "https://other.example.com/hook";

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_added_once_and_listed() {
    let market = Market::open().await;
    let home = &market.home;
    let add = ["callbacks", "add", "--name", "main", "--url", OURS, "--json"];
    let first = home.run_aside(&add);
    assert_eq!(first.code, 0, "{first:?}");
    let first: serde_json::Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!((&first["path"], &first["already_registered"]), (&json!("/callbacks/main"), &json!(false)));

    let second: serde_json::Value = serde_json::from_str(&home.run_aside(&add).stdout).unwrap();
    assert_eq!((&second["already_registered"], &second["username"]), (&json!(true), &first["username"]));

    let listed = home.run_aside(&["callbacks", "list"]).stdout;
    assert!(listed.contains(OURS) && listed.contains("production"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_others_is_kept_or_the_list_is_left_alone() {
    let market = Market::open().await;
    market.register_theirs(THEIRS, "key", "secret").await;
    let home = &market.home;
    let add = ["callbacks", "add", "--name", "main", "--url", OURS];
    let refused = home.run_aside(&add);
    assert_eq!(refused.code, 1, "{refused:?}");
    insta::assert_snapshot!(refused.stderr, @r"
    error: the list of callbacks was left as it is
      why: it can only be written as a whole, and the passwords of these entries are not known here:
           https://other.example.com/hook (user `key`)
      next: supply each password from a file: --password-of https://other.example.com/hook=FILE
      next: or say that an entry may lose its password: --may-lose-password https://other.example.com/hook
    ");

    home.write("theirs", "secret\n");
    let supplied = format!("{THEIRS}=theirs");
    let shown = home.run_aside(&[&add[..], &["--password-of", &supplied, "--dry-run"]].concat());
    assert!(shown.code == 0 && shown.stdout.contains("keep ") && shown.stdout.contains("add "), "{shown:?}");
    assert!(!home.run_aside(&["callbacks", "list"]).stdout.contains(OURS));

    let added = home.run_aside(&[&add[..], &["--password-of", &supplied]].concat());
    assert_eq!(added.code, 0, "{added:?}");
    let listed = home.run_aside(&["callbacks", "list"]).stdout;
    assert!(listed.contains(OURS) && listed.contains(THEIRS), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_the_marketplace_would_never_call_are_refused() {
    let home = Home::new();
    let long = format!("https://eqp.example.com/{}", "x".repeat(2_000));
    for url in ["http://eqp.example.com/a", "https://me:hush@eqp.example.com/a", "https://eqp.example.com/a#b", &long] {
        let ended = home.run(&["callbacks", "add", "--name", "main", "--url", url]);
        assert_eq!(ended.code, 2, "{url}: {ended:?}");
        assert!(ended.stderr.contains("next: ") && !ended.stderr.contains("hush"), "{}", ended.stderr);
    }
    assert!(!home.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_accepted_is_code_3() {
    let mut market = Market::open().await;
    market.home.set("EQP_APPLICATION_SECRET", "wrong");
    let ended = market.home.run_aside(&["whoami"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("--environment"), "{}", ended.stderr);
}
