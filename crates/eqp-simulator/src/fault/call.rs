//! The conditions that select calls of the API.

use std::fmt;

use http::Method;

use super::frequency::{Frequency, frequency_setters};
use super::pattern::Pattern;
use crate::Error;
use crate::calls::answered;

/// The properties of a call that rules match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFacts<'a> {
    pub(crate) method: &'a Method,
    /// Below `/rest/v1`.
    pub(crate) path: &'a str,
    /// `None` if the path is not one of the API.
    pub(crate) name: Option<&'static str>,
}

/// Selects calls of the API; every condition must hold.
///
/// ```
/// use eqp_simulator::CallMatcher;
///
/// let second_creation = CallMatcher::named("packages.create")?.nth(2);
/// let a_tenth_of_all_reads = CallMatcher::any().method(http::Method::GET).path("/files/*").rate(0.1);
/// # Ok::<(), eqp_simulator::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallMatcher {
    pub(super) name: Option<&'static str>,
    pub(super) method: Option<Method>,
    pub(super) path: Option<Pattern>,
    pub(super) frequency: Frequency,
}

impl CallMatcher {
    /// Matches every call.
    pub fn any() -> Self {
        Self::default()
    }

    /// Matches the call with this name, such as `packages.create`; see [`eqp_types::calls`].
    ///
    /// # Errors
    /// [`Error::Fault`] for a name that no call has.
    pub fn named(name: &str) -> Result<Self, Error> {
        let found = answered().map(|call| call.name).find(|known| *known == name);
        let name =
            found.ok_or_else(|| Error::fault(name, "is not a call of the API", answered().map(|call| call.name)))?;
        Ok(Self { name: Some(name), ..Self::default() })
    }

    /// Matches calls with this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Matches calls whose path matches, below `/rest/v1` and as it was sent (percent-encoded, without the query); `*`
    /// matches any text.
    #[must_use]
    pub fn path(mut self, path: impl Into<Pattern>) -> Self {
        self.path = Some(path.into());
        self
    }

    frequency_setters!();

    pub(super) fn matches(&self, facts: &CallFacts<'_>) -> bool {
        self.name.is_none_or(|name| facts.name == Some(name))
            && self.method.as_ref().is_none_or(|method| method == facts.method)
            && self.path.as_ref().is_none_or(|path| path.fits(facts.path))
    }
}

impl fmt::Display for CallMatcher {
    /// Writes the conditions, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name {
            write!(f, " call={name}")?;
        }
        if let Some(method) = &self.method {
            write!(f, " method={method}")?;
        }
        if let Some(path) = &self.path {
            write!(f, " path={path}")?;
        }
        write!(f, "{}", self.frequency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_must_hold() {
        let facts = CallFacts { method: &Method::GET, path: "/files/uploads/1.2.3", name: Some("files.get") };
        for (calls, fits) in [
            (CallMatcher::any(), true),
            (CallMatcher::named("files.get").unwrap().method(Method::GET).path("/files/*"), true),
            (CallMatcher::named("files.list").unwrap(), false),
            (CallMatcher::any().method(Method::PUT), false),
            (CallMatcher::any().path("/files"), false),
        ] {
            assert_eq!(calls.matches(&facts), fits, "{calls:?}");
        }
    }

    #[test]
    fn a_name_that_no_call_has_is_refused_with_the_nearest() {
        let error = CallMatcher::named("package.create").unwrap_err().to_string();
        assert!(error.contains("`packages.create`"), "{error}");
    }
}
