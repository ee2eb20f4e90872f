//! `eqp init`: the commented configuration file and its schema.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use eqp_test_support::schemas::violations;
use eqp_test_support::tool::Home;
use serde_json::{Value, json};

use crate::terminal::Terminal;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The file with every setting switched on, as data.
fn switched_on(text: &str) -> Value {
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("#:");
    let lines = text.lines().map(|line| if is_setting(line) { &line[1..] } else { line });
    let table: toml::Table = lines.collect::<Vec<_>>().join("\n").parse().unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn the_file_of_the_user_is_written_and_every_command_reads_it() {
    let home = Home::new(crate::EQP);
    let ended = home.run(&["init"]);
    let (file, schema) = (home.path().join(".config/eqp/eqp.toml"), home.path().join(".config/eqp/eqp.schema.json"));
    assert_eq!((ended.code, ended.stdout.trim(), ended.stderr.as_str()), (0, &*file.to_string_lossy(), ""));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = read(&file);
    assert!(text.starts_with("#:schema eqp.schema.json\n"), "{text}");
    assert!(text.contains("# Default: 127.0.0.1:8443. Variable: EQP_LISTEN. Flag: --listen\n#listen ="), "{text}");

    // As written, it sets nothing.
    let settings = home.run(&["doctor", "--json"]).stdout;
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let of_file = settings["settings"].as_array().unwrap().iter().filter(|one| one["from"] == json!(file));
    assert_eq!(of_file.count(), 0, "{settings}");

    // With a setting switched on, it does.
    home.configure(&text.replace("#listen = \"0.0.0.0:8443\"", "listen = \"127.0.0.1:9443\""));
    let settings: Value = serde_json::from_str(&home.run(&["doctor", "--json"]).stdout).unwrap();
    let listen = settings["settings"].as_array().unwrap().iter().find(|one| one["name"] == "receiver.listen").unwrap();
    assert_eq!((&listen["value"], &listen["from"]), (&json!("127.0.0.1:9443"), &json!(file)));

    let schema: Value = serde_json::from_str(&read(&schema)).unwrap();
    assert_eq!(violations(&schema, &switched_on(&text)), [""; 0]);
    assert_ne!(violations(&schema, &json!({"receiver": {"listne": "a"}})), [""; 0]);
    assert_ne!(violations(&schema, &json!({"profiles": {"live": {"receiver": {"spool_bytes": "1"}}}})), [""; 0]);
}

#[test]
fn an_existing_file_is_only_overwritten_with_force() {
    let home = Home::new(crate::EQP);
    let ours = "[receiver]\nlisten = \"127.0.0.1:1\"\n";
    let file = home.configure(ours);
    let refused = home.run(&["init", "--json"]);
    assert_eq!((refused.code, read(&file).as_str()), (2, ours));
    assert!(refused.stderr.contains("already exists") && refused.stderr.contains("--force"), "{}", refused.stderr);

    let planned = home.json(&["init", "--force", "--dry-run", "--json"]);
    assert_eq!((&planned["would_write"], &planned["overwrites"]), (&json!(file), &json!(true)));
    assert_eq!(read(&file), ours);
    assert!(!file.with_file_name("eqp.schema.json").exists());

    assert_eq!(home.json(&["init", "--force", "--json"])["file"], json!(file));
    assert!(read(&file).starts_with("#:schema "));

    // A schema that somebody has changed is not replaced without being asked to.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(file.with_file_name("eqp.schema.json"), "{}").unwrap();
    assert_eq!(home.run(&["init"]).code, 2);
    assert!(!file.exists());
}

#[test]
fn another_file_is_written_and_how_to_use_it_is_shown() {
    let home = Home::new(crate::EQP);
    let ended = home.run(&["init", "--output", "eqp.toml"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("--config") && ended.stderr.contains("EQP_CONFIG"), "{}", ended.stderr);
    assert!(home.path().join("eqp.schema.json").exists());
    // Without a setting in it, even a file that was only found is accepted.
    assert_eq!(home.run(&["packages", "rules", "--quiet"]).code, 0);

    let named = home.run(&["--config", "named.toml", "init"]);
    assert_eq!(named.code, 0, "{named:?}");
    assert_eq!(read(&home.path().join("named.toml")), read(&home.path().join("eqp.toml")));

    let printed = home.run(&["init", "--output", "-"]);
    assert_eq!((printed.code, printed.stdout), (0, read(&home.path().join("eqp.toml"))));
}

#[test]
fn profiles_are_only_overwritten_once_that_is_confirmed() {
    let home = Home::new(crate::EQP);
    let ours = "[profiles.live.marketplace]\nenvironment = \"production\"\n";
    let file = home.configure(ours);
    let Some(mut terminal) = Terminal::start(&home, &["init", "--force"]) else { return };
    terminal.shows("and the profiles in it? [y/N]");
    terminal.type_keys("n\n");
    let (code, screen) = terminal.end();
    assert_eq!((code, read(&file).as_str()), (1, ours), "{screen}");
}

#[test]
fn only_regular_files_are_overwritten_or_read() {
    let home = Home::new(crate::EQP);
    let pipe = home.path().join("pipe");
    let folder = home.path().join("other");
    std::fs::create_dir(&folder).unwrap();
    for path in [&pipe, &folder.join("eqp.schema.json")] {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    std::fs::create_dir_all(home.path().join("third/eqp.schema.json")).unwrap();
    for output in ["pipe", "other/eqp.toml", "third/eqp.toml", "eqp.schema.json"] {
        for also in [&[][..], &["--dry-run"], &["--force", "--yes"]] {
            let ended = home.run(&[&["init", "--output", output], also].concat());
            assert!(ended.code == 1 || ended.code == 2, "{output} {also:?}: {ended:?}");
        }
    }
    assert!(!std::fs::metadata(&pipe).unwrap().is_file());
    assert!(!folder.join("eqp.toml").exists() && !home.path().join("third/eqp.toml").exists());
}
