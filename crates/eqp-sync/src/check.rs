//! Checks of an installation, as run by `eqp doctor`.

/// A completed check.
#[derive(Clone, Debug)]
pub struct Check<E> {
    /// The name of the checked part.
    pub name: &'static str,
    /// The result.
    pub state: CheckState<E>,
}

/// The result of a check.
#[derive(Clone, Debug)]
pub enum CheckState<E> {
    /// The part works. Contains a description.
    Fine(String),
    /// The part works, but needs attention.
    Warning {
        /// The problem.
        what: String,
        /// The remedy.
        remedy: String,
    },
    /// The part is not set up or is not running, which may be intended. Contains the reason.
    Absent(String),
    /// The part is set up but does not work.
    Failed(E),
}

impl<E> Check<E> {
    /// Creates a check from a result, which is a description of the working part or its failure.
    pub fn new(name: &'static str, result: Result<String, E>) -> Self {
        Self { name, state: result.map_or_else(CheckState::Failed, CheckState::Fine) }
    }

    /// Creates a check of a part that works, but needs attention.
    pub fn warning(name: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state: CheckState::Warning { what: what.into(), remedy: remedy.into() } }
    }

    /// Creates a check of a part that is not set up or is not running.
    pub fn absent(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, state: CheckState::Absent(what.into()) }
    }
}
