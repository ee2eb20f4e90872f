//! Tokens and sessions of the operator service, and the log of what was changed through it.

use time::OffsetDateTime;

/// A token of the operator service, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// The number, which is part of the token's text.
    pub id: i64,
    pub name: String,
    /// The names of its scopes.
    pub scopes: Vec<String>,
    pub created_at: OffsetDateTime,
    pub expires_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    pub revoked_at: Option<OffsetDateTime>,
}

/// A token that is being used, with the hash of its secret.
#[derive(Clone, Debug)]
pub struct UsedToken {
    pub name: String,
    pub scopes: Vec<String>,
    pub hash: Vec<u8>,
}

/// A session of a browser that is being used, with the hash of its secret and its token.
#[derive(Clone, Debug)]
pub struct UsedSession {
    pub hash: Vec<u8>,
    /// The number of the token.
    pub token: i64,
    pub name: String,
    pub scopes: Vec<String>,
}

/// A change to record in the log.
#[derive(Clone, Copy, Debug)]
pub struct NewAuditEntry<'a> {
    /// The caller.
    pub principal: &'a str,
    /// The operation.
    pub action: &'a str,
    /// The changed object.
    pub resource: Option<&'a str>,
    /// A JSON object with the parameters of the operation, without secrets.
    pub detail: &'a str,
}

/// A change that was made through the operator service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAuditEntry {
    pub id: i64,
    pub at: OffsetDateTime,
    pub principal: String,
    pub action: String,
    pub resource: Option<String>,
    /// A JSON object.
    pub detail: String,
}
