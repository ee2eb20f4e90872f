//! Tests that a checkout decides neither which configuration is used nor where a secret is sent.

use serde_json::{Value, json};

use eqp_test_support::tool::{Ended, Home, NOWHERE};
use eqp_test_support::vendor::{APPLICATION_SECRET, TestVendor};

fn read(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Returns a home with the URL of the Marketplace, and with the secret in a file.
fn newcomer(vendor: &TestVendor) -> Home {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_API_URL", vendor.simulator.base_url());
    home.set("EQP_CA_FILE", home.write("ca.pem", vendor.simulator.ca_pem()).display().to_string());
    home.write("secret", APPLICATION_SECRET);
    home
}

fn login(home: &Home, arguments: &[&str]) -> Value {
    let login = ["login", "--application-id", "app", "--secret-file", "secret", "--json"];
    read(&home.run_aside(&[&login[..], arguments].concat()))
}

#[test]
fn a_file_in_the_current_folder_that_is_too_large_is_refused_at_once() {
    let home = Home::new(crate::EQP);
    home.write("eqp.toml", &"#".repeat((1 << 20) + 1));
    let ended = home.run(&["doctor", "--quiet"]);
    assert!(ended.code == 2 && ended.stderr.contains("larger than 1 MiB"), "{ended:?}");
}

#[test]
fn a_file_in_the_current_folder_may_not_decide_where_credentials_and_data_go() {
    for (text, name) in [
        ("[marketplace]\napi_url = \"https://evil.example\"\n", "marketplace.api_url"),
        ("[marketplace]\nca_file = \"evil.pem\"\n", "marketplace.ca_file"),
        ("[marketplace]\nenvironment = \"production\"\n", "marketplace.environment"),
        ("[marketplace]\napplication_id = \"app\"\n", "marketplace.application_id"),
        ("[marketplace]\napplication_secret_file = \"/etc/passwd\"\n", "marketplace.application_secret_file"),
        ("[marketplace]\napplication_secret_keyring = true\n", "marketplace.application_secret_keyring"),
        ("[marketplace]\nverified_api_url = \"https://evil.example\"\n", "marketplace.verified_api_url"),
        ("[database]\nurl = \"postgres://evil.example/eqp\"\n", "database.url"),
        ("[database]\nurl_file = \"/etc/passwd\"\n", "database.url_file"),
        ("[data]\ndir = \".\"\n", "data.dir"),
        ("[data]\nmaster_key_file = \"key\"\n", "data.master_key_file"),
        ("[receiver]\nbehind_proxy = true\n", "receiver.behind_proxy"),
        ("[receiver]\ntls_key = \"/etc/ssl/private/key.pem\"\n", "receiver.tls_key"),
        ("[receiver]\nspool_dir = \"/\"\n", "receiver.spool_dir"),
        ("[receiver]\nlisten = \"127.0.0.1:1\"\nretention = \"1d\"\n", "receiver.retention"),
        ("profile = \"live\"\n", "profile"),
        ("[profiles.live.receiver]\nlisten = \"127.0.0.1:1\"\n", "profiles.live"),
    ] {
        let mut home = Home::new(crate::EQP);
        home.set("EQP_APPLICATION_ID", "app");
        home.set("EQP_APPLICATION_SECRET", "hush");
        home.write("eqp.toml", text);
        for arguments in [&["whoami"][..], &["doctor", "--quiet"], &["login"], &["serve"], &["events", "list"]] {
            let ended = home.run(arguments);
            assert_eq!(ended.code, 2, "{text}: {arguments:?}: {ended:?}");
            assert!(ended.stderr.contains(&format!("`{name}` cannot be set")), "{text}: {}", ended.stderr);
            assert!(ended.stderr.contains("--config eqp.toml"), "{}", ended.stderr);
        }
        assert!(!home.path().join("data").exists() && !home.path().join(".config").exists());
    }
}

#[test]
fn a_file_in_the_current_folder_is_reported_whenever_it_is_used() {
    let home = Home::new(crate::EQP);
    home.write("eqp.toml", "[receiver]\ntls_names = [\"eqp.test\"]\nlisten = \"127.0.0.1:1\"\n");
    for arguments in [&["doctor"][..], &["doctor", "--quiet"], &["doctor", "--json"]] {
        let ended = home.run(arguments);
        let reported = "using eqp.toml of the current folder: receiver.listen, receiver.tls_names\n";
        assert!(ended.code == 0 && ended.stderr.starts_with(reported), "{ended:?}");
        assert!(ended.stdout.contains("127.0.0.1:1"), "{ended:?}");
    }
    let named = home.run(&["doctor", "--config", "eqp.toml"]);
    assert!(named.code == 0 && !named.stderr.contains("using "), "{named:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_current_folder_neither_hides_nor_changes_the_users_own() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = newcomer(&vendor);
    let text = "[receiver]\nlisten = \"127.0.0.1:1\"\n";
    let here = home.write("eqp.toml", text);
    login(&home, &["--environment", "production"]);
    assert_eq!(std::fs::read_to_string(here).unwrap(), text, "login writes nothing into it");
    assert_eq!(read(&home.run_aside(&["whoami", "--json"]))["profile"], json!("production"));
    // In its own folder, the user's file is trusted.
    let inside = home.run_aside(&["whoami", "--config", ".config/eqp/eqp.toml"]);
    assert_eq!(inside.code, 0, "{inside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_secret_is_only_sent_to_the_api_that_accepted_it() {
    let vendor = TestVendor::start(crate::EQP).await;
    let other = TestVendor::start(crate::EQP).await;
    let home = newcomer(&vendor);
    login(&home, &["--environment", "production"]);
    let mut plain = Home::at(crate::EQP, home.path());
    assert_eq!(plain.run_aside(&["whoami"]).code, 0);

    let refused = plain.run_aside(&["whoami", "--api-url", other.simulator.base_url()]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("is for another API") && refused.stderr.contains("eqp login"), "{refused:?}");
    plain.set("EQP_API_URL", other.simulator.base_url());
    assert_eq!(plain.run_aside(&["packages", "list"]).code, 3);

    // The user edits the file manually.
    let plain = Home::at(crate::EQP, home.path());
    let file = home.path().join(".config/eqp/eqp.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replacen(
        &format!("\napi_url = \"{}/\"", vendor.simulator.base_url().trim_end_matches('/')),
        &format!("\napi_url = \"{}\"", other.simulator.base_url()),
        1,
    );
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    let refused = plain.run_aside(&["whoami"]);
    assert!(refused.code == 3 && refused.stderr.contains("is for another API"), "{refused:?}");
    // The key in the environment is sent to the API in the environment.
    let mut given = Home::at(crate::EQP, home.path());
    given.set("EQP_APPLICATION_SECRET", APPLICATION_SECRET);
    given.set("EQP_API_URL", vendor.simulator.base_url());
    assert_eq!(given.run_aside(&["whoami"]).code, 0);
}

#[test]
fn a_secret_that_a_file_names_goes_where_the_same_file_says() {
    for (text, arguments) in [
        ("environment = \"sandbox\"\n", &["--environment", "production"][..]),
        ("environment = \"sandbox\"\n", &["--api-url", "https://127.0.0.1:1"]),
        ("", &["--api-url", "https://127.0.0.1:1"]),
        ("api_url = \"https://127.0.0.1:2\"\n", &["--api-url", "https://127.0.0.1:1"]),
    ] {
        let home = Home::new(crate::EQP);
        let secret = home.write("secret", "hush");
        let secret = secret.display();
        home.configure(&format!(
            "[marketplace]\napplication_id = \"app\"\napplication_secret_file = \"{secret}\"\n{text}"
        ));
        let ended = home.run(&[&["whoami"], arguments].concat());
        assert!(ended.code == 3 && ended.stderr.contains("is for another API"), "{text}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_selects_its_profile_and_never_the_key_of_another() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = newcomer(&vendor);
    let first = login(&home, &["--environment", "production"]);
    assert_eq!(first["is_default"], json!(true));
    let reported =
        home.run_aside(&["login", "--application-id", "app", "--secret-file", "secret", "--environment", "sandbox"]);
    assert!(reported.code == 0 && !reported.stdout.contains("default profile"), "{reported:?}");

    let plain = Home::at(crate::EQP, home.path());
    let used = |arguments: &[&str]| {
        let me = read(&plain.run_aside(&[&["whoami", "--json"], arguments].concat()));
        (me["profile"].as_str().unwrap().to_owned(), me["environment"].as_str().unwrap().to_owned())
    };
    let pair = |one: &str, two: &str| (one.to_owned(), two.to_owned());
    assert_eq!(used(&[]), pair("production", "production"));
    assert_eq!(used(&["--environment", "sandbox"]), pair("sandbox", "sandbox"));
    assert_eq!(used(&["--environment", "production"]), pair("production", "production"));
    assert_eq!(used(&["--profile", "sandbox"]), pair("sandbox", "sandbox"));

    let contradiction = plain.run_aside(&["whoami", "--profile", "production", "--environment", "sandbox"]);
    assert!(contradiction.code == 2 && contradiction.stderr.contains("is for production"), "{contradiction:?}");
    login(&home, &["--environment", "sandbox", "--profile", "second"]);
    let ambiguous = plain.run_aside(&["whoami", "--environment", "sandbox"]);
    assert!(ambiguous.code == 2 && ambiguous.stderr.contains("sandbox, second"), "{ambiguous:?}");
    assert_eq!(plain.run_aside(&["logout", "--profile", "production"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_profile_of_the_environment_no_other_key_is_used() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = newcomer(&vendor);
    let reported =
        home.run_aside(&["login", "--application-id", "app", "--secret-file", "secret", "--environment", "production"]);
    assert!(reported.stdout.contains("without --profile and --environment, commands use production"), "{reported:?}");
    let plain = Home::at(crate::EQP, home.path());
    let ended = plain.run_aside(&["whoami", "--environment", "sandbox"]);
    assert!(ended.code == 3 && ended.stderr.contains("no application ID is configured for sandbox"), "{ended:?}");
    let doctor = read(&plain.run_aside(&["doctor", "--json", "--listen", NOWHERE]));
    let settings = doctor["settings"].as_array().unwrap();
    let environment = settings.iter().find(|one| one["name"] == json!("marketplace.environment")).unwrap();
    assert_eq!(environment["value"], json!("production"));
    assert!(environment["from"].as_str().unwrap().starts_with("profile production of "), "{environment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_after_a_rehearsal_sends_no_key_to_the_simulator_that_only_the_profile_names() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = newcomer(&vendor);
    login(&home, &["--environment", "production"]);
    // The simulator has stopped, and another program uses its port.
    let left = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    left.set_nonblocking(true).unwrap();
    let url = format!("https://{}", left.local_addr().unwrap());
    let file = home.path().join(".config/eqp/eqp.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    home.configure(&text.replace(vendor.simulator.base_url().trim_end_matches('/'), &url));

    let plain = Home::at(crate::EQP, home.path());
    let again = ["login", "--environment", "production", "--application-id", "app", "--secret-file", "secret"];
    for quiet in [&[][..], &["--quiet"]] {
        let refused = plain.run_aside(&[&again[..], quiet].concat());
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(&url), "{refused:?}");
        assert!(refused.stderr.contains("eqp logout --profile production"), "{refused:?}");
    }
    assert!(left.accept().is_err(), "nothing was sent there");
    // Passing the URL on the command line, or --yes, counts as consent.
    let base_url = vendor.simulator.base_url();
    assert_eq!(plain.run_aside(&[&again[..], &["--api-url", base_url]].concat()).code, 0);
    assert_eq!(plain.run_aside(&[&again[..], &["--yes"]].concat()).code, 0);
    // The remedy in the error removes the URL.
    assert_eq!(plain.run_aside(&["logout", "--profile", "production"]).code, 0);
    let doctor = read(&plain.run_aside(&["doctor", "--json", "--listen", NOWHERE]));
    assert!(!doctor.to_string().contains(base_url), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_offer_the_values_of_flags_and_the_profiles_that_there_are() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = newcomer(&vendor);
    login(&home, &["--environment", "production", "--profile", "acme-live"]);
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run_aside(&["completions", shell]).stdout;
        for value in ["acme-live", "production", "sandbox", "technical", "malware", "undecodable"] {
            assert!(script.contains(value), "{shell}: {value}");
        }
    }
}
