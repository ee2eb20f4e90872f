//! Tests access keys: they are verified before they are saved, only readable by their owner, and separated by profiles.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::{APPLICATION_SECRET, TestVendor};

/// Returns a home with the URL of the Marketplace but without a key.
fn stranger(vendor: &TestVendor) -> Home {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_API_URL", vendor.simulator.base_url());
    home.set("EQP_CA_FILE", home.write("ca.pem", vendor.simulator.ca_pem()).display().to_string());
    home.set("EQP_ENVIRONMENT", vendor.simulator.environment().as_str());
    home
}

fn read(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_kept_in_a_profile_once_it_was_accepted() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = stranger(&vendor);
    home.write("wrong", "wrong\n");
    home.write("right", &format!("{APPLICATION_SECRET}\n"));
    let login = ["login", "--application-id", "app", "--profile", "live", "--secret-file"];

    let refused = home.run_aside(&[&login[..], &["wrong"]].concat());
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(!home.path().join(".config").exists(), "nothing is kept of a key that is not accepted");

    let kept = read(&home.run_aside(&[&login[..], &["right", "--json"]].concat()));
    assert_eq!((&kept["mage_id"], &kept["profile"]), (&json!("MAG123456789"), &json!("live")));
    let secret = home.path().join(".config/eqp/secrets/live");
    assert_eq!(std::fs::read_to_string(&secret).unwrap().trim_end(), APPLICATION_SECRET);
    assert_eq!((mode(&secret), mode(secret.parent().unwrap())), (0o600, 0o700));

    // From now on, no option is needed, because the URL was saved too.
    let other = Home::at(crate::EQP, home.path());
    let me = read(&other.run_aside(&["whoami", "--json"]));
    assert_eq!(
        (&me["mage_id"], &me["profile"], &me["environment"]),
        (&json!("MAG123456789"), &json!("live"), &json!("production"))
    );
    assert_eq!((&me["is_eligible"], &me["application_id"]), (&json!(true), &json!("app")));
    assert!(me["secret_source"].as_str().unwrap().ends_with("secrets/live"), "{me}");

    // A secret that others can read is rejected.
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o644)).unwrap();
    let open = other.run_aside(&["whoami"]);
    assert!(open.code == 2 && open.stderr.contains("chmod 600"), "{open:?}");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();

    assert_eq!(other.run_aside(&["logout"]).code, 0);
    assert!(!secret.exists());
    let gone = other.run_aside(&["whoami"]);
    assert!(gone.code == 3 && gone.stderr.contains("eqp login"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_are_distinguished_and_the_default_is_used_without_a_request() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = stranger(&vendor);
    home.write("right", APPLICATION_SECRET);
    for profile in ["one", "two"] {
        read(&home.run_aside(&[
            "login",
            "--application-id",
            "app",
            "--profile",
            profile,
            "--secret-file",
            "right",
            "--json",
        ]));
    }
    let other = Home::at(crate::EQP, home.path());
    let holds =
        |arguments: &[&str]| read(&other.run_aside(&[&["whoami", "--json"], arguments].concat()))["profile"].clone();
    assert_eq!((holds(&[]), holds(&["--profile", "two"])), (json!("one"), json!("two")));
    read(&home.run_aside(&[
        "login",
        "--application-id",
        "app",
        "--profile",
        "two",
        "--default",
        "--secret-file",
        "right",
        "--json",
    ]));
    assert_eq!(holds(&[]), json!("two"));
    let lost = other.run_aside(&["whoami", "--profile", "three"]);
    assert!(lost.code == 2 && lost.stderr.contains("existing profiles: one, two"), "{lost:?}");
    let odd = home.run_aside(&["login", "--application-id", "app", "--profile", "../up", "--secret-file", "right"]);
    assert_eq!(odd.code, 2, "{odd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_at_the_same_time_all_stay_and_so_do_logouts() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = stranger(&vendor);
    home.write("right", APPLICATION_SECRET);
    let names: Vec<_> = (0..8).map(|number| format!("p{number}")).collect();
    let login =
        |name: &String| home.start(&["login", "--application-id", "app", "--secret-file", "right", "--profile", name]);
    let running: Vec<_> = names.iter().map(login).collect();
    for login in running {
        let ended = tokio::task::block_in_place(|| login.end());
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    let file = home.path().join(".config/eqp/eqp.toml");
    let written = || std::fs::read_to_string(&file).unwrap().parse::<toml::Table>().unwrap();
    for name in &names {
        assert_eq!(written()["profiles"][name]["marketplace"]["application_id"].as_str(), Some("app"), "{name}");
        assert!(home.path().join(".config/eqp/secrets").join(name).exists(), "{name}");
    }
    let running: Vec<_> = names.iter().map(|name| home.start(&["logout", "--profile", name])).collect();
    for logout in running {
        let ended = tokio::task::block_in_place(|| logout.end());
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    for name in &names {
        assert!(written()["profiles"][name]["marketplace"].get("application_id").is_none(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_replaces_the_file_that_a_link_leads_to() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = stranger(&vendor);
    home.write("right", APPLICATION_SECRET);
    let link = home.configure("");
    std::fs::rename(&link, home.path().join("dotfile.toml")).unwrap();
    std::os::unix::fs::symlink(home.path().join("dotfile.toml"), &link).unwrap();
    let ended = home.run_aside(&["login", "--application-id", "app", "--secret-file", "right"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(link.is_symlink() && std::fs::read_to_string(home.path().join("dotfile.toml")).unwrap().contains("app"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_nothing_is_asked() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = stranger(&vendor);
    let ended = home.run_aside(&["login"]);
    assert!(ended.code == 2 && ended.stderr.contains("--application-id"), "{ended:?}");
    let ended = home.run_aside(&["login", "--application-id", "app"]);
    assert!(ended.code == 2 && ended.stderr.contains("--secret-file"), "{ended:?}");
}

/// Replaces the platform's keyring tool, which needs a desktop, by a script with the interface of libsecret's
/// `secret-tool`.
const SECRET_TOOL: &str = r#"#!/bin/sh
echo "$@" >> "$HOME/arguments"
verb=$1; shift
for last; do :; done
entry="$HOME/ring-$(echo "$last" | tr / _)"
case $verb in
    store) cat > "$entry" ;;
    lookup) [ -f "$entry" ] && cat "$entry" ;;
    clear) rm "$entry" ;;
esac
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_keeps_the_secret_and_no_argument_shows_it() {
    if cfg!(target_os = "macos") {
        println!("not run: macOS has another tool");
        return;
    }
    let vendor = TestVendor::start(crate::EQP).await;
    let mut home = stranger(&vendor);
    home.write("right", APPLICATION_SECRET);
    let login = ["login", "--application-id", "app", "--keyring", "--secret-file", "right"];
    home.set("PATH", "/nowhere");
    let without = home.run_aside(&login);
    assert!(without.code == 2 && without.stderr.contains("secret-tool is not installed"), "{without:?}");

    let tool = home.write("secret-tool", SECRET_TOOL);
    std::fs::set_permissions(tool, PermissionsExt::from_mode(0o700)).unwrap();
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
    home.set("PATH", path.as_str());
    assert_eq!(home.run_aside(&login).code, 0);
    assert!(!home.path().join(".config/eqp/secrets").exists());

    let mut other = Home::at(crate::EQP, home.path());
    other.set("PATH", path);
    let me = read(&other.run_aside(&["whoami", "--json"]));
    assert_eq!(me["secret_source"], json!("the keyring"));
    assert_eq!(other.run_aside(&["logout"]).code, 0);
    assert!(!home.path().join("ring-production_app").exists());
    let arguments = std::fs::read_to_string(home.path().join("arguments")).unwrap();
    assert!(arguments.contains("lookup") && !arguments.contains(APPLICATION_SECRET), "{arguments}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_shows_the_origin_of_each_value_and_what_can_be_reached() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    vendor.home.write("eqp.toml", "[receiver]\ntls_names = [\"eqp.test\"]\nlisten = \"127.0.0.1:1\"\n");
    vendor.home.set("EQP_LISTEN", "127.0.0.1:2");
    assert_eq!(vendor.home.run_aside(&["migrate"]).code, 0);
    let reported = read(&vendor.home.run_aside(&["doctor", "--json", "--application-id", "app"]));
    let from = |name: &str| {
        let settings = reported["settings"].as_array().unwrap();
        let setting = settings.iter().find(|setting| setting["name"] == json!(name)).unwrap();
        (setting["value"].as_str().unwrap().to_owned(), setting["from"].as_str().unwrap().to_owned())
    };
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(from("marketplace.application_id"), pair("app", "--application-id"));
    assert_eq!(from("marketplace.environment"), pair("production", "EQP_ENVIRONMENT"));
    assert_eq!(from("receiver.listen"), pair("127.0.0.1:2", "EQP_LISTEN"));
    assert_eq!(from("receiver.tls_names"), pair("eqp.test", "eqp.toml"));
    assert_eq!(from("receiver.behind_proxy"), pair("false", "default"));
    assert_eq!(from("application secret"), pair("(set)", "EQP_APPLICATION_SECRET"));
    let checks = reported["checks"].as_array().unwrap();
    // Whether commits are on the disk depends on the Postgres of the tests.
    let checks = checks.iter().filter(|check| check["name"] != "durability");
    let states: Vec<_> = checks.map(|check| format!("{} {}", check["name"], check["state"]).replace('"', "")).collect();
    let expected = [
        "Marketplace fine",
        "clock fine",
        "database fine",
        "privileges fine",
        "registrations absent",
        "deliveries absent",
        "reconciliation absent",
        "public URL absent",
        "versions fine",
        "receiver absent",
        "certificate absent",
        "spool fine",
        "disk fine",
    ];
    assert_eq!(states, expected, "{reported}");

    vendor.home.set("EQP_APPLICATION_SECRET", "wrong");
    let ended = vendor.home.run_aside(&["doctor"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("rejected the access key"), "{}", ended.stdout);
}
