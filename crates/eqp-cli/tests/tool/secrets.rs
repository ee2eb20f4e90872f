//! Tests that secrets are read from the environment, from files with mode 0600 and from standard input, but never from
//! an argument.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use eqp_store::MasterKey;

use eqp_test_support::tool::Home;
use eqp_test_support::vendor::{APPLICATION_SECRET, TestVendor};

#[test]
fn a_password_in_an_argument_is_refused_and_not_repeated() {
    let ended = Home::new(crate::EQP).run(&["events", "list", "--database", "postgres://me:hush@127.0.0.1:1/eqp"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("EQP_DATABASE_URL_FILE") && !ended.stderr.contains("hush"), "{}", ended.stderr);
}

#[test]
fn no_flag_takes_a_secret() {
    for flag in ["--password", "--application-secret"] {
        let ended = Home::new(crate::EQP).run(&["whoami", &format!("{flag}=hush")]);
        assert_eq!(ended.code, 2);
        assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
    }
}

#[test]
fn a_secret_file_that_others_can_read_is_refused() {
    let mut home = Home::new(crate::EQP);
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
    let home = Home::new(crate::EQP);
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
    let mut home = Home::new(crate::EQP);
    let file = home.write("url", "postgres://me:hush@127.0.0.1:1/eqp\n");
    home.set("EQP_DATABASE_URL_FILE", file.display().to_string());
    let ended = home.run(&["events", "list"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
}

/// Creates a file as mounted by Kubernetes: behind two symbolic links, and readable by all users.
fn mount_like_kubernetes(home: &Home, text: &str) -> String {
    let mounted = home.path().join("mounted");
    std::fs::create_dir_all(mounted.join("..2026")).unwrap();
    home.write("mounted/..2026/secret", text);
    std::fs::set_permissions(mounted.join("..2026/secret"), Permissions::from_mode(0o444)).unwrap();
    symlink("..2026", mounted.join("..data")).unwrap();
    symlink("..data/secret", mounted.join("secret")).unwrap();
    mounted.join("secret").display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_on_a_read_only_mount_is_used_whatever_its_mode() {
    let can_mount = Command::new("unshare").args(["-rm", "true"]).output().is_ok_and(|tried| tried.status.success());
    if !can_mount {
        println!("not run: this user may not mount anything");
        return;
    }
    let mut vendor = TestVendor::start(crate::EQP).await;
    let secret = mount_like_kubernetes(&vendor.home, APPLICATION_SECRET);
    vendor.home.set("EQP_APPLICATION_SECRET", "");
    vendor.home.set("EQP_APPLICATION_SECRET_FILE", secret);
    let refused = vendor.home.run_aside(&["whoami"]);
    assert!(refused.code == 2 && refused.stderr.contains("its mode is 0444"), "{refused:?}");

    let key = vendor.home.path().join("mounted/master.key");
    MasterKey::open(&key).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o440)).unwrap();
    vendor.home.set("EQP_MASTER_KEY_FILE", key.display().to_string());
    // There is no database yet: only the key is read.
    vendor.home.set("EQP_DATABASE_URL", "");
    let refused = vendor.home.run_aside(&["callbacks", "plan"]);
    assert!(refused.code == 2 && refused.stderr.contains("its mode is"), "{refused:?}");
    let mount = "cd \"$HOME\" && mount --bind mounted mounted && mount -o remount,bind,ro mounted && exec \"$@\"";
    vendor.home.run_through(&["unshare", "-rm", "sh", "-c", mount, "sh"]);
    assert_eq!(vendor.home.run_aside(&["whoami"]).code, 0);
    let plan = vendor.home.run_aside(&["callbacks", "plan"]);
    assert_eq!(plan.code, 0, "{plan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_of_systemd_is_used_whatever_its_mode() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    let secret = mount_like_kubernetes(&vendor.home, APPLICATION_SECRET);
    vendor.home.set("EQP_APPLICATION_SECRET", "");
    vendor.home.set("EQP_APPLICATION_SECRET_FILE", secret);
    assert_eq!(vendor.home.run_aside(&["whoami"]).code, 2);
    vendor.home.set("CREDENTIALS_DIRECTORY", vendor.home.path().join("mounted").display().to_string());
    assert_eq!(vendor.home.run_aside(&["whoami"]).code, 0);
    vendor.home.set("EQP_APPLICATION_SECRET_FILE", "mounted/secret");
    assert_eq!(vendor.home.run_aside(&["whoami"]).code, 0);
    vendor.home.set("EQP_APPLICATION_SECRET_FILE", "mounted/../ca.pem");
    assert_eq!(vendor.home.run_aside(&["whoami"]).code, 2, "a way out of the folder is not in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_secret_is_what_was_meant() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    vendor.home.set("EQP_APPLICATION_SECRET", "");
    for text in ["\u{feff}SECRET\r\n", "SECRET\n\n\n", "SECRET\r\n\r\n"] {
        let file = vendor.home.write("secret", &text.replace("SECRET", APPLICATION_SECRET));
        vendor.home.set("EQP_APPLICATION_SECRET_FILE", file.display().to_string());
        assert_eq!(vendor.home.run_aside(&["whoami"]).code, 0, "{text:?}");
    }
    for (text, reason) in [("hush\nhush", "several lines"), ("hu\tsh", "control character"), ("\n\n", "empty")] {
        vendor.home.write("secret", text);
        let ended = vendor.home.run_aside(&["whoami"]);
        assert!(
            ended.code == 2 && ended.stderr.contains(reason) && !ended.stderr.contains("hush"),
            "{text:?}: {ended:?}"
        );
    }
    let folder = vendor.home.path().display().to_string();
    for variable in ["EQP_APPLICATION_SECRET_FILE", "EQP_DATABASE_URL_FILE", "EQP_MASTER_KEY_FILE"] {
        let mut home = Home::at(crate::EQP, vendor.home.path());
        home.set("EQP_APPLICATION_ID", "app");
        home.set("EQP_APPLICATION_SECRET", "hush");
        if variable == "EQP_APPLICATION_SECRET_FILE" {
            home.set("EQP_APPLICATION_SECRET", "");
        }
        home.set(variable, folder.as_str());
        let ended = home.run_aside(&["callbacks", "plan"]);
        assert!(ended.code == 2 && ended.stderr.contains("is a folder"), "{variable}: {ended:?}");
    }
    // Environment variables are read by the same rules.
    vendor.home.set("EQP_APPLICATION_SECRET", format!("{APPLICATION_SECRET}\n"));
    assert_eq!(vendor.home.run_aside(&["whoami"]).code, 0);
    vendor.home.set("EQP_APPLICATION_SECRET", "hush\nhush");
    let ended = vendor.home.run_aside(&["whoami"]);
    assert!(ended.code == 2 && ended.stderr.contains("EQP_APPLICATION_SECRET"), "{ended:?}");
}
