//! Builds the Debian package and installs it in an empty root.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::setup::{Ended, Workplace, installed, root, script};

fn build(place: &Workplace) -> Option<String> {
    if installed("dpkg-deb").is_none() {
        println!("not run: there is no dpkg-deb");
        return None;
    }
    let ended = place.run(&[&script("debian/build.sh"), "eqp", "amd64", "dist"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    Some(format!("dist/eqp_{}_amd64.deb", place.version().replace('-', "~")))
}

#[test]
fn the_package_contains_the_program_with_its_service_and_pages() {
    let mut place = Workplace::new();
    place.set("MAINTAINER", "Acme <acme@example.com>");
    place.set("SOURCE_DATE_EPOCH", "1700000000");
    let Some(package) = build(&place) else { return };
    let first = fs::read(place.path(&package)).unwrap();
    let listed = place.run(&["dpkg-deb", "--contents", &package]).said;
    let files: Vec<_> =
        listed.lines().filter(|line| !line.ends_with('/')).map(|line| line.rsplit_once(" ./").unwrap().1).collect();
    let expected = [
        "etc/eqp/eqp.toml",
        "usr/bin/eqp",
        "usr/lib/systemd/system/eqp.service",
        "usr/lib/sysusers.d/eqp.conf",
        "usr/share/bash-completion/completions/eqp",
        "usr/share/doc/eqp/changelog.gz",
        "usr/share/doc/eqp/copyright",
        "usr/share/fish/vendor_completions.d/eqp.fish",
        "usr/share/man/man1/eqp.1.gz",
        "usr/share/zsh/vendor-completions/_eqp",
    ];
    assert_eq!(files, expected);
    assert!(listed.lines().all(|line| line.contains(" root/root ")), "{listed}");
    let control = place.run(&["dpkg-deb", "--field", &package]).said;
    assert!(control.contains("\nArchitecture: amd64\n") && control.contains("\nMaintainer: Acme <acme@example.com>\n"));
    assert!(!control.contains("\nDepends:"), "{control}");
    build(&place).unwrap();
    assert!(fs::read(place.path(&package)).unwrap() == first, "the same program results in the same package");
    if installed("lintian").is_none() {
        println!("not run: there is no lintian");
        return;
    }
    let suppressed = script("debian/lintian-suppressed");
    let ended = place.run(&["lintian", "--fail-on", "error", "--suppress-tags-from-file", &suppressed, &package]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

/// Copies a program and its libraries into a root.
fn copy_program(root: &Path, program: &str) {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
    for path in libraries.chain([program]) {
        let to = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
}

/// Creates a root with a shell, an empty package database, and stand-ins for systemd that record their calls.
fn empty_root(place: &Workplace) -> String {
    let root = place.path("root");
    for folder in ["usr/bin", "var/lib/dpkg/info", "var/lib/dpkg/updates", "run/systemd/system", "dev"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    for name in ["bin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(name)).unwrap();
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
    copy_program(&root, "/bin/sh");
    for name in ["systemctl", "systemd-sysusers"] {
        place.program(
            &format!("root/usr/bin/{name}"),
            &format!("#!/bin/sh\necho \"{name} $*\" >> /calls\ntest \"$2\" != is-active\n"),
        );
    }
    root.display().to_string()
}

#[test]
fn the_package_is_installed_in_an_empty_root_and_starts_nothing() {
    let place = Workplace::new();
    let Some(package) = build(&place) else { return };
    if !rustix::process::geteuid().is_root() || installed("chroot").is_none() {
        println!("not run: only root can install packages in a folder");
        return;
    }
    let root = empty_root(&place);
    let dpkg = |options: &[&str]| -> Ended {
        let path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
        place.run(&[&["env", path, "dpkg", "--root", &root, "--log", "/dev/null"], options].concat())
    };
    let calls = || fs::read_to_string(place.path("root/calls")).unwrap_or_default();
    let ended = dpkg(&["--install", &package]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let said = place.run(&["env", "PATH=/usr/sbin:/usr/bin:/bin", "chroot", &root, "/usr/bin/eqp", "--version"]).said;
    assert_eq!(said, format!("eqp {}\n", place.version()));
    assert_eq!(
        calls(),
        "systemd-sysusers eqp.conf\nsystemctl daemon-reload\nsystemctl --quiet is-active eqp.service\n"
    );
    // An update leaves the administrator's configuration, removing the package leaves it too, and a purge leaves the data.
    fs::write(place.path("root/etc/eqp/eqp.toml"), "# mine\n").unwrap();
    fs::create_dir_all(place.path("root/var/lib/eqp")).unwrap();
    fs::write(place.path("root/var/lib/eqp/master.key"), "key").unwrap();
    assert_eq!(dpkg(&["--install", &package]).code, 0);
    assert_eq!(place.text("root/etc/eqp/eqp.toml"), "# mine\n");
    assert!(!calls().contains(" start") && !calls().contains("restart") && !calls().contains("enable"), "{}", calls());
    assert_eq!(dpkg(&["--remove", "eqp"]).code, 0);
    assert!(calls().contains("disable --now eqp.service\n"), "{}", calls());
    assert!(!place.path("root/usr/bin/eqp").exists() && place.path("root/etc/eqp/eqp.toml").exists());
    assert_eq!(dpkg(&["--purge", "eqp"]).code, 0);
    assert!(!place.path("root/etc/eqp").exists() && place.path("root/var/lib/eqp/master.key").exists());
}

#[test]
fn the_service_is_the_documented_one_and_valid() {
    let service = fs::read_to_string(script("systemd/eqp.service")).unwrap();
    let page = fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let documented = page.split_once("```ini\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    assert_eq!(documented, service);
    if installed("systemd-analyze").is_none() {
        println!("not run: there is no systemd-analyze");
        return;
    }
    // The program of the test is not /usr/bin/eqp.
    let place = Workplace::new();
    let service = service.replace("/usr/bin/eqp", &place.path("eqp").display().to_string());
    fs::write(place.path("eqp.service"), service).unwrap();
    let ended = place.run(&["systemd-analyze", "verify", "--man=no", "./eqp.service"]);
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
}
