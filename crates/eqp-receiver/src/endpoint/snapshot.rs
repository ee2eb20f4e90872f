//! The endpoints as they were last loaded, for a receiver that starts while the database cannot be reached.
//!
//! It holds keyed hashes and no password, and is bound to the master key that they were made with. It is kept anew
//! whenever the directory has changed, in the spool's file: whole and on the disk, or as it was.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::directory::{Directory, Entry, Known};
use super::keyed_hash::KeyedHash;
use super::{CredentialId, EndpointId, MasterKey};
use crate::spool::Spool;

/// Kept endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Of the master key.
    key_fingerprint: String,
    #[serde(with = "time::serde::timestamp")]
    taken_at: OffsetDateTime,
    endpoints: Vec<KeptEndpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptEndpoint {
    id: i64,
    path: String,
    credentials: Vec<KeptCredential>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptCredential {
    id: i64,
    username: String,
    password_hmac: String,
}

impl Snapshot {
    /// Of the endpoints at `taken_at`; in an order of their own, so that the same endpoints are the same snapshot.
    pub(super) fn of(entries: &HashMap<String, Entry>, key: &MasterKey, taken_at: OffsetDateTime) -> Self {
        let credential = |known: &Known| KeptCredential {
            id: known.id.0,
            username: known.username.clone(),
            password_hmac: URL_SAFE_NO_PAD.encode(known.hash.as_bytes()),
        };
        let mut endpoints: Vec<_> = entries
            .iter()
            .map(|(path, entry)| KeptEndpoint {
                id: entry.endpoint.0,
                path: path.clone(),
                credentials: entry.credentials.iter().map(credential).collect(),
            })
            .collect();
        for endpoint in &mut endpoints {
            endpoint.credentials.sort_unstable_by_key(|credential| credential.id);
        }
        endpoints.sort_unstable_by_key(|endpoint| endpoint.id);
        Self { key_fingerprint: fingerprint(key), taken_at: taken_at.truncate_to_second(), endpoints }
    }

    /// Reads what [`to_bytes`](Self::to_bytes) made; none where it is something else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers only: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// When the endpoints were loaded from the database.
    pub(crate) fn taken_at(&self) -> OffsetDateTime {
        self.taken_at
    }

    /// How many endpoints it holds.
    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether its hashes were made with this key.
    pub(crate) fn is_of(&self, key: &MasterKey) -> bool {
        self.key_fingerprint == fingerprint(key)
    }

    /// The endpoints. A hash that cannot be read lets nobody in.
    pub(super) fn entries(self) -> HashMap<String, Entry> {
        let known = |kept: KeptCredential| {
            let hash = KeyedHash::from_slice(&URL_SAFE_NO_PAD.decode(&kept.password_hmac).ok()?)?;
            Some(Known { id: CredentialId(kept.id), username: kept.username, hash })
        };
        let entries = self.endpoints.into_iter().map(|kept| {
            let credentials = kept.credentials.into_iter().filter_map(known).collect();
            (kept.path, Entry { endpoint: EndpointId(kept.id), credentials })
        });
        entries.collect()
    }
}

fn fingerprint(key: &MasterKey) -> String {
    URL_SAFE_NO_PAD.encode(key.fingerprint())
}

/// Keeps a snapshot of the directory in the spool: at once, and after each change until shutdown.
pub(crate) async fn keep(directory: Directory, spool: Spool, shutdown: CancellationToken) {
    let mut loads = directory.loads();
    let mut kept: Option<Snapshot> = None;
    loop {
        let snapshot = directory.snapshot();
        if kept.as_ref().is_none_or(|kept| kept.endpoints != snapshot.endpoints) {
            match spool.keep_snapshot(snapshot.to_bytes()).await {
                Ok(()) => kept = Some(snapshot),
                Err(error) => {
                    tracing::warn!(%error, "the endpoints could not be kept for a start without the database");
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = loads.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(key: &MasterKey) -> HashMap<String, Entry> {
        let hash = KeyedHash::of(key, EndpointId(7), "key", b"hush");
        let credentials = vec![Known { id: CredentialId(9), username: "key".to_owned(), hash }];
        let known = Entry { endpoint: EndpointId(7), credentials };
        let without = Entry { endpoint: EndpointId(8), credentials: Vec::new() };
        HashMap::from([("/callbacks/main".to_owned(), known), ("/other".to_owned(), without)])
    }

    #[test]
    fn is_read_as_it_was_kept_and_holds_no_password() {
        let key = MasterKey::ephemeral().unwrap();
        let snapshot = Snapshot::of(&entries(&key), &key, OffsetDateTime::now_utc());
        let bytes = snapshot.to_bytes();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("hush"));
        let read = Snapshot::read(&bytes).unwrap();
        assert_eq!(read, snapshot);
        assert!(read.is_of(&key) && !read.is_of(&MasterKey::ephemeral().unwrap()));
        let entries = read.entries();
        let main = &entries["/callbacks/main"];
        assert!(main.credentials[0].hash.matches(&KeyedHash::of(&key, main.endpoint, "key", b"hush")));
        assert!(entries["/other"].credentials.is_empty());
    }

    #[test]
    fn the_same_endpoints_are_the_same_snapshot() {
        let key = MasterKey::ephemeral().unwrap();
        let of = || Snapshot::of(&entries(&key), &key, OffsetDateTime::UNIX_EPOCH);
        for _ in 0..20 {
            assert_eq!(of(), of());
        }
    }

    #[test]
    fn something_else_is_no_snapshot() {
        for bytes in [&b""[..], b"{}", b"{\"endpoints\": []}", b"\xff"] {
            assert_eq!(Snapshot::read(bytes), None);
        }
    }
}
