//! Who may call, as it was at one moment: never changed, only replaced by a newer one.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::keyed_hash::KeyedHash;
use super::place::Place;
use super::usage::Usage;
use super::{CredentialGeneration, CredentialId, EndpointId, MasterKey};
use crate::store::endpoint::Usable;

/// Endpoints by their path, with the credentials that are taken.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    generation: CredentialGeneration,
    by_path: HashMap<String, Entry>,
    /// Several endpoints can have one user name; the oldest credential comes first.
    by_username: HashMap<String, Vec<Arc<Caller>>>,
}

#[derive(Debug)]
struct Entry {
    endpoint: EndpointId,
    place: Arc<Place>,
    public_url: String,
    credentials: Vec<Arc<Caller>>,
}

/// One endpoint, as a snapshot keeps it.
pub(super) struct Listed<'a> {
    pub(super) endpoint: EndpointId,
    pub(super) path: &'a str,
    pub(super) public_url: &'a str,
    pub(super) credentials: &'a [Arc<Caller>],
}

/// Whom a credential belongs to.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) endpoint: EndpointId,
    pub(crate) endpoint_name: String,
    pub(crate) credential: CredentialId,
    pub(crate) usage: Arc<Usage>,
    pub(crate) place: Arc<Place>,
    pub(super) username: String,
    pub(super) hash: KeyedHash,
}

impl Roster {
    /// Puts the rows of the database together; what `before` knows of the use of credentials stays known.
    pub(crate) fn new(generation: CredentialGeneration, rows: Vec<Usable>, before: &Self) -> Self {
        let used: HashMap<CredentialId, &Arc<Usage>> =
            before.callers().map(|caller| (caller.credential, &caller.usage)).collect();
        let mut by_path: HashMap<String, Entry> = HashMap::new();
        for row in rows {
            let endpoint = EndpointId(row.endpoint_id);
            let entry = by_path.entry(row.path).or_insert_with_key(|path| Entry {
                endpoint,
                place: Arc::new(Place::new(path, &row.public_url)),
                public_url: row.public_url,
                credentials: Vec::new(),
            });
            let (Some(id), Some(username), Some(hash)) = (row.credential_id, row.username, row.password_hmac) else {
                continue;
            };
            let Some(hash) = KeyedHash::from_slice(&hash) else { continue };
            let credential = CredentialId(id);
            let usage = used.get(&credential).map_or_else(|| Arc::new(Usage::known(row.last_used_at)), |&u| u.clone());
            entry.credentials.push(Arc::new(Caller {
                endpoint,
                endpoint_name: row.name,
                credential,
                usage,
                place: Arc::clone(&entry.place),
                username,
                hash,
            }));
        }
        let mut by_username: HashMap<String, Vec<Arc<Caller>>> = HashMap::new();
        for caller in by_path.values().flat_map(|entry| &entry.credentials) {
            by_username.entry(caller.username.clone()).or_default().push(Arc::clone(caller));
        }
        for callers in by_username.values_mut() {
            callers.sort_unstable_by_key(|caller| caller.credential);
        }
        Self { generation, by_path, by_username }
    }

    /// The number of the last change of credentials that is in it.
    pub(crate) fn generation(&self) -> CredentialGeneration {
        self.generation
    }

    /// The paths of all endpoints, in order.
    pub(crate) fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<_> = self.by_path.keys().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }

    /// Every endpoint with its credentials.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = Listed<'_>> {
        self.by_path.iter().map(|(path, entry)| Listed {
            endpoint: entry.endpoint,
            path,
            public_url: &entry.public_url,
            credentials: &entry.credentials,
        })
    }

    /// Whether a path is where some endpoint is registered, however it is spelled.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.by_path.contains_key(path) || self.by_path.values().any(|entry| entry.place.covers(path))
    }

    /// The caller with this credential. The credential decides: where several endpoints have the same user name and
    /// password, the one whose registration is closest to `target`, and among equals the oldest.
    ///
    /// Every credential with the user name is checked, in the same time whether it is right or wrong.
    pub(crate) fn find(&self, key: &MasterKey, target: &str, username: &str, password: &[u8]) -> Option<Arc<Caller>> {
        let Some(known) = self.by_username.get(username) else {
            // As for a user name that one endpoint has.
            let _ = KeyedHash::NONE.matches(&KeyedHash::of(key, EndpointId(0), username, password));
            return None;
        };
        let mut right =
            known.iter().filter(|caller| caller.hash.matches(&KeyedHash::of(key, caller.endpoint, username, password)));
        let first = right.next()?;
        // Empty, which takes no memory, but for endpoints that share a credential.
        let others: Vec<_> = right.collect();
        if others.is_empty() {
            return Some(Arc::clone(first));
        }
        // Of equals the first one.
        let all = std::iter::once(first).chain(others);
        all.min_by_key(|caller| Reverse(caller.place.closeness(target))).cloned()
    }

    /// Every credential that is taken.
    pub(crate) fn callers(&self) -> impl Iterator<Item = &Arc<Caller>> {
        self.by_path.values().flat_map(|entry| &entry.credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(key: &MasterKey, credentials: &[(i64, &str, &str, &str)]) -> Roster {
        let rows = credentials.iter().zip(1..).map(|(&(endpoint, path, username, password), id)| Usable {
            endpoint_id: endpoint,
            name: format!("endpoint-{endpoint}"),
            path: path.to_owned(),
            public_url: format!("https://eqp.example.com{path}"),
            credential_id: Some(id),
            username: Some(username.to_owned()),
            password_hmac: Some(
                KeyedHash::of(key, EndpointId(endpoint), username, password.as_bytes()).as_bytes().to_vec(),
            ),
            last_used_at: None,
        });
        Roster::new(CredentialGeneration(1), rows.collect(), &Roster::default())
    }

    #[test]
    fn the_credential_decides_and_the_path_only_between_the_same_credentials() {
        let key = MasterKey::ephemeral().unwrap();
        let roster = roster(
            &key,
            &[
                (1, "/callbacks/one", "key", "first"),
                (2, "/callbacks/two", "key", "second"),
                (3, "/callbacks/three", "shared", "same"),
                (4, "/callbacks/four", "shared", "same"),
                (5, "/other/four", "shared", "same"),
            ],
        );
        for (target, username, password, endpoint) in [
            ("/callbacks/two", "key", "first", Some(1)),
            ("/", "key", "second", Some(2)),
            ("/callbacks/one", "key", "third", None),
            ("/callbacks/one", "nobody", "first", None),
            ("/callbacks/one", "", "", None),
            ("/callbacks/four", "shared", "same", Some(4)),
            ("/callbacks/four/?x", "shared", "same", Some(4)),
            ("/other//four", "shared", "same", Some(5)),
            ("/proxy/callbacks/four", "shared", "same", Some(4)),
            ("/four", "shared", "same", Some(4)),
            ("/elsewhere", "shared", "same", Some(3)),
        ] {
            let found = roster.find(&key, target, username, password.as_bytes()).map(|caller| caller.endpoint.0);
            assert_eq!(found, endpoint, "{target} {username} {password}");
        }
    }
}
