//! The caller of an operation, and the scopes that operations require.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

/// A group of operations that a token can be allowed to call. No scope contains another.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Display, EnumString, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownScope, parse_err_fn = UnknownScope::new)]
pub enum Scope {
    /// Read events, submissions, files, accounts and endpoints.
    Read,
    /// Fetch the messages of subscriptions, and create temporary ones.
    Consume,
    /// Acknowledge, retry, pause and replay; delete callbacks after their retention period.
    Operate,
    /// Manage accounts, endpoints, subscriptions and tokens; read the audit log.
    Admin,
}

impl Scope {
    /// All scopes, as they are spelled in JSON and on the command line.
    pub const VALUES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;
}

/// An error for a text that is not the name of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not one of {}", Scope::VALUES.join(", "))]
pub struct UnknownScope(());

impl UnknownScope {
    fn new(_: &str) -> Self {
        Self(())
    }
}

/// The caller of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// The administrator of this machine, who can read the database anyway. It has all scopes, and can only call in the same
    /// process.
    Local,
    /// The holder of a token.
    Token {
        /// The number of the token.
        id: i64,
        /// The name of the token.
        name: String,
        /// The operations that the token allows.
        scopes: Vec<Scope>,
    },
    /// The user of a browser that has signed in with a token.
    Session {
        /// The number of the session.
        id: i64,
        /// The number of the token, with which the session ends.
        token: i64,
        /// The name of the token.
        name: String,
        /// The operations that the token allows.
        scopes: Vec<Scope>,
    },
}

impl Principal {
    pub(crate) fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Local => true,
            Self::Token { scopes, .. } | Self::Session { scopes, .. } => scopes.contains(&scope),
        }
    }

    /// Returns the number of the token on which the caller's rights depend.
    pub(crate) fn token(&self) -> Option<i64> {
        match self {
            Self::Local => None,
            Self::Token { id, .. } => Some(*id),
            Self::Session { token, .. } => Some(*token),
        }
    }

    /// Returns this caller with no other scope than [`Scope::Read`].
    pub(crate) fn reading(&self) -> Self {
        let mut reader = self.clone();
        match &mut reader {
            Self::Local => {}
            Self::Token { scopes, .. } | Self::Session { scopes, .. } => scopes.retain(|scope| *scope == Scope::Read),
        }
        reader
    }
}

/// The form in which the audit log names the caller.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local administrator"),
            Self::Token { name, .. } | Self::Session { name, .. } => write!(f, "token {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_only_its_own_scopes() {
        let token = Principal::Token { id: 1, name: "ci".into(), scopes: vec![Scope::Operate] };
        assert_eq!(
            [Scope::Read, Scope::Consume, Scope::Operate, Scope::Admin]
                .map(|scope| (token.has(scope), Principal::Local.has(scope))),
            [(false, true), (false, true), (true, true), (false, true)]
        );
        assert_eq!(token.to_string(), "token ci");
    }
}
