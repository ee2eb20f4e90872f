//! Tests the `eqp callbacks` commands that change the list: they preserve other entries, run one at a time, and require
//! unknown passwords.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use eqp_test_support::tool::Home;
use eqp_test_support::vendor::TestVendor;

const OURS: &str = "https://eqp.example.com/callbacks/main";
const THEIRS: &str = "https://other.example.com/hook";

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_added_once_and_listed() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
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
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.register_theirs(THEIRS, "key", "secret").await;
    let home = &vendor.home;
    let add = ["callbacks", "add", "--name", "main", "--url", OURS];
    let refused = home.run_aside(&add);
    assert_eq!(refused.code, 1, "{refused:?}");
    insta::assert_snapshot!(refused.stderr, @r"
    error: the list of callbacks was not changed
      why: the list can only be replaced as a whole, and the passwords of these entries are unknown:
           https://other.example.com/hook (user `key`)
      next: supply each password from a file: --password-of https://other.example.com/hook=FILE
      next: or allow an entry to lose its password: --may-lose-password https://other.example.com/hook
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
    let home = Home::new(crate::EQP);
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
    let mut vendor = TestVendor::start(crate::EQP).await;
    vendor.home.set("EQP_APPLICATION_SECRET", "wrong");
    let ended = vendor.home.run_aside(&["whoami"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("--environment"), "{}", ended.stderr);
}

/// A running receiver that does not load changes, so that commands wait for it.
struct Sleeper<'a>(&'a TestVendor);

impl<'a> Sleeper<'a> {
    async fn beside(vendor: &'a TestVendor) -> Self {
        assert_eq!(vendor.home.run_aside(&["migrate"]).code, 0);
        let sleeper = Self(vendor);
        sleeper.execute("insert into eqp.receiver values (gen_random_uuid(), now() + interval '1 hour', -1)").await;
        sleeper
    }

    async fn execute(&self, statement: &str) {
        self.0.database.pool.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }

    /// Waits until a command waits for the receiver.
    async fn is_waited_for(&self) {
        let pending = "select count(*) from eqp.credential where state = 'pending'";
        let waited_for = async {
            while sqlx::query_scalar::<_, i64>(pending).fetch_one(&self.0.database.pool).await.unwrap() == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waited_for).await.expect("a credential is made");
    }

