//! The parameters of a database URL.

use super::Result;
use super::error::{DatabaseUrlError, refused};

const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
/// Every supported parameter: its name in a URL, and its name in sqlx.
const PARAMETERS: [(&str, &str); 19] = [
    ("host", "host"),
    ("hostaddr", "hostaddr"),
    ("port", "port"),
    ("user", "user"),
    ("password", "password"),
    ("dbname", "dbname"),
    ("application_name", "application_name"),
    ("options", "options"),
    ("ssl", "sslmode"),
    ("sslmode", "sslmode"),
    ("ssl-mode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ssl-root-cert", "sslrootcert"),
    ("ssl-ca", "sslrootcert"),
    ("sslcert", "sslcert"),
    ("ssl-cert", "sslcert"),
    ("sslkey", "sslkey"),
    ("ssl-key", "sslkey"),
    ("statement-cache-capacity", "statement-cache-capacity"),
];

/// The names of all parameters.
pub const PARAMETER_NAMES: [&str; 19] = {
    let mut names = [""; 19];
    let mut at = 0;
    while at < names.len() {
        names[at] = PARAMETERS[at].0;
        at += 1;
    }
    names
};

/// Returns the sqlx name of a parameter.
pub(super) fn known(name: &str) -> Option<&'static str> {
    PARAMETERS.iter().find(|(spelling, _)| *spelling == name).map(|(_, known)| *known)
}

/// Rejects a parameter. Its name is only shown if it cannot be part of a password that contains `&`.
pub(super) fn unknown(name: &str, at: usize, may_be_password: bool) -> DatabaseUrlError {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_-.[]".contains(letter);
    let is_name = !may_be_password && name.len() <= 40 && name.chars().all(is_word);
    let error = if is_name {
        refused(format!("the parameter `{name}` is not supported"))
    } else {
        refused(format!("its parameter number {} is not supported", at + 1))
    };
    let error = match PARAMETERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((known, _)) => error.hint(format!("write it in lower case: {known}")),
        None => DatabaseUrlError { unknown_parameter: is_name.then(|| name.to_owned()), ..error.hint("remove it") },
    };
    error.hint("in a password write `&` as %26 and `?` as %3F")
}

/// Checks the value of a parameter. The error of sqlx would repeat the value.
pub(super) fn checked(name: &str, value: String) -> Result<String> {
    let refuse = |why: &str| Err(refused(format!("the parameter `{name}` {why}")));
    match name {
        "ssl" if value == "true" => Ok("require".to_owned()),
        "ssl" => refuse("is not `true`"),
        "sslmode" | "ssl-mode" if !SSL_MODES.contains(&value.as_str()) => {
            refuse(&format!("is not one of {}", SSL_MODES.join(", ")))
        }
        "statement-cache-capacity" if value.parse::<u16>().is_err() => refuse("is not a number up to 65535"),
        "sslrootcert" if value == "system" => {
            Err(refused("the parameter `sslrootcert` is `system`, which is not supported")
                .hint("remove it: with sslmode=verify-full, the platform's certificates are trusted"))
        }
        _ => Ok(value),
    }
}
