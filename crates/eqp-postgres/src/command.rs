//! Runs external programs with a clean environment, in a safe folder and with a time limit, and those of Postgres as the right user.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::Error;
use crate::owner::Owner;

/// The folders of the system's programs.
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The environment variables that a package manager may need to find its configuration and to reach its registry. They contain none of
/// the caller's secrets, and none can make an interpreter load other code.
const CLIENT_VARIABLES: [&str; 26] = [
    "HOME",
    "USER",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "npm_config_registry",
    "NPM_CONFIG_REGISTRY",
    "npm_config_cafile",
    "NPM_CONFIG_CAFILE",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_CERT",
    "PIP_CONFIG_FILE",
];

/// Returns a command with a clean environment that runs in `folder`.
pub(crate) fn clean_command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", SYSTEM_PATH).env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Returns a command for a package manager, found in the caller's PATH. It must run in an empty `folder`, because it reads configuration
/// from the current one and may even run code from there.
pub(crate) fn client_command(program: &str, folder: &Path) -> Command {
    let mut command = clean_command(program, folder);
    if let Ok(path) = std::env::join_paths(search_path()) {
        command.env("PATH", path);
    }
    for name in CLIENT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Returns the folders of PATH, except relative ones, which depend on the current folder.
pub(crate) fn search_path() -> Vec<PathBuf> {
    // Without PATH there is nothing to search.
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Returns a command for a program of Postgres, as its owner. Our environment is not passed on, because `PGDATA`, `PGPORT` or a locale
/// would change its behaviour.
pub(crate) fn postgres_command(program: &Path, owner: &Owner, folder: &Path) -> Command {
    let mut command = clean_command(program, folder);
    if let Some((uid, gid)) = owner.switch_to() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Runs a program and returns its standard output.
pub(crate) async fn run(mut command: Command, deadline: Duration) -> Result<String, Error> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let failed = |detail: String| Error::Program { program: program.clone(), detail };
    command.kill_on_drop(true).stdin(Stdio::null());
    let output = tokio::time::timeout(deadline, command.output())
        .await
        .map_err(|_| failed(format!("it timed out after {} s", deadline.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let texts = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let text = texts.into_iter().find(|text| !text.is_empty()).unwrap_or_else(|| output.status.to_string());
    Err(failed(text))
}
