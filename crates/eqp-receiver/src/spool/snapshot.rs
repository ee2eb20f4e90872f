//! The endpoints as last loaded, for a receiver that starts while the database is down.
//!
//! A snapshot contains keyed hashes instead of passwords, and is bound to the master key that they were made with.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use eqp_store::internal::endpoint::UsableCredential;
use eqp_store::{CredentialGeneration, MasterKey};

/// The endpoints and the time at which they were loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    #[serde(with = "time::serde::timestamp")]
    taken_at: OffsetDateTime,
    #[serde(flatten)]
    endpoints: Endpoints,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the names are those in the file")]
pub(crate) struct Endpoints {
    /// Identifies the master key of the hashes.
    key_fingerprint: String,
    /// The number of the last change that it includes.
    generation: i64,
    endpoints: Vec<SnapshotEndpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotEndpoint {
    pub(crate) id: i64,
    pub(crate) path: String,
    /// Missing in snapshots of older versions.
    #[serde(default)]
    pub(crate) public_url: String,
    pub(crate) credentials: Vec<SnapshotCredential>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotCredential {
    pub(crate) id: i64,
    pub(crate) endpoint_name: String,
    pub(crate) username: String,
    pub(crate) password_hmac: String,
}

impl Snapshot {
    /// Reads the output of [`to_bytes`](Self::to_bytes). Returns `None` for anything else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers can be serialised")
    }

    /// Returns when the endpoints were loaded.
    pub(crate) fn taken_at(&self) -> OffsetDateTime {
        self.taken_at
    }

    /// Returns the number of endpoints.
    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints.endpoints.len()
    }

    /// Returns whether its hashes were made with this key.
    pub(crate) fn matches_key(&self, key: &MasterKey) -> bool {
        self.endpoints.key_fingerprint == fingerprint(key)
    }

    /// Returns the number of the last change that it includes.
    pub(crate) fn generation(&self) -> CredentialGeneration {
        CredentialGeneration(self.endpoints.generation)
    }

    /// Returns the endpoints as the database would: one row per credential, or one row without a credential.
    pub(crate) fn rows(&self) -> Vec<UsableCredential> {
        self.endpoints.endpoints.iter().flat_map(SnapshotEndpoint::rows).collect()
    }

    /// Returns whether it contains exactly these endpoints, regardless of its time.
    pub(crate) fn contains(&self, endpoints: &Endpoints) -> bool {
        self.endpoints == *endpoints
    }

    /// Creates a snapshot that was taken now.
    pub(crate) fn of(endpoints: Endpoints) -> Self {
        Self { taken_at: OffsetDateTime::now_utc().truncate_to_second(), endpoints }
    }
}

impl Endpoints {
    /// Sorts the endpoints, so that equal sets of endpoints compare as equal.
    pub(crate) fn new(key: &MasterKey, generation: CredentialGeneration, mut endpoints: Vec<SnapshotEndpoint>) -> Self {
        for endpoint in &mut endpoints {
            endpoint.credentials.sort_unstable_by_key(|credential| credential.id);
        }
        endpoints.sort_unstable_by_key(|endpoint| endpoint.id);
        Self { key_fingerprint: fingerprint(key), generation: generation.0, endpoints }
    }
}

impl SnapshotEndpoint {
    /// Returns the rows of one endpoint.
    fn rows(&self) -> Vec<UsableCredential> {
        let row = |credential: Option<&SnapshotCredential>| UsableCredential {
            endpoint_id: self.id,
            // The name is stored with the credentials. Without one, no request can be authenticated for the endpoint.
            name: credential.map_or_else(String::new, |stored| stored.endpoint_name.clone()),
            path: self.path.clone(),
            public_url: self.public_url.clone(),
            credential_id: credential.map(|stored| stored.id),
            username: credential.map(|stored| stored.username.clone()),
            password_hmac: credential.and_then(|stored| URL_SAFE_NO_PAD.decode(&stored.password_hmac).ok()),
            last_used_at: None,
        };
        if self.credentials.is_empty() {
            return vec![row(None)];
        }
        self.credentials.iter().map(|credential| row(Some(credential))).collect()
    }
}

fn fingerprint(key: &MasterKey) -> String {
    URL_SAFE_NO_PAD.encode(key.fingerprint())
}
