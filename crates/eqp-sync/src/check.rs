//! Checks of an installation, as run by `eqp doctor`.

/// A check that was made.
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
    /// The part works, but needs attention; with what is wrong.
    Warning(String),
    /// The part is not set up or is not running, which may be intended; with what is missing.
    Absent(String),
    /// The part is set up but does not work.
    Failed(E),
}

impl<E> Check<E> {
    /// Makes a check from a result that describes a working part.
    pub fn new(name: &'static str, result: Result<String, E>) -> Self {
        Self { name, state: result.map_or_else(CheckState::Failed, CheckState::Fine) }
    }

    /// Makes a check of a part that works, but needs attention.
    pub fn warning(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, state: CheckState::Warning(what.into()) }
    }

    /// Makes a check of a part that is not set up or is not running.
    pub fn absent(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, state: CheckState::Absent(what.into()) }
    }
}