    async fn wakes(&self) {
        self.execute("delete from eqp.receiver").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_who_change_registrations_at_the_same_time_the_second_is_told() {
    let vendor = TestVendor::start(crate::EQP).await;
    let sleeper = Sleeper::beside(&vendor).await;
    let first = vendor.home.start(&["callbacks", "add", "--name", "main", "--url", OURS]);
    sleeper.is_waited_for().await;
    let second = vendor.home.run_aside(&["callbacks", "add", "--name", "other", "--url", "https://eqp.example.com/b"]);
    assert_eq!(second.code, 1, "{second:?}");
    insta::assert_snapshot!(second.stderr, @r"
    error: the registrations of MAG123456789 in production are being changed
      why: another process is changing them now, and two concurrent changes would lose entries
      next: run the same command again when it has finished
    ");
    sleeper.wakes().await;
    let first = tokio::task::block_in_place(|| first.end());
    assert_eq!(first.code, 0, "{first:?}");
    let listed = vendor.home.run_aside(&["callbacks", "list"]).stdout;
    assert!(listed.contains(OURS) && !listed.contains("https://eqp.example.com/b"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_the_lock_sends_nothing() {
    let vendor = TestVendor::start(crate::EQP).await;
    let sleeper = Sleeper::beside(&vendor).await;
    let add = ["callbacks", "add", "--name", "main", "--url", OURS];
    let first = vendor.home.start(&add);
    sleeper.is_waited_for().await;
    sleeper
        .execute(
            "select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
             where locktype = 'advisory' and datname = current_database()",
        )
        .await;
    sleeper.wakes().await;
    let first = tokio::task::block_in_place(|| first.end());
    assert_eq!(first.code, 1, "{first:?}");
    assert!(first.stderr.contains("error: nothing was sent"), "{}", first.stderr);
    let listed = vendor.home.run_aside(&["callbacks", "list", "--json"]).stdout;
    assert!(!listed.contains(OURS), "{listed}");
    assert_eq!(vendor.home.run_aside(&add).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_made_by_hand_is_taken_over_with_its_password_then_rotated_and_removed() {
    let vendor = TestVendor::start(crate::EQP).await;
    let (_serve, base) = vendor.serve();
    // With every element that a custom path may have.
    let url = format!("{base}/rest/v1/caf%C3%A9/callback/?shop=1");
    vendor.register_theirs(&url, "key", "secret").await;
    let event = "malware_scan_complete";
    assert_eq!(vendor.send(event, eqp_test_support::vendor::scan("a")).await, [401]);
    let home = &vendor.home;
    home.write("old", "\u{feff}secret\r\n\n");
    let adopt = ["callbacks", "adopt", "--name", "main", "--url", &url, "--password-file", "old", "--json"];
    let adopted = home.run_aside(&adopt);
    assert_eq!(adopted.code, 0, "{adopted:?}");
    let adopted: Value = serde_json::from_str(&adopted.stdout).unwrap();
    assert_eq!((&adopted["username"], &adopted["replaced_username"]), (&json!("key"), &json!(null)));
    assert_eq!(vendor.send(event, eqp_test_support::vendor::scan("a")).await, [200]);
    assert_eq!(home.run_aside(&adopt).code, 0, "once more changes nothing");

    let shown = home.run_aside(&["callbacks", "rotate", "--name", "main", "--dry-run"]);
    assert!(shown.code == 0 && shown.stdout.contains("replace "), "{shown:?}");
    assert_eq!(
        home.run_aside(&["callbacks", "plan", "--exit-code"]).code,
        0,
        "nothing was kept of what was only shown"
    );
    let rotated = home.run_aside(&["callbacks", "rotate", "--name", "main", "--json"]);
    let rotated: Value = serde_json::from_str(&rotated.stdout).unwrap();
    assert_eq!(rotated["old_username"], json!("key"));
    assert_eq!(rotated["still_accepted"], json!([{"username": "key", "until": null}]));
    assert_eq!(vendor.send(event, eqp_test_support::vendor::scan("a")).await, [200]);
    let second = home.run_aside(&["callbacks", "rotate", "--name", "main"]);
    assert!(second.code == 1 && second.stderr.contains("is still in its grace period"), "{second:?}");

    let removed = home.run_aside(&["callbacks", "remove", "--name", "main", "--json"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let removed: Value = serde_json::from_str(&removed.stdout).unwrap();
    assert_eq!((removed["removed"].as_array().unwrap().len(), &removed["callbacks"]), (1, &json!([])));
    assert_eq!(removed["still_accepted"].as_array().unwrap().len(), 2, "callbacks may be on their way");
    assert_eq!(home.run_aside(&["callbacks", "plan", "--exit-code"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_others_is_removed_only_by_its_own_name() {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.register_theirs(THEIRS, "key", "secret").await;
    let home = &vendor.home;
    let remove = |arguments: &[&str]| home.run_aside(&[&["callbacks", "remove"], arguments].concat());
    assert_eq!(remove(&[]).code, 2);
    assert_eq!(remove(&["--name", "main"]).code, 4);
    assert_eq!(remove(&["--entry", "https://other.example.com/hook#other"]).code, 4);
    assert_eq!(remove(&["--entry", "https://other.example.com/hook#key"]).code, 0);
    assert_eq!(home.run_aside(&["callbacks", "add", "--name", "main", "--url", OURS]).code, 0);
    let refused = remove(&["--entry", OURS]);
    assert!(refused.code == 2 && refused.stderr.contains("eqp callbacks remove --name main"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_than_the_passwords_were_sealed_with_is_told_and_nothing_is_sent() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    assert_eq!(vendor.home.run_aside(&["callbacks", "add", "--name", "main", "--url", OURS]).code, 0);
    let other = vendor.home.path().join("other.key").display().to_string();
    vendor.home.set("EQP_MASTER_KEY_FILE", other);
    for verb in [&["rotate", "--name", "main"][..], &["remove", "--name", "main"], &["plan"]] {
        let ended = vendor.home.run_aside(&[&["callbacks"], verb].concat());
        assert_eq!(ended.code, 2, "{verb:?}: {ended:?}");
        assert!(ended.stderr.contains("belongs to another master key"), "{}", ended.stderr);
        assert!(ended.stderr.contains("EQP_MASTER_KEY_FILE"), "{}", ended.stderr);
    }
    assert!(vendor.home.run_aside(&["callbacks", "list"]).stdout.contains(OURS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_or_path_that_another_endpoint_has_is_refused_in_a_dry_run_as_well() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    assert_eq!(home.run_aside(&["callbacks", "add", "--name", "main", "--url", OURS]).code, 0);
    for arguments in [
        &["--name", "second", "--url", OURS][..],
        &["--name", "second", "--url", OURS, "--path", "/callbacks/second"],
        &["--name", "second", "--url", "https://eqp.example.com/other", "--path", "/callbacks/main"],
        &["--name", "not a name", "--url", "https://eqp.example.com/other"],
        &["--name", "second", "--url", "https://eqp.example.com/other", "--path", "no-slash"],
    ] {
        let add = [&["callbacks", "add"], arguments].concat();
        let (shown, done) = (home.run_aside(&[&add[..], &["--dry-run"]].concat()), home.run_aside(&add));
        assert_eq!(shown.code, 2, "{arguments:?}: {shown:?}");
        assert_eq!((shown.code, shown.stderr), (done.code, done.stderr), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_removed_is_no_longer_shown() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    for (name, url) in [("main", OURS), ("other", "https://eqp.example.com/callbacks/other")] {
        assert_eq!(home.run_aside(&["callbacks", "add", "--name", name, "--url", url]).code, 0);
    }
    assert_eq!(home.run_aside(&["callbacks", "remove", "--name", "main"]).code, 0);
    let plan: Value = serde_json::from_str(&home.run_aside(&["callbacks", "plan", "--json"]).stdout).unwrap();
    let names: Vec<_> = plan["endpoints"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!((names, &plan["in_sync"]), (vec![json!("other")], &json!(true)));
    assert_eq!(plan["removed"][0]["name"], json!("main"), "its user name is accepted for a while: {plan}");

    let removed = home.run_aside(&["trigger", "malware_scan_complete", "--file", "f", "--to", "main"]);
    assert!(removed.code == 4 && removed.stderr.contains("endpoints: other"), "{removed:?}");
    let serving = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off", "--json"];
    let mut serve = home.start(&serving);
    assert_eq!(tokio::task::block_in_place(|| serve.json_line())["endpoints"], json!(["/callbacks/other"]));
    serve.terminate();
    let ended = tokio::task::block_in_place(|| serve.end());
    assert!(ended.code == 0 && !ended.stderr.contains("/callbacks/main"), "{ended:?}");
    // The endpoint can be registered again by its name.
    assert_eq!(home.run_aside(&["callbacks", "add", "--name", "main"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_adopted_already_is_left_as_it_is() {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.register_theirs(THEIRS, "key", "secret").await;
    let home = &vendor.home;
    home.write("right", "secret\n");
    home.write("wrong", "hush\n");
    let adopt = ["callbacks", "adopt", "--name", "theirs", "--url", THEIRS];
    let with = |file| home.run_aside(&[&adopt[..], &["--password-file", file]].concat());
    let first = with("right");
    assert!(first.code == 0 && first.stdout.contains("was adopted"), "{first:?}");
    for again in [with("right"), home.run_aside(&adopt)] {
        assert_eq!(again.code, 0, "{again:?}");
        assert!(again.stdout.contains("is already adopted; nothing was changed"), "{again:?}");
    }
    let refused = with("wrong");
    assert_eq!(refused.code, 2, "{refused:?}");
    insta::assert_snapshot!(refused.stderr, @r"
    error: already adopted with another password; nothing was changed
      why: the given password is not the one that is stored for `theirs` and user name key
      next: to register a new password: eqp callbacks rotate --name theirs
    ");
    assert_eq!(vendor.credential("active").await, ("key".to_owned(), "secret".to_owned()));
}
