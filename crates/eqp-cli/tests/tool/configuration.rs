//! `eqp.toml`, the environment, flags.

use crate::eqp::Home;

#[test]
fn an_unknown_key_names_the_nearest_and_its_line() {
    let home = Home::new();
    home.write("eqp.toml", "# ours\n\n[marketplace]\nenviroment = \"sandbox\"\n");
    let ended = home.run(&["whoami"]);
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(ended.stderr, @r"
    error: eqp.toml:4: unknown key `marketplace.enviroment`
      next: did you mean `marketplace.environment`?
    ");
}

#[test]
fn an_unknown_key_in_a_profile_or_at_the_top_is_found_too() {
    for (text, place) in [
        (
            "[profiles.test.receiver]\nlisten_on = \"127.0.0.1:1\"\n",
            "eqp.toml:2: unknown key `profiles.test.receiver.listen_on`",
        ),
        ("[databse]\nurl = \"postgres:///eqp\"\n", "eqp.toml:1: unknown key `databse`"),
    ] {
        let home = Home::new();
        home.write("eqp.toml", text);
        let ended = home.run(&["whoami"]);
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains(place), "{}", ended.stderr);
        assert!(ended.stderr.contains("did you mean"), "{}", ended.stderr);
    }
}

#[test]
fn a_value_of_the_wrong_kind_names_its_line() {
    let home = Home::new();
    home.write("eqp.toml", "[marketplace]\nenvironment = \"moon\"\n");
    let ended = home.run(&["whoami"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("eqp.toml:2") && ended.stderr.contains("`moon`"), "{}", ended.stderr);
}

#[test]
fn flags_beat_the_environment_which_beats_the_profile_which_beats_the_file() {
    let mut home = Home::new();
    home.configure(
        "[marketplace]\nca_file = \"of-file.pem\"\n[profiles.test.marketplace]\nca_file = \"of-profile.pem\"\n",
    );
    let is_read = |home: &Home, arguments: &[&str], file: &str| {
        let ended = home.run(&[&["whoami"], arguments].concat());
        assert_eq!(ended.code, 2);
        assert!(
            ended.stderr.contains("cannot read the certificate ") && ended.stderr.contains(file),
            "{}",
            ended.stderr
        );
    };
    is_read(&home, &[], "of-file.pem");
    is_read(&home, &["--profile", "test"], "of-profile.pem");
    home.set("EQP_CA_FILE", "of-environment.pem");
    is_read(&home, &["--profile", "test"], "of-environment.pem");
    is_read(&home, &["--profile", "test", "--ca-file", "of-flag.pem"], "of-flag.pem");
}

#[test]
fn a_profile_that_is_not_there_is_refused() {
    let home = Home::new();
    home.configure("[profiles.live.marketplace]\nenvironment = \"production\"\n");
    let ended = home.run(&["whoami", "--profile", "lively"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("it has live"), "{}", ended.stderr);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let ended = Home::new().run(&["whoami", "--config", "other.toml"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("other.toml"), "{}", ended.stderr);
}

#[test]
fn a_certificate_without_its_key_is_refused_before_anything_starts() {
    let home = Home::new();
    let ended = home.run(&["serve", "--tls-cert", "chain.pem"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--tls-key"), "{}", ended.stderr);
    assert!(!home.path().join("data").exists());
}

#[test]
fn a_file_that_is_not_there_has_the_same_exit_code_everywhere() {
    let mut home = Home::new();
    home.set("EQP_APPLICATION_ID", "app");
    home.set("EQP_APPLICATION_SECRET", "hush");
    home.write("new.toml", "[package]\nitem_id = \"a\"\ntype = \"extension\"\nname = \"a\"\n");
    let add = ["callbacks", "add", "--name", "a", "--url", "https://eqp.example.com/a"];
    let adopt = ["callbacks", "adopt", "--name", "a", "--url", "https://eqp.example.com/a"];
    for arguments in [
        &["whoami", "--config", "none"][..],
        &["whoami", "--ca-file", "none"],
        &["login", "--application-id", "app", "--secret-file", "none"],
        &["files", "upload", "none.zip"],
        &["packages", "create", "none.toml"],
        &["packages", "update", "none.toml"],
        &["packages", "recall", "none.toml"],
        &["packages", "check", "none.zip", "--skip-programs"],
        &["packages", "init", "none.zip"],
        &["release", "none.zip", "--manifest", "new.toml"],
        &["release", "none.zip", "--manifest", "new.toml", "--skip-check"],
        &["release", "--manifest", "none.toml"],
        &["trigger", "--data", "none.json", "--to", "https://127.0.0.1:1/"],
        &["serve", "--tls-cert", "none.pem", "--tls-key", "none.pem", "--listen", "127.0.0.1:0"],
        &[&add[..], &["--password-of", "https://other.example.com/a=none"]].concat(),
        &[&adopt[..], &["--password-file", "none"]].concat(),
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("none"), "{arguments:?}: {ended:?}");
    }
    for variable in ["EQP_APPLICATION_SECRET", "EQP_DATABASE_URL"] {
        home.set(variable, "");
        home.set(&format!("{variable}_FILE"), "none");
        assert_eq!(home.run(&["callbacks", "plan"]).code, 2, "{variable}");
    }
}

#[test]
fn addresses_and_yes_are_written_as_people_write_them() {
    for listen in ["localhost:0", ":0", "127.0.0.1:0"] {
        let mut home = Home::new();
        home.set("EQP_LISTEN", listen);
        home.set("EQP_OPERATOR_LISTEN", "off");
        for yes in ["yes", "on", "1", "TRUE"] {
            home.set("EQP_BEHIND_PROXY", yes);
            // It gets as far as its database, which is not there.
            home.set("EQP_DATABASE_URL", "postgres://me@127.0.0.1:1/eqp");
            let ended = home.run(&["serve"]);
            assert_eq!(ended.code, 7, "{listen} {yes}: {ended:?}");
        }
    }
    let home = Home::new();
    for (name, value) in [("--listen", "8443"), ("--listen", "nowhere.invalid:1"), ("--behind-proxy=perhaps", "")] {
        let arguments: Vec<_> = ["serve", name, value].into_iter().filter(|word| !word.is_empty()).collect();
        assert_eq!(home.run(&arguments).code, 2, "{arguments:?}");
    }
}
