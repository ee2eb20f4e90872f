//! Creates the credentials of canaries, which are test callbacks through the public URL of an endpoint.

use std::fmt;
use std::time::Duration;

use eqp_types::Secret;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::MasterKey;
use super::keyed_hash::KeyedHash;
use crate::model::{EndpointId, NewCredential};
use crate::{Error, sql};

/// The time for which the credential of a canary is accepted.
const VALID_FOR: Duration = Duration::from_mins(1);

/// A canary to be sent.
pub struct IssuedCanary {
    /// Its number, which is negative.
    pub id: i64,
    pub endpoint: String,
    pub public_url: String,
    pub username: String,
    pub password: Secret,
    pub expires_at: OffsetDateTime,
}

impl fmt::Debug for IssuedCanary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedCanary").field("id", &self.id).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Creates a canary for each endpoint that is registered or about to be, or only for the one with this name. The key must be that of the
/// database.
///
/// # Errors
///
/// Returns [`Error::Crypto`] if the system returns no random bytes, and [`Error::Database`] if a query fails.
pub async fn issue_canaries(
    connection: &mut PgConnection,
    key: &MasterKey,
    endpoint: Option<&str>,
) -> Result<Vec<IssuedCanary>, Error> {
    let mut issued = Vec::new();
    for endpoint in sql::canary::endpoints(connection, endpoint).await? {
        let NewCredential { username, password } = NewCredential::random()?;
        let username = format!("canary-{username}");
        let hash = KeyedHash::of(key, EndpointId(endpoint.id), &username, password.expose().as_bytes());
        let inserted =
            sql::canary::insert(connection, EndpointId(endpoint.id), &username, hash.as_bytes(), VALID_FOR).await?;
        issued.push(IssuedCanary {
            id: inserted.id,
            endpoint: endpoint.name,
            public_url: endpoint.public_url,
            username,
            password,
            expires_at: inserted.expires_at,
        });
    }
    Ok(issued)
}
