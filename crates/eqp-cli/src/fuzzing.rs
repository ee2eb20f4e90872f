//! Entry points for the fuzzers. Not a public API.

use std::path::Path;

use crate::config::read_text;

/// Reads a configuration file with this text, and returns the error as a user sees it if it is rejected.
pub fn config(text: &str) -> Result<(), String> {
    read_text(Path::new("eqp.toml"), text).map_err(|failure| failure.to_string())
}
