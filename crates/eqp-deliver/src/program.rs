//! Programs that the worker's configuration names.

use std::collections::BTreeMap;
use std::fmt;

use crate::DefinitionError;

/// A program that handlers can run. Only the worker's own configuration names programs.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    pub(crate) command: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) shows_output: bool,
}

impl Program {
    /// Creates a program from its path and its arguments. Without a slash, the path is searched in `PATH`. No shell is involved.
    ///
    /// ```
    /// use eqp_deliver::Program;
    ///
    /// let deploy = Program::new(["/usr/local/bin/deploy", "--stage"])?.with_variable("DEPLOY_TARGET", "shop");
    /// assert!(Program::new(["./deploy"]).is_err(), "this depends on the current folder");
    /// # Ok::<(), eqp_deliver::DefinitionError>(())
    /// ```
    ///
    /// # Errors
    /// [`DefinitionError::Program`] if the command is empty, or a path that depends on the current folder.
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, DefinitionError> {
        let mut words = command.into_iter().map(Into::into);
        let command = words.next().unwrap_or_default();
        if command.is_empty() || (command.contains('/') && !command.starts_with('/')) {
            let reason = "it must be an absolute path or a name without slashes".to_owned();
            return Err(DefinitionError::Program { program: command, reason });
        }
        Ok(Self { command, arguments: words.collect(), environment: BTreeMap::new(), shows_output: false })
    }

    /// Passes the standard output of the program on to that of this process. By default, it is discarded.
    #[must_use]
    pub fn showing_output(mut self) -> Self {
        self.shows_output = true;
        self
    }

    /// Sets an environment variable of the program.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments and variables can be secrets.
        f.debug_struct("Program").field("command", &self.command).finish_non_exhaustive()
    }
}
