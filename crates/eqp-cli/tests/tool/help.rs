//! What a person reads first is a snapshot.

use crate::eqp::Home;

fn help_of(arguments: &[&str]) -> String {
    let ended = Home::new().run(&[arguments, &["--help"]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    ended.stdout
}

#[test]
fn help_of_the_tool() {
    insta::assert_snapshot!(help_of(&[]));
}

#[test]
fn help_of_every_command() {
    // Global options are the same everywhere; the help of the tool shows them.
    let commands: &[&[&str]] = &[
        &["demo"],
        &["serve"],
        &["simulator"],
        &["callbacks"],
        &["callbacks", "list"],
        &["callbacks", "add"],
        &["events"],
        &["events", "list"],
        &["events", "tail"],
        &["events", "show"],
        &["submissions"],
        &["submissions", "list"],
        &["submissions", "show"],
        &["files"],
        &["files", "upload"],
        &["files", "show"],
        &["packages"],
        &["packages", "list"],
        &["packages", "show"],
        &["packages", "create"],
        &["wait"],
        &["whoami"],
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
    ];
    for command in commands {
        let help = help_of(command);
        let (own, rest) = help.split_once("Global options:").unwrap();
        let examples = rest.split_once("\nExamples:").map(|(_, examples)| examples).unwrap_or_default();
        insta::assert_snapshot!(command.join("_"), format!("{own}(global options)\n\nExamples:{examples}"));
    }
}
