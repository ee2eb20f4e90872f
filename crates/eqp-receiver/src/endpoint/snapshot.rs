//! Stores the credential index in the spool whenever it changes, and reads it back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_store::MasterKey;
use eqp_store::internal::{Part, Supervisor};
use tokio_util::sync::CancellationToken;

use super::credential_cache::CredentialCache;
use super::credential_index::{CredentialIndex, IndexedEndpoint, Principal};
use crate::spool::Spool;
use crate::spool::snapshot::{Endpoints, Snapshot, SnapshotCredential, SnapshotEndpoint};

/// Builds the index from a snapshot. A credential whose hash cannot be read is omitted.
pub(crate) fn index(snapshot: &Snapshot) -> CredentialIndex {
    CredentialIndex::new(snapshot.generation(), snapshot.rows(), &CredentialIndex::default())
}

fn endpoints_of(index: &CredentialIndex, key: &MasterKey) -> Endpoints {
    let credential = |principal: &Principal| SnapshotCredential {
        id: principal.credential.0,
        endpoint_name: principal.endpoint_name.clone(),
        username: principal.username.clone(),
        password_hmac: URL_SAFE_NO_PAD.encode(principal.hash.as_bytes()),
    };
    let endpoint = |listed: IndexedEndpoint<'_>| SnapshotEndpoint {
        id: listed.endpoint.0,
        path: listed.path.to_owned(),
        public_url: listed.public_url.to_owned(),
        credentials: listed.credentials.iter().map(|principal| credential(principal)).collect(),
    };
    Endpoints::new(key, index.generation(), index.endpoints().map(endpoint).collect())
}

/// Stores the endpoints in the spool now and after each change, until shutdown. `stored` is what the spool already contains.
pub(crate) async fn maintain(
    credentials: CredentialCache,
    spool: Spool,
    mut stored: Option<Snapshot>,
    supervisor: Supervisor,
    shutdown: CancellationToken,
) {
    let mut updates = credentials.subscribe();
    loop {
        supervisor.fault_point(Part::Snapshot);
        let now = endpoints_of(&updates.borrow_and_update().clone(), credentials.key());
        if stored.as_ref().is_none_or(|stored| !stored.contains(&now)) {
            let snapshot = Snapshot::of(now);
            match spool.store_snapshot(snapshot.to_bytes()).await {
                Ok(()) => stored = Some(snapshot),
                Err(error) => {
                    tracing::warn!(%error, "cannot store the endpoints in the spool");
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = updates.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eqp_store::internal::KeyedHash;
    use eqp_store::internal::endpoint::UsableCredential;
    use eqp_store::{CredentialGeneration, EndpointId};

    fn snapshot(key: &MasterKey) -> Snapshot {
        let hash = KeyedHash::of(key, EndpointId(7), "key", b"hush");
        let main = UsableCredential {
            endpoint_id: 7,
            name: "main".to_owned(),
            path: "/callbacks/main".to_owned(),
            public_url: "https://eqp.example.com/callbacks/main".to_owned(),
            credential_id: Some(9),
            username: Some("key".to_owned()),
            password_hmac: Some(hash.as_bytes().to_vec()),
            last_used_at: None,
        };
        let other = UsableCredential {
            endpoint_id: 8,
            name: "other".to_owned(),
            path: "/other".to_owned(),
            public_url: "https://eqp.example.com/other".to_owned(),
            credential_id: None,
            username: None,
            password_hmac: None,
            last_used_at: None,
        };
        let index = CredentialIndex::new(CredentialGeneration(3), vec![main, other], &CredentialIndex::default());
        Snapshot::of(endpoints_of(&index, key))
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_stored_and_contains_no_password() {
        let key = MasterKey::ephemeral().unwrap();
        let bytes = snapshot(&key).to_bytes();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("hush"));
        let read = Snapshot::read(&bytes).unwrap();
        assert!(read.contains(&endpoints_of(&index(&snapshot(&key)), &key)));
        assert!(read.matches_key(&key) && !read.matches_key(&MasterKey::ephemeral().unwrap()));
        let index = index(&read);
        assert_eq!(index.generation(), CredentialGeneration(3));
        let principal = index.find(&key, "/callbacks/main", "key", b"hush").unwrap();
        assert_eq!((principal.credential.0, principal.endpoint_name.as_str()), (9, "main"));
        assert!(index.find(&key, "/callbacks/main", "key", b"other").is_none());
        assert!(index.covers("/other"));
    }

    #[test]
    fn snapshots_of_the_same_endpoints_are_equal() {
        let key = MasterKey::ephemeral().unwrap();
        for _ in 0..20 {
            assert!(snapshot(&key).contains(&endpoints_of(&index(&snapshot(&key)), &key)));
        }
    }

    #[test]
    fn other_data_is_not_a_snapshot() {
        for bytes in [&b""[..], b"{}", b"{\"endpoints\": []}", b"\xff"] {
            assert_eq!(Snapshot::read(bytes), None);
        }
    }
}
