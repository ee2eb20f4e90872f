//! Secrets: from a file that only its owner can read, or from standard input; never from an argument.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use eqp_types::Secret;

use crate::failure::{Failure, Outcome};

/// Where container engines mount secrets, with modes of their own choice.
const MOUNTED: &str = "/run/secrets";

/// Reads the secret in `path`, or on standard input where `path` is `-`. A line end after it does not belong to it.
pub(crate) fn read_secret(path: &Path, what: &str) -> Outcome<Secret> {
    let failed =
        |error: std::io::Error| Failure::usage(format!("cannot read {what} from {}", path.display())).because(&error);
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    } else {
        refuse_open(path, what)?;
        text = std::fs::read_to_string(path).map_err(failed)?;
    }
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(Failure::usage(format!("{} holds nothing, where {what} should be", path.display())));
    }
    Ok(Secret::new(secret))
}

/// Refuses a file with a secret in it that others than its owner can read.
pub(super) fn refuse_open(path: &Path, what: &str) -> Outcome {
    if path.starts_with(MOUNTED) {
        return Ok(());
    }
    let mode = std::fs::metadata(path)
        .map_err(|error| Failure::usage(format!("cannot read {what} from {}", path.display())).because(&error))?
        .permissions()
        .mode();
    let others_may = mode & 0o077;
    if others_may == 0 {
        return Ok(());
    }
    Err(Failure::usage(format!("others can read {}, which holds {what}", path.display()))
        .why(format!("its mode is {:04o}", mode & 0o7777))
        .next(format!("chmod 600 {}", path.display())))
}

/// The secret that the environment holds, in the variable itself or in the file that `…_FILE` names, and the name of the
/// variable that was used.
pub(crate) fn from_environment(variable: &str, what: &str) -> Outcome<Option<(Secret, String)>> {
    if let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
        let value = value.into_string().map_err(|_| Failure::usage(format!("{variable} is not UTF-8")))?;
        return Ok(Some((Secret::new(value), variable.to_owned())));
    }
    let of_file = format!("{variable}_FILE");
    match std::env::var_os(&of_file).filter(|path| !path.is_empty()) {
        Some(path) => Ok(Some((read_secret(Path::new(&path), what)?, of_file))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush:with \n").unwrap();
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o640)).unwrap();
        let failure = read_secret(file.path(), "a password").unwrap_err();
        assert!(failure.to_string().contains("0640") && !failure.to_string().contains("hush"), "{failure}");
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(read_secret(file.path(), "a password").unwrap().expose(), "hush:with ");
    }
}
