//! The caller of an operation, and the proof that it may call it.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use eqp_store::{Reader, Store};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::problem::{Problem, ProblemCode};

/// A group of operations that a token can be allowed to call. No scope contains another.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Read events, submissions, files, accounts and endpoints.
    Read,
    /// Acknowledge, retry, pause, replay and reproject; delete callbacks after their retention period.
    Operate,
    /// Manage accounts, endpoints, subscriptions and tokens; read the audit log.
    Admin,
}

impl Scope {
    /// All scopes, as they are spelled in JSON and on the command line.
    pub const VALUES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;
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
}

impl Principal {
    fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Local => true,
            Self::Token { scopes, .. } => scopes.contains(&scope),
        }
    }
}

/// The form in which the audit log names the caller.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local administrator"),
            Self::Token { name, .. } => write!(f, "token {name}"),
        }
    }
}

/// The state of the router. Only [`Authorized`] gives access to the database, so a handler cannot answer an unauthorised request
/// by mistake.
#[derive(Clone, Debug)]
pub(crate) struct ApiState {
    store: Store,
}

impl ApiState {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

/// A scope as a type, for the signature of a handler.
pub(crate) trait RequiredScope: Send + Sync {
    const SCOPE: Scope;
}

/// The scope [`Scope::Read`].
pub(crate) struct Read;

impl RequiredScope for Read {
    const SCOPE: Scope = Scope::Read;
}

/// The proof that the caller of a request is known and has a scope, with the access to the database that this allows.
pub(crate) struct Authorized<S> {
    state: ApiState,
    scope: PhantomData<S>,
}

impl<S> Authorized<S> {
    pub(crate) fn store(&self) -> &Store {
        &self.state.store
    }

    pub(crate) fn reader(&self) -> Reader {
        self.state.store.reader()
    }
}

impl<S: RequiredScope> FromRequestParts<ApiState> for Authorized<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let principal =
            parts.extensions.get::<Principal>().ok_or_else(|| Problem::new(ProblemCode::Unauthenticated))?;
        if !principal.has(S::SCOPE) {
            let scope = S::SCOPE;
            return Err(
                Problem::new(ProblemCode::Forbidden).detail(format!("the operation requires the scope {scope}"))
            );
        }
        Ok(Self { state: state.clone(), scope: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_only_its_own_scopes() {
        let token = Principal::Token { id: 1, name: "ci".into(), scopes: vec![Scope::Operate] };
        assert_eq!(
            [Scope::Read, Scope::Operate, Scope::Admin].map(|scope| (token.has(scope), Principal::Local.has(scope))),
            [(false, true), (true, true), (false, true)]
        );
        assert_eq!(token.to_string(), "token ci");
    }
}
