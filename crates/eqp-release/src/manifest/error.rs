//! Errors of manifests and their packages.

use eqp_types::JsonError;

/// The error that a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the release manifest {file}{}", at(path))]
#[non_exhaustive]
pub struct ManifestError {
    /// The name of the file, or `standard input`.
    pub file: String,
    /// The path of the problem, such as `package.prices[1].edition`. Empty if it concerns the whole manifest.
    pub path: String,
    /// The problem.
    #[source]
    pub problem: ManifestProblem,
}

/// The problem of a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestProblem {
    /// The file cannot be read, or is too large.
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The file is not valid TOML or JSON, or has neither an object nor a list. The message can have several lines.
    #[error("{0}")]
    Malformed(String),
    /// The manifest has no package.
    #[error("the manifest has no package")]
    NoPackage,
    /// An unknown key next to the packages.
    #[error("unknown key `{key}` outside the package")]
    OutsidePackage {
        /// The key.
        key: String,
        /// The known keys.
        known: Vec<&'static str>,
    },
    /// An unknown key.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known keys.
        known: Vec<String>,
    },
    /// The table `action` is empty.
    #[error("the table is empty")]
    EmptyAction,
    /// A wrong value, described in terms of the manifest's format.
    #[error("{0}")]
    Value(String),
}

impl ManifestError {
    pub(super) fn new(file: &str, path: &str, problem: ManifestProblem) -> Self {
        Self { file: file.to_owned(), path: path.to_owned(), problem }
    }
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at `{path}`") }
}

/// The error that a package cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A field cannot be written as JSON, or a file is not uploaded.
    #[error("the package {label} cannot be sent")]
    NotSendable {
        /// The name of the package, for messages.
        label: String,
        /// The cause.
        source: JsonError,
    },
}
