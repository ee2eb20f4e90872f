//! Tests `eqp.toml`, environment variables and flags.

use eqp_test_support::tool::Home;

#[test]
fn an_unknown_key_names_the_nearest_and_its_line() {
    let home = Home::new(crate::EQP);
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
        let home = Home::new(crate::EQP);
        home.write("eqp.toml", text);
        let ended = home.run(&["whoami"]);
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains(place), "{}", ended.stderr);
        assert!(ended.stderr.contains("did you mean"), "{}", ended.stderr);
    }
}

#[test]
fn a_value_of_the_wrong_kind_names_its_line() {
    let home = Home::new(crate::EQP);
    home.write("eqp.toml", "[marketplace]\nenvironment = \"moon\"\n");
    let ended = home.run(&["whoami"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("eqp.toml:2") && ended.stderr.contains("`moon`"), "{}", ended.stderr);
}

#[test]
fn flags_beat_the_environment_which_beats_the_profile_which_beats_the_file() {
    let mut home = Home::new(crate::EQP);
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
    let home = Home::new(crate::EQP);
    home.configure("[profiles.live.marketplace]\nenvironment = \"production\"\n");
    let ended = home.run(&["whoami", "--profile", "lively"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("existing profiles: live"), "{}", ended.stderr);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let ended = Home::new(crate::EQP).run(&["whoami", "--config", "other.toml"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("other.toml"), "{}", ended.stderr);
}

#[test]
fn a_certificate_without_its_key_is_refused_before_anything_starts() {
    let home = Home::new(crate::EQP);
    let ended = home.run(&["serve", "--tls-cert", "chain.pem"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--tls-key"), "{}", ended.stderr);
    assert!(!home.path().join("data").exists());
}

#[test]
fn a_file_that_is_not_there_has_the_same_exit_code_everywhere() {
    let mut home = Home::new(crate::EQP);
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
        let mut home = Home::new(crate::EQP);
        home.set("EQP_LISTEN", listen);
        home.set("EQP_OPERATOR_LISTEN", "off");
        for yes in ["yes", "on", "1", "TRUE"] {
            home.set("EQP_BEHIND_PROXY", yes);
            // It fails only at the database, which does not exist.
            home.set("EQP_DATABASE_URL", "postgres://me@127.0.0.1:1/eqp");
            let ended = home.run(&["serve"]);
            assert_eq!(ended.code, 7, "{listen} {yes}: {ended:?}");
        }
    }
    let home = Home::new(crate::EQP);
    for (name, value) in [("--listen", "8443"), ("--listen", "nowhere.invalid:1"), ("--behind-proxy=perhaps", "")] {
        let arguments: Vec<_> = ["serve", name, value].into_iter().filter(|word| !word.is_empty()).collect();
        assert_eq!(home.run(&arguments).code, 2, "{arguments:?}");
    }
}

/// Collects every environment variable that an option reads, and those that are read elsewhere.
fn variables(command: &clap::Command, found: &mut std::collections::BTreeSet<String>) {
    found.extend(command.get_arguments().filter_map(|option| Some(option.get_env()?.to_string_lossy().into_owned())));
    command.get_subcommands().for_each(|verb| variables(verb, found));
}

#[test]
fn an_empty_environment_variable_counts_as_not_set() {
    let mut names = std::collections::BTreeSet::new();
    variables(&eqp_cli::definition(), &mut names);
    assert!(names.contains("EQP_BEHIND_PROXY") && names.contains("EQP_LOG_FORMAT"), "{names:?}");
    names.extend(
        [
            "EQP_APPLICATION_SECRET",
            "EQP_APPLICATION_SECRET_FILE",
            "EQP_CALLBACK_PASSWORD",
            "EQP_CALLBACK_PASSWORD_FILE",
            "EQP_DATABASE_URL",
            "EQP_DATABASE_URL_FILE",
            "EQP_LOG",
            "EQP_MASTER_KEY_FILE",
            "EQP_POSTGRES_BIN",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
        ]
        .map(str::to_owned),
    );
    let (mut empty, plain) = (Home::new(crate::EQP), Home::new(crate::EQP));
    for name in &names {
        empty.set(name, "");
    }
    for arguments in [
        &["doctor", "--json", "--listen", "127.0.0.1:1", "--data-dir", "data"][..],
        &["spool", "show", "--data-dir", "data"],
        &["packages", "list", "--data-dir", "data"],
        &["ca", "--data-dir", "data"],
        &["serve", "--listen", "127.0.0.1:99999", "--data-dir", "data"],
    ] {
        let (with, without) = (empty.run(arguments), plain.run(arguments));
        let same_home = |text: &str, home: &Home| text.replace(&home.path().display().to_string(), "HOME");
        assert_eq!(with.code, without.code, "{arguments:?}: {with:?} {without:?}");
        assert_eq!(same_home(&with.stderr, &empty), same_home(&without.stderr, &plain), "{arguments:?}");
        if !arguments.contains(&"ca") {
            assert_eq!(same_home(&with.stdout, &empty), same_home(&without.stdout, &plain), "{arguments:?}");
        }
    }
}

#[test]
fn a_number_of_the_command_line_is_named_in_plain_words() {
    let home = Home::new(crate::EQP);
    for (arguments, words) in [
        (&["serve", "--spool-bytes", "256MB"][..], "is not a number of bytes"),
        (&["events", "list", "--limit", "many"], "is not a whole number"),
        (&["events", "list", "--limit", "0"], "is not between 1 and 10000"),
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(words) && !ended.stderr.contains("invalid digit"), "{ended:?}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_named_in_the_words_of_the_format() {
    for (text, words) in [
        (
            "[receiver]\nspool_bytes = {}\n",
            "eqp.toml:2: `receiver.spool_bytes`: expected a whole number that is not negative, found a table",
        ),
        (
            "[receiver]\nspool_bytes = -5\n",
            "eqp.toml:2: `receiver.spool_bytes`: expected a whole number that is not negative, found -5",
        ),
        (
            "[receiver]\ntls_names = \"eqp.test\"\n",
            "eqp.toml:2: `receiver.tls_names`: expected an array, found a string",
        ),
        ("[receiver]\nlisten = 8443\n", "eqp.toml:2: `receiver.listen`: expected a string, found 8443"),
        (
            "[receiver]\nbehind_proxy = \"yes\"\n",
            "eqp.toml:2: `receiver.behind_proxy`: expected true or false, found a string",
        ),
        ("database = \"postgres://eqp:hush@db/eqp\"\n", "eqp.toml:1: `database`: expected a table, found a string"),
        ("database = [\"postgres://eqp:hush@db/eqp\"]\n", "eqp.toml:1: `database`: expected a table, found an array"),
        ("profiles = 7\n", "eqp.toml:1: `profiles`: expected a table, found 7"),
        ("[profiles]\nlive = []\n", "eqp.toml:2: `profiles.live`: expected a table, found an array"),
    ] {
        let home = Home::new(crate::EQP);
        home.configure(text);
        let ended = home.run(&["whoami"]);
        assert_eq!(ended.code, 2, "{text}: {ended:?}");
        assert!(ended.stderr.contains(words) && !ended.stderr.contains("hush"), "{text}: {}", ended.stderr);
    }
    let home = Home::new(crate::EQP);
    for (file, text, words) in [
        ("a.toml", "[package]\ncategories = 7\n", "expected an array, found 7"),
        ("a.toml", "[package]\npricing_model = [\"one-time\", 1]\n", "expected a table, found an array"),
        ("a.toml", "[package]\nlaunch_on_approval = \"yes\"\n", "expected true or false, found the string \"yes\""),
        ("a.toml", "[package]\nversion = {}\n", "expected a string, found a table"),
        ("a.json", "{\"package\": {\"pricing_model\": 7}}", "expected an object, found 7"),
        ("a.json", "{\"package\": {\"version\": {}}}", "expected a string, found an object"),
    ] {
        home.write(file, text);
        let ended = home.run(&["packages", "create", file, "--dry-run"]);
        assert_eq!(ended.code, 2, "{text}: {ended:?}");
        assert!(ended.stderr.contains(words), "{text}: {}", ended.stderr);
    }
}
