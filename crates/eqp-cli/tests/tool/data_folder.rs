//! Tests the data folder and the Postgres in it.

use eqp_test_support::tool::Home;

#[test]
fn a_folder_with_other_things_in_it_is_refused_and_left_alone() {
    let home = Home::new(crate::EQP);
    let folder = home.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    home.write("data/thesis.tex", "");
    let ended = home.run(&["serve"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("thesis.tex") && ended.stderr.contains("--data-dir"), "{}", ended.stderr);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn postgres_programs_that_are_not_there_are_named() {
    let mut home = Home::new(crate::EQP);
    std::fs::create_dir(home.path().join("bin")).unwrap();
    home.set("EQP_POSTGRES_BIN", home.path().join("bin").display().to_string());
    home.set("PATH", "");
    let ended = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(ended.stderr.contains("EQP_POSTGRES_BIN") && ended.stderr.contains("EQP_DATABASE_URL"), "{}", ended.stderr);
}

#[test]
fn without_a_database_there_is_one_in_the_data_folder() {
    let home = Home::new(crate::EQP);
    let mut serve = home.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let said = serve.json_line();
    assert!(said["listening"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{said}");
    // A second one joins the same Postgres.
    let events = home.json(&["events", "list", "--json"]);
    assert_eq!(events["events"], serde_json::json!([]));
    let migrated = home.json(&["migrate", "--json"]);
    assert_eq!(migrated["applied"], serde_json::json!([]));

    serve.terminate();
    let ended = serve.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("stopped"), "{}", ended.stderr);
    // Stored data can be read while no receiver is running.
    assert_eq!(home.run(&["submissions", "list", "--json"]).code, 0);
}

#[test]
fn the_local_ca_is_printed_for_whoever_has_to_trust_it() {
    let home = Home::new(crate::EQP);
    let printed = home.run(&["ca"]).stdout;
    assert!(printed.starts_with("-----BEGIN CERTIFICATE-----"), "{printed}");
    assert_eq!(home.run(&["serve", "--export-ca"]).stdout, printed);
    let path = home.run(&["ca", "--path"]).stdout;
    assert_eq!(std::fs::read_to_string(path.trim_end()).unwrap(), printed);
}
