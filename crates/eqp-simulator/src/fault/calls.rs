//! To which calls something happens.

use std::fmt;

use http::Method;

use super::board::CallFacts;
use super::turn::Turn;
use crate::Error;
use crate::routes::CALLS;
use crate::script::Pattern;

/// Which calls a fault strikes; every condition must hold.
///
/// ```
/// use eqp_simulator::Calls;
///
/// let second_creation = Calls::named("packages.create")?.nth(2);
/// let a_tenth_of_all_reads = Calls::any().method(http::Method::GET).path("/files/*").rate(0.1);
/// # Ok::<(), eqp_simulator::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    pub(super) name: Option<&'static str>,
    pub(super) method: Option<Method>,
    pub(super) path: Option<Pattern>,
    pub(super) turn: Turn,
}

impl Calls {
    /// Every call.
    pub fn any() -> Self {
        Self::default()
    }

    /// The call with this name, such as `packages.create`; see [`crate::CALLS`].
    ///
    /// # Errors
    /// [`Error::Fault`] for a name that no call has.
    pub fn named(name: &str) -> Result<Self, Error> {
        let found = CALLS.iter().map(|call| call.name).find(|known| *known == name);
        let name =
            found.ok_or_else(|| Error::fault(name, "is no call of the API", CALLS.iter().map(|call| call.name)))?;
        Ok(Self { name: Some(name), ..Self::default() })
    }

    /// Those with this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Those whose path fits, below `/rest/v1` and as it was sent (percent-encoded, without the query); `*` stands for
    /// any text.
    #[must_use]
    pub fn path(mut self, path: impl Into<Pattern>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Only the `nth` of those that the other conditions fit, counted from 1; may be said several times.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.turn.nth.push(nth);
        self
    }

    /// Only this share (0 to 1) of those that the other conditions fit, by chance from the seed.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.turn.rate = Some(rate);
        self
    }

    /// At most so many.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.turn.times = Some(times);
        self
    }

    pub(super) fn fit(&self, facts: &CallFacts<'_>) -> bool {
        self.name.is_none_or(|name| facts.name == Some(name))
            && self.method.as_ref().is_none_or(|method| method == facts.method)
            && self.path.as_ref().is_none_or(|path| path.fits(facts.path))
    }
}

impl fmt::Display for Calls {
    /// The conditions as words, each with a space before it.
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
        write!(f, "{}", self.turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_must_hold() {
        let facts = CallFacts { method: &Method::GET, path: "/files/uploads/1.2.3", name: Some("files.get") };
        for (calls, fits) in [
            (Calls::any(), true),
            (Calls::named("files.get").unwrap().method(Method::GET).path("/files/*"), true),
            (Calls::named("files.list").unwrap(), false),
            (Calls::any().method(Method::PUT), false),
            (Calls::any().path("/files"), false),
        ] {
            assert_eq!(calls.fit(&facts), fits, "{calls:?}");
        }
    }

    #[test]
    fn a_name_that_no_call_has_is_refused_with_the_nearest() {
        let error = Calls::named("package.create").unwrap_err().to_string();
        assert!(error.contains("`packages.create`"), "{error}");
    }
}
