//! Tests concurrent first starts, and interrupted ones.

use std::fs;
use std::process::Command;

use eqp_test_support::tool::Home;

#[test]
fn commands_that_start_together_make_one_ca_and_one_simulator_key() {
    for _ in 0..5 {
        let home = Home::new(crate::EQP);
        let running: Vec<_> = (0..4).map(|_| home.start(&["ca"])).collect();
        let certificates: std::collections::BTreeSet<String> = running
            .into_iter()
            .map(|running| {
                let ended = running.end();
                assert_eq!(ended.code, 0, "{ended:?}");
                ended.stdout
            })
            .collect();
        assert_eq!(certificates.len(), 1);
    }
}

#[test]
fn a_ca_that_was_half_made_is_made_whole() {
    let home = Home::new(crate::EQP);
    let first = home.run(&["ca"]).stdout;
    fs::remove_file(home.path().join("data/tls/local-ca.key")).unwrap();
    let second = home.run(&["ca"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert_ne!(first, second.stdout, "a certificate without its key is of no use");
    assert_eq!(home.run(&["ca"]).stdout, second.stdout);
}

/// Runs the script in a copy of the compose file's folder, and returns password and URL.
fn make_secrets(folder: &std::path::Path) -> (String, String) {
    let script = folder.join("make-secrets");
    let runs: Vec<_> = (0..4).map(|_| Command::new("sh").arg(&script).output()).map(Result::unwrap).collect();
    for run in runs {
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let read = |name: &str| fs::read_to_string(folder.join("secrets").join(name)).unwrap();
    (read("postgres_password"), read("database_url"))
}

#[test]
fn the_secrets_of_the_compose_file_are_whole_however_often_and_wherever_their_script_was_cut_off() {
    let home = Home::new(crate::EQP);
    let folder = home.path();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docker/make-secrets");
    fs::copy(script, folder.join("make-secrets")).unwrap();
    if !Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n") {
        println!("did not run: it gives a file to another user, which only root may do");
        return;
    }
    let (password, url) = make_secrets(folder);
    assert_eq!(password.len(), 64);
    assert_eq!(url, format!("postgres://eqp:{password}@postgres:5432/eqp"));
    // A password without its URL, and one that is empty.
    fs::remove_file(folder.join("secrets/database_url")).unwrap();
    assert_eq!(make_secrets(folder), (password.clone(), url));
    fs::write(folder.join("secrets/postgres_password"), "").unwrap();
    fs::remove_file(folder.join("secrets/database_url")).unwrap();
    let (other, url) = make_secrets(folder);
    assert!(other.len() == 64 && other != password && url.contains(&other));
    assert_eq!(fs::read_dir(folder.join("secrets")).unwrap().count(), 2, "no draft is left");

    // Does not write through a symbolic link.
    let elsewhere = Home::new(crate::EQP);
    fs::remove_dir_all(folder.join("secrets")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.join("secrets")).unwrap();
    let refused = Command::new("sh").arg(folder.join("make-secrets")).output().unwrap();
    assert!(!refused.status.success());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_data_folder_of_somebody_else_is_refused() {
    let mut home = Home::new(crate::EQP);
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    if std::os::unix::fs::chown(&data, Some(12345), None).is_err() {
        println!("did not run: only root can give a folder away");
        return;
    }
    home.run_through(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    let ended = home.run(&["ca"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("belongs to another user"), "{ended:?}");
}
