//! Snapshots of all help texts.

use eqp_test_support::tool::Home;

fn help_of(arguments: &[&str]) -> String {
    let ended = Home::new(crate::EQP).run(&[arguments, &["--help"]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    ended.stdout
}

#[test]
fn help_of_the_tool() {
    insta::assert_snapshot!(help_of(&[]));
}

#[test]
#[allow(clippy::too_many_lines, reason = "one line for each command")]
fn help_of_every_command() {
    // Global options are the same everywhere; the help of the tool shows them.
    let commands: &[&[&str]] = &[
        &["status"],
        &["find"],
        &["demo"],
        &["serve"],
        &["simulator"],
        &["trigger"],
        &["accounts"],
        &["accounts", "add"],
        &["accounts", "list"],
        &["products", "list"],
        &["accounts", "remove"],
        &["callbacks"],
        &["callbacks", "list"],
        &["callbacks", "plan"],
        &["callbacks", "add"],
        &["callbacks", "adopt"],
        &["callbacks", "rotate"],
        &["callbacks", "retire"],
        &["callbacks", "remove"],
        &["callbacks", "forget"],
        &["alerts"],
        &["alerts", "list"],
        &["alerts", "show"],
        &["alerts", "ack"],
        &["alerts", "snooze"],
        &["alerts", "note"],
        &["alerts", "resolve"],
        &["events"],
        &["events", "list"],
        &["events", "tail"],
        &["events", "show"],
        &["events", "replay"],
        &["replays"],
        &["replays", "list"],
        &["replays", "show"],
        &["replays", "cancel"],
        &["deliveries"],
        &["deliveries", "list"],
        &["deliveries", "retry"],
        &["deliveries", "discard"],
        &["submissions"],
        &["submissions", "list"],
        &["submissions", "show"],
        &["submissions", "letter"],
        &["submissions", "link"],
        &["submissions", "links"],
        &["submissions", "unlink"],
        &["files"],
        &["files", "list"],
        &["files", "show"],
        &["files", "upload"],
        &["files", "delete"],
        &["packages"],
        &["packages", "list"],
        &["packages", "show"],
        &["packages", "explain"],
        &["packages", "report"],
        &["packages", "create"],
        &["packages", "update"],
        &["packages", "recall"],
        &["packages", "build"],
        &["packages", "check"],
        &["packages", "init"],
        &["packages", "published"],
        &["packages", "recertify"],
        &["packages", "rules"],
        &["listings"],
        &["listings", "pull"],
        &["listings", "diff"],
        &["listings", "push"],
        &["listings", "due"],
        &["tools"],
        &["tools", "install"],
        &["tools", "list"],
        &["keys"],
        &["keys", "list"],
        &["keys", "create"],
        &["keys", "enable"],
        &["keys", "disable"],
        &["keys", "delete"],
        &["reconcile"],
        &["reports"],
        &["reports", "pageviews"],
        &["reports", "totals"],
        &["reports", "sales"],
        &["reports", "refunds"],
        &["reports", "metrics"],
        &["release"],
        &["wait"],
        &["init"],
        &["login"],
        &["logout"],
        &["whoami"],
        &["doctor"],
        &["migrate"],
        &["spool"],
        &["spool", "show"],
        &["spool", "drain"],
        &["spool", "export"],
        &["spool", "set-aside"],
        &["reproject"],
        &["retention"],
        &["ca"],
        &["completions"],
        &["man"],
    ];
    for command in commands {
        let help = help_of(command);
        let (own, rest) = help.split_once("Global options:").unwrap();
        let examples = rest.split_once("\nExamples:").map(|(_, examples)| examples).unwrap_or_default();
        assert!(!examples.trim().is_empty(), "{command:?} has no examples");
        insta::assert_snapshot!(command.join("_"), format!("{own}(global options)\n\nExamples:{examples}"));
    }
}
