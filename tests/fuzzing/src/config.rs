//! The tool's configuration file.

/// A word that stands for a secret in the corpus.
const SECRET: &str = "hush";

/// Reads the bytes as `eqp.toml`.
///
/// # Panics
/// An error says nothing, or repeats a secret.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(told) = eqp_cli::fuzzing::config(text) {
        assert!(told.contains("eqp.toml"), "nobody knows where: {told}");
        // A key's name is told, and has to be.
        let values = text.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value);
        if values.into_iter().any(|value| value.contains(SECRET)) {
            assert!(!told.contains("hush-in-the-file"), "a secret is told: {told}");
        }
    }
}
