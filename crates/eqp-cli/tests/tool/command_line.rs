//! Tests exit codes, and what is written to standard output and standard error.

use eqp_test_support::tool::Home;

#[test]
fn an_unknown_flag_is_wrong_usage() {
    let ended = Home::new(crate::EQP).run(&["events", "list", "--colour"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("--color"), "{}", ended.stderr);
    assert!(ended.stderr.contains("tip: for example: eqp events list"), "{}", ended.stderr);
}

#[test]
fn a_slip_in_a_filter_is_an_error_that_names_what_was_meant() {
    for (arguments, meant) in [
        (&["events", "list", "--flow", "tecnical"][..], "technical"),
        (&["events", "list", "--status", "rejekted"], "rejected"),
        (&["events", "list", "--disposition", "ambigous"], "ambiguous"),
        (&["events", "tail", "--kind", "submision"], "submission"),
        (&["submissions", "list", "--overall", "in_progres"], "in_progress"),
        (&["submissions", "list", "--marketing", "aproved"], "approved"),
        (&["wait", "s1", "--flow", "marketting"], "marketing"),
        (&["wait", "s1", "--until", "aproved"], "approved"),
        (&["wait", "s1", "--until", "released"], "released_to_store"),
    ] {
        let ended = Home::new(crate::EQP).run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(&format!("'{meant}'")), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_wait_for_a_status_that_its_flow_never_has_is_refused_at_once() {
    let ended = Home::new(crate::EQP).run(&["wait", "s1", "--flow", "technical", "--until", "released_to_store"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    assert!(ended.stderr.contains("it is a status of overall"), "{}", ended.stderr);
}

#[test]
fn a_filter_by_a_status_of_another_flow_is_refused_with_the_statuses_of_this_one() {
    for (arguments, known) in [
        (&["submissions", "list", "--overall", "in_manual_qa"][..], "released_to_store"),
        (&["submissions", "list", "--technical", "in_marketing_review"], "in_manual_qa"),
        (&["packages", "list", "--marketing", "in_manual_qa"], "in_marketing_review"),
        (&["events", "list", "--flow", "technical", "--status", "released_to_store"], "in_manual_qa"),
        (&["events", "tail", "--flow", "malware", "--status", "approved"], "passed"),
    ] {
        let ended = Home::new(crate::EQP).run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(known), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn the_usage_of_a_command_names_nothing_that_the_environment_sets() {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_APPLICATION_ID", "app");
    home.set("EQP_API_URL", "https://127.0.0.1:1");
    let ended = home.run(&["callbacks", "rotate"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("Usage: eqp callbacks rotate [OPTIONS] --name <NAME>"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--api-url") && !ended.stderr.contains("--application-id"), "{}", ended.stderr);
}

#[test]
fn a_flag_that_was_renamed_is_named_with_its_new_name() {
    for (arguments, new) in [
        (&["serve", "--keep", "30d"][..], "'--keep' was renamed to '--retention'"),
        (&["simulator", "--course", "demo"], "'--course' was renamed to '--scenario'"),
        (&["events", "list", "--subject", "s1"], "'--subject' was renamed to '--resource-id'"),
        (&["events", "tail", "--outcome", "approved"], "'--outcome' was renamed to '--status'"),
        (&["events", "list", "--mark", "late"], "'--mark' was renamed to '--disposition'"),
        (&["reproject", "--subject", "s1"], "'--subject' was renamed to '--resource-id'"),
    ] {
        let ended = Home::new(crate::EQP).run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(new) && !ended.stderr.contains("similar"), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn short_help_of_a_command_fits_on_a_screen() {
    for (arguments, lines) in [(&["-h"][..], 58), (&["release", "-h"], 50), (&["callbacks", "add", "-h"], 45)] {
        let ended = Home::new(crate::EQP).run(arguments);
        assert!(ended.code == 0 && ended.stdout.lines().count() <= lines, "{arguments:?}: {}", ended.stdout);
        assert!(ended.stdout.contains("Global options"), "{}", ended.stdout);
    }
}

#[test]
fn a_speed_at_which_nothing_moves_is_wrong_usage() {
    for command in ["demo", "simulator"] {
        for speed in ["0", "NaN", "inf", "fast"] {
            let ended = Home::new(crate::EQP).run(&[command, "--speed", speed]);
            assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{command} {speed}: {ended:?}");
            assert!(ended.stderr.contains("positive number"), "{}", ended.stderr);
        }
    }
}

#[test]
fn what_is_logged_can_be_said_exactly_and_only_so_that_it_can_be_read() {
    let ended = |directives: &str| {
        let mut home = Home::new(crate::EQP);
        home.set("EQP_LOG", directives);
        home.set("EQP_DATABASE_URL", "postgres://nobody@127.0.0.1:1/eqp");
        home.run(&["events", "list"])
    };
    // sqlx reports that there is no password file.
    for (directives, is_told) in
        [("debug", true), ("sqlx_postgres=debug,off", true), ("warn", false), ("eqp_cli=trace,off", false)]
    {
        let stderr = ended(directives).stderr;
        assert_eq!(stderr.contains("DEBUG"), is_told, "{directives}: {stderr}");
    }
    let wrong = ended("eqp_cli=loud");
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""));
    assert!(wrong.stderr.contains("EQP_LOG=eqp_receiver=debug,info"), "{}", wrong.stderr);
}

#[test]
fn completions_know_every_verb() {
    let ended = Home::new(crate::EQP).run(&["completions", "bash"]);
    assert_eq!(ended.code, 0);
    for verb in
        ["serve", "simulator", "callbacks", "submissions", "wait", "keys", "reports", "login", "recall", "doctor"]
    {
        assert!(ended.stdout.contains(verb), "{verb}");
    }
}

#[test]
fn numbers_that_are_none_are_rejected_in_plain_words() {
    for arguments in [
        &["submissions", "unlink", "abc"][..],
        &["deliveries", "show", "abc"],
        &["deliveries", "retry", "abc"],
        &["deliveries", "list", "--event", "abc"],
        &["events", "show", "abc"],
        &["audit", "list", "--before", "abc"],
    ] {
        let ended = Home::new(crate::EQP).run(arguments);
        assert!(ended.code == 2 && ended.stderr.contains("it is not a whole number"), "{ended:?}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new(crate::EQP);
    assert_eq!(home.run(&["man", "pages/man1"]).code, 0);
    for page in ["eqp.1", "eqp-packages-list.1", "eqp-login.1"] {
        let text = std::fs::read_to_string(home.path().join("pages/man1").join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains("Examples:"), "{page}");
    }
}

#[test]
fn who_wants_json_gets_errors_as_json() {
    for (arguments, code) in [(&["events", "list"][..], 4), (&["events", "list", "--colour"], 2), (&["packages"], 2)] {
        let ended = Home::new(crate::EQP).run(&[arguments, &["--json"]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{ended:?}");
        let reported: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap_or_else(|_| panic!("{ended:?}"));
        assert_eq!(reported["error"]["exit_code"], code, "{reported}");
        assert!(!reported["error"]["what"].as_str().unwrap().is_empty(), "{reported}");
    }
}

#[test]
fn without_an_access_key_the_marketplace_is_not_asked() {
    let ended = Home::new(crate::EQP).run(&["whoami"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""));
    insta::assert_snapshot!(ended.stderr, @r"
    error: no application ID is configured for sandbox
      next: create an access key in the developer portal, then run eqp login, or set EQP_APPLICATION_ID and EQP_APPLICATION_SECRET_FILE
    ");
}

#[test]
fn a_marketplace_that_is_not_there_is_code_7() {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_APPLICATION_ID", "app");
    home.set("EQP_APPLICATION_SECRET", "hush");
    home.set("EQP_API_URL", "https://127.0.0.1:1");
    let ended = home.run(&["whoami"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot connect to 127.0.0.1:1"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
}

#[test]
fn nothing_to_wait_with_is_wrong_usage() {
    let ended = Home::new(crate::EQP).run(&["wait", "s5w9k703ru"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("neither a database nor an access key"), "{}", ended.stderr);
}

#[test]
fn reading_before_anything_ran_makes_nothing() {
    let home = Home::new(crate::EQP);
    let ended = home.run(&["events", "list"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains("eqp serve"), "{}", ended.stderr);
    assert!(!home.path().join("data").exists());
}
