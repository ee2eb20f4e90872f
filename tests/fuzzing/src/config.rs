//! Target: the tool's configuration file.

/// The marker of secrets in the corpus.
const SECRET: &str = "hush";

/// Parses the bytes as `eqp.toml`.
///
/// # Panics
/// If an error does not name the file, or contains a secret.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = eqp_cli::fuzzing::config(text) {
        assert!(error.contains("eqp.toml"), "the error does not name the file: {error}");
        // An error may repeat the name of a key, but not its value.
        let values = text.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value);
        if values.into_iter().any(|value| value.contains(SECRET)) {
            assert!(!error.contains("hush-in-the-file"), "the error contains a secret: {error}");
        }
    }
}
