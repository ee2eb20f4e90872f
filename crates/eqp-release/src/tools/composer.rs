//! Installs the Magento coding standard with Composer: in an empty folder, with a cleaned environment, and without running any code of the
//! packages.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use eqp_check::Cancellation;
use eqp_check::internal::run_program;

use super::error::ToolError;
use super::php::Php;

/// The committed composer.json. Two values are inserted: the version of the standard, and that of PHP.
const COMPOSER_JSON: &str = include_str!("composer.json");
/// The environment variables that Composer needs: programs, proxies and certificates. Others can contain secrets or change its behaviour.
const PASSED_ON: [&str; 9] = [
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
const ARGUMENTS: [&str; 7] =
    ["install", "--no-plugins", "--no-scripts", "--no-dev", "--no-interaction", "--no-progress", "--prefer-dist"];

/// Returns the composer.json of an installation.
fn composer_json(standard: u32, php: &Php) -> String {
    COMPOSER_JSON.replace("@STANDARD@", &standard.to_string()).replace("@PHP@", &php.platform())
}

/// Fills an empty folder.
pub(super) fn install(
    program: &Path,
    standard: u32,
    php: &Php,
    tree: &Path,
    timeout: Duration,
    cancellation: &Cancellation,
) -> Result<(), ToolError> {
    let fails = |reason: String| ToolError::Composer { reason };
    let scratch = tempfile::tempdir().map_err(|error| fails(error.to_string()))?;
    fs::write(tree.join("composer.json"), composer_json(standard, php)).map_err(|error| fails(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(ARGUMENTS).arg("--working-dir").arg(tree).env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // Settings, credentials and plugins of the user are in these folders.
    command.env("HOME", scratch.path()).env("COMPOSER_HOME", scratch.path().join("composer"));
    command.env("COMPOSER_ALLOW_SUPERUSER", "1").env("COMPOSER_NO_AUDIT", "1");
    let ended = run_program(&mut command, scratch.path(), timeout, cancellation)?.map_err(fails)?;
    if !ended.is_success {
        return Err(fails(ended.last_line().to_owned()));
    }
    // These are links or copies that are not needed: phpcs is started by its path.
    match fs::remove_dir_all(tree.join("vendor/bin")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(fails(error.to_string())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_composer_json_pins_the_standard_and_runs_no_code_of_packages() {
        let php = Php { program: "php".into(), version: "8.3.14-1~deb12u1".to_owned() };
        let json: serde_json::Value = serde_json::from_str(&composer_json(35, &php)).unwrap();
        assert_eq!(json["require"]["magento/magento-coding-standard"], "35");
        assert_eq!(json["config"]["platform"]["php"], "8.3.14");
        assert_eq!(json["config"]["allow-plugins"], false);
        for flag in ["--no-plugins", "--no-scripts", "--no-interaction"] {
            assert!(ARGUMENTS.contains(&flag));
        }
    }
}
