//! The JSON of commands and its schemas. The test harness validates the output of every run with `--json`.

use std::collections::BTreeSet;
use std::path::Path;

use eqp_test_support::tool::Home;

/// Commands that print no JSON.
const WITHOUT_JSON: &[&str] = &["completions"];

fn leaves(command: &clap::Command, name: &str, found: &mut BTreeSet<String>) {
    for inner in command.get_subcommands() {
        let name = if name.is_empty() { inner.get_name().to_owned() } else { format!("{name}-{}", inner.get_name()) };
        if inner.has_subcommands() {
            leaves(inner, &name, found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn every_command_has_a_schema_and_every_schema_a_command() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/json");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let schemas: BTreeSet<_> = files.map(|name| name.trim_end_matches(".schema.json").to_owned()).collect();
    let mut expected = BTreeSet::from(["error".to_owned()]);
    leaves(&eqp_cli::definition(), "", &mut expected);
    expected.retain(|name| !WITHOUT_JSON.contains(&name.as_str()));
    assert_eq!(schemas, expected);
}

#[test]
fn commands_that_need_no_setup_print_documented_json() {
    let home = Home::new(crate::EQP);
    for (arguments, field) in [
        (&["packages", "rules"][..], "rules"),
        (&["packages", "rules", "composer-version"], "rule"),
        (&["man", "pages"], "folder"),
        (&["ca", "--dry-run"], "would_create"),
        (&["ca"], "certificate"),
        (&["trigger", "list"], "events"),
        (&["login", "--dry-run"], "would_verify_at"),
        (&["init", "--dry-run"], "would_write"),
        (&["init"], "schema"),
    ] {
        let ended = home.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(printed.get(field).is_some(), "{arguments:?}: {printed}");
    }
    let failed = home.run(&["callbacks", "plan", "--json"]);
    assert!(failed.code != 0 && failed.stderr.starts_with("{\"error\":{\"what\":"), "{failed:?}");
}
