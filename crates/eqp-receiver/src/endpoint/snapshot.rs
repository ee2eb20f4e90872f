//! The endpoints as they were last loaded, for a receiver that starts while the database cannot be reached.
//!
//! It holds keyed hashes and no password, and is bound to the master key that they were made with. It is kept anew
//! whenever the directory has changed, in the spool's file: whole and on the disk, or as it was.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::directory::Directory;
use super::roster::{Caller, Listed, Roster};
use super::{CredentialGeneration, MasterKey};
use crate::spool::Spool;
use crate::store::endpoint::Usable;
use crate::supervise::{Part, Supervisor};

/// Kept endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    #[serde(with = "time::serde::timestamp")]
    taken_at: OffsetDateTime,
    #[serde(flatten)]
    kept: Kept,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Of the master key.
    key_fingerprint: String,
    /// The number of the last change that is in it.
    generation: i64,
    endpoints: Vec<KeptEndpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptEndpoint {
    id: i64,
    path: String,
    /// Not in snapshots of older programs.
    #[serde(default)]
    public_url: String,
    credentials: Vec<KeptCredential>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptCredential {
    id: i64,
    endpoint_name: String,
    username: String,
    password_hmac: String,
}

impl Snapshot {
    /// Reads what [`to_bytes`](Self::to_bytes) made; none where it is something else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers only: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Since when the endpoints are these, as far as this receiver knows.
    pub(crate) fn taken_at(&self) -> OffsetDateTime {
        self.taken_at
    }

    /// How many endpoints it holds.
    pub(crate) fn endpoints(&self) -> usize {
        self.kept.endpoints.len()
    }

    /// Whether its hashes were made with this key.
    pub(crate) fn is_of(&self, key: &MasterKey) -> bool {
        self.kept.key_fingerprint == fingerprint(key)
    }

    /// The endpoints. A hash that cannot be read lets nobody in.
    pub(super) fn roster(&self) -> Roster {
        let rows = self.kept.endpoints.iter().flat_map(KeptEndpoint::rows).collect();
        Roster::new(CredentialGeneration(self.kept.generation), rows, &Roster::default())
    }
}

impl Kept {
    /// In an order of their own, so that the same endpoints are the same.
    fn of(roster: &Roster, key: &MasterKey) -> Self {
        let credential = |caller: &Caller| KeptCredential {
            id: caller.credential.0,
            endpoint_name: caller.endpoint_name.clone(),
            username: caller.username.clone(),
            password_hmac: URL_SAFE_NO_PAD.encode(caller.hash.as_bytes()),
        };
        let endpoint = |listed: Listed<'_>| {
            let mut credentials: Vec<_> = listed.credentials.iter().map(|caller| credential(caller)).collect();
            credentials.sort_unstable_by_key(|credential| credential.id);
            let (path, public_url) = (listed.path.to_owned(), listed.public_url.to_owned());
            KeptEndpoint { id: listed.endpoint.0, path, public_url, credentials }
        };
        let mut endpoints: Vec<_> = roster.endpoints().map(endpoint).collect();
        endpoints.sort_unstable_by_key(|endpoint| endpoint.id);
        Self { key_fingerprint: fingerprint(key), generation: roster.generation().0, endpoints }
    }
}

impl KeptEndpoint {
    /// As the database would list it: one row for each credential, or one without.
    fn rows(&self) -> Vec<Usable> {
        let row = |credential: Option<&KeptCredential>| Usable {
            endpoint_id: self.id,
            name: credential.map(|kept| kept.endpoint_name.clone()).unwrap_or_default(),
            path: self.path.clone(),
            public_url: self.public_url.clone(),
            credential_id: credential.map(|kept| kept.id),
            username: credential.map(|kept| kept.username.clone()),
            password_hmac: credential.and_then(|kept| URL_SAFE_NO_PAD.decode(&kept.password_hmac).ok()),
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

/// Keeps the directory in the spool, which holds `kept` already: at once, and after each change until shutdown.
pub(crate) async fn keep(
    directory: Directory,
    spool: Spool,
    mut kept: Option<Snapshot>,
    supervisor: Supervisor,
    shutdown: CancellationToken,
) {
    let mut rosters = directory.rosters();
    loop {
        supervisor.fault_point(Part::Snapshot);
        let now = Kept::of(&rosters.borrow_and_update().clone(), directory.key());
        if kept.as_ref().is_none_or(|kept| kept.kept != now) {
            let snapshot = Snapshot { taken_at: OffsetDateTime::now_utc().truncate_to_second(), kept: now };
            match spool.keep_snapshot(snapshot.to_bytes()).await {
                Ok(()) => kept = Some(snapshot),
                Err(error) => {
                    tracing::warn!(%error, "the endpoints could not be kept for a start without the database");
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = rosters.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::EndpointId;
    use super::super::keyed_hash::KeyedHash;
    use super::*;

    fn snapshot(key: &MasterKey) -> Snapshot {
        let hash = KeyedHash::of(key, EndpointId(7), "key", b"hush");
        let main = Usable {
            endpoint_id: 7,
            name: "main".to_owned(),
            path: "/callbacks/main".to_owned(),
            public_url: "https://eqp.example.com/callbacks/main".to_owned(),
            credential_id: Some(9),
            username: Some("key".to_owned()),
            password_hmac: Some(hash.as_bytes().to_vec()),
            last_used_at: None,
        };
        let other = Usable {
            endpoint_id: 8,
            name: "other".to_owned(),
            path: "/other".to_owned(),
            public_url: "https://eqp.example.com/other".to_owned(),
            credential_id: None,
            username: None,
            password_hmac: None,
            last_used_at: None,
        };
        let roster = Roster::new(CredentialGeneration(3), vec![main, other], &Roster::default());
        Snapshot { taken_at: OffsetDateTime::UNIX_EPOCH, kept: Kept::of(&roster, key) }
    }

    #[test]
    fn is_read_as_it_was_kept_and_holds_no_password() {
        let key = MasterKey::ephemeral().unwrap();
        let bytes = snapshot(&key).to_bytes();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("hush"));
        let read = Snapshot::read(&bytes).unwrap();
        assert_eq!(read, snapshot(&key));
        assert!(read.is_of(&key) && !read.is_of(&MasterKey::ephemeral().unwrap()));
        let roster = read.roster();
        assert_eq!(roster.generation(), CredentialGeneration(3));
        let caller = roster.find(&key, "/callbacks/main", "key", b"hush").unwrap();
        assert_eq!((caller.credential.0, caller.endpoint_name.as_str()), (9, "main"));
        assert!(roster.find(&key, "/callbacks/main", "key", b"other").is_none());
        assert!(roster.covers("/other"));
    }

    #[test]
    fn the_same_endpoints_are_the_same_snapshot() {
        let key = MasterKey::ephemeral().unwrap();
        for _ in 0..20 {
            assert_eq!(snapshot(&key), snapshot(&key));
        }
    }

    #[test]
    fn something_else_is_no_snapshot() {
        for bytes in [&b""[..], b"{}", b"{\"endpoints\": []}", b"\xff"] {
            assert_eq!(Snapshot::read(bytes), None);
        }
    }
}
