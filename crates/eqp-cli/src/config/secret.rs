//! Reads secrets from a file, from the environment or from standard input, but never from an argument.
//!
//! All secret files follow the rules of `eqp_store::read_secret_file`.

use std::path::Path;

use eqp_store::SecretFileError;
use eqp_store::internal::{check_secret_file, read_secret_file, secret_text};
use eqp_types::Secret;

use crate::failure::{Failure, Result};
use crate::shutdown;

/// Reads the secret from the file `path`, or from standard input if `path` is `-`.
pub(crate) fn read_secret(path: &Path, what: &str) -> Result<Secret> {
    if path != Path::new("-") {
        return read_secret_file(path).map_err(|error| refused(&error, what));
    }
    let read = shutdown::read_input(|| eqp_store::internal::read_secret(std::io::stdin().lock()))?
        .map_err(|error| Failure::usage(format!("cannot read {what} from standard input")).because(&error))?;
    read.map_err(|error| Failure::usage(format!("cannot use {what} from standard input")).because(&error))
}

/// Fails if a file that contains a secret can be read by others than its owner.
pub(super) fn refuse_open(path: &Path, what: &str) -> Result {
    check_secret_file(path).map_err(|error| refused(&error, what))
}

/// Reads a secret from an environment variable, or from the file named by the variable with the suffix `_FILE`. Also
/// returns the name of the variable that was used.
pub(crate) fn from_environment(variable: &str, what: &str) -> Result<Option<(Secret, String)>> {
    if let Some(value) = super::variable(variable) {
        let value = value.into_string().map_err(|_| Failure::usage(format!("{variable} is not UTF-8")))?;
        return Ok(Some((text(&value, what, variable)?, variable.to_owned())));
    }
    let of_file = format!("{variable}_FILE");
    match super::variable(&of_file) {
        Some(path) => Ok(Some((read_secret(Path::new(&path), what)?, of_file))),
        None => Ok(None),
    }
}

/// Parses a secret from text that was read from `source`.
pub(crate) fn text(text: &str, what: &str, source: &str) -> Result<Secret> {
    secret_text(text).map_err(|error| Failure::usage(format!("cannot use {what} from {source}")).because(&error))
}

fn refused(error: &SecretFileError, what: &str) -> Failure {
    let failure = Failure::usage(format!("cannot use the file with {what}")).because(error);
    match error {
        SecretFileError::ReadableByOthers { path, .. } => failure
            .next(format!("chmod 600 {}", path.display()))
            .next("files on read-only mounts, in /run/secrets and in $CREDENTIALS_DIRECTORY may have any mode"),
        _ => failure,
    }
}
