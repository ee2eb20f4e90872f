//! Secrets come from the environment, files of mode 0600 and standard input; never from an argument.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::eqp::Home;

#[test]
fn a_password_in_an_argument_is_refused_and_not_repeated() {
    let ended = Home::new().run(&["events", "list", "--database", "postgres://me:hush@127.0.0.1:1/eqp"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("EQP_DATABASE_URL_FILE") && !ended.stderr.contains("hush"), "{}", ended.stderr);
}

#[test]
fn no_flag_takes_a_secret() {
    for flag in ["--password", "--application-secret"] {
        let ended = Home::new().run(&["whoami", &format!("{flag}=hush")]);
        assert_eq!(ended.code, 2);
        assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
    }
}

#[test]
fn a_secret_file_that_others_can_read_is_refused() {
    let mut home = Home::new();
    let file = home.write("secret", "hush\n");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    home.set("EQP_APPLICATION_ID", "app");
    home.set("EQP_APPLICATION_SECRET_FILE", file.display().to_string());
    let ended = home.run(&["whoami"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("chmod 600") && !ended.stderr.contains("hush"), "{}", ended.stderr);
}

#[test]
fn a_configuration_file_with_a_password_must_be_its_owners_alone() {
    let home = Home::new();
    let file = home.write("eqp.toml", "[database]\nurl = \"postgres://me:hush@127.0.0.1:1/eqp\"\n");
    let list = ["events", "list", "--config", "eqp.toml"];
    assert_eq!(home.run(&list).code, 7);
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let ended = home.run(&list);
    assert_eq!(ended.code, 2);
    assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
}

#[test]
fn the_database_is_named_by_a_file() {
    let mut home = Home::new();
    let file = home.write("url", "postgres://me:hush@127.0.0.1:1/eqp\n");
    home.set("EQP_DATABASE_URL_FILE", file.display().to_string());
    let ended = home.run(&["events", "list"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
}
