//! The endpoints and their credentials at one point in time. Immutable: a refresh replaces it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use super::registered_target::RegisteredTarget;
use super::usage::Usage;
use eqp_store::internal::KeyedHash;
use eqp_store::internal::canary::{UsableCanary, is_canary};
use eqp_store::internal::endpoint::UsableCredential;
use eqp_store::{CredentialGeneration, CredentialId, EndpointId, MasterKey};

/// Endpoints by path, with their accepted credentials.
#[derive(Debug, Default)]
pub(crate) struct CredentialIndex {
    generation: CredentialGeneration,
    by_path: HashMap<String, Entry>,
    /// Several endpoints can have one user name; the oldest credential comes first.
    by_username: HashMap<String, Vec<Arc<Principal>>>,
    /// User names that are no longer accepted, with the names of their endpoints.
    retired: HashMap<String, String>,
    /// The credentials of canaries by their user names.
    canaries: HashMap<String, Canary>,
}

/// The number of times that one receiver accepts a canary. A proxy may send a request again.
const MAX_USES: u8 = 3;

/// The credential of a canary. It is not one of the endpoint's own, so its use proves nothing about the Marketplace and is not recorded.
#[derive(Debug)]
struct Canary {
    principal: Arc<Principal>,
    valid_until: Instant,
    /// The number of further uses, also after a refresh: a server at a wrong public URL learns the credential.
    uses: Arc<AtomicU8>,
}

#[derive(Debug)]
struct Entry {
    endpoint: EndpointId,
    name: String,
    registered: Arc<RegisteredTarget>,
    public_url: String,
    credentials: Vec<Arc<Principal>>,
}

/// One endpoint, as it is stored in a snapshot.
pub(super) struct IndexedEndpoint<'a> {
    pub(super) endpoint: EndpointId,
    pub(super) path: &'a str,
    pub(super) public_url: &'a str,
    pub(super) credentials: &'a [Arc<Principal>],
}

/// The endpoint and the credential that a request is authenticated for.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) endpoint: EndpointId,
    pub(crate) endpoint_name: String,
    pub(crate) credential: CredentialId,
    pub(crate) usage: Arc<Usage>,
    pub(crate) registered: Arc<RegisteredTarget>,
    pub(super) username: String,
    pub(super) hash: KeyedHash,
}

impl Principal {
    /// Returns whether a canary authenticates, and not the Marketplace.
    pub(crate) fn is_canary(&self) -> bool {
        is_canary(self.credential.0)
    }
}

impl CredentialIndex {
    /// Builds an index from database rows. Usage recorded in `before` is retained.
    pub(crate) fn new(generation: CredentialGeneration, rows: Vec<UsableCredential>, before: &Self) -> Self {
        let used: HashMap<CredentialId, &Arc<Usage>> =
            before.principals().map(|principal| (principal.credential, &principal.usage)).collect();
        let mut by_path: HashMap<String, Entry> = HashMap::new();
        for row in rows {
            let endpoint = EndpointId(row.endpoint_id);
            let entry = by_path.entry(row.path).or_insert_with_key(|path| Entry {
                endpoint,
                name: row.name.clone(),
                registered: Arc::new(RegisteredTarget::new(path, &row.public_url)),
                public_url: row.public_url,
                credentials: Vec::new(),
            });
            let (Some(id), Some(username), Some(hash)) = (row.credential_id, row.username, row.password_hmac) else {
                continue;
            };
            let Some(hash) = KeyedHash::from_slice(&hash) else { continue };
            let credential = CredentialId(id);
            let usage = used.get(&credential).map_or_else(|| Arc::new(Usage::known(row.last_used_at)), |&u| u.clone());
            entry.credentials.push(Arc::new(Principal {
                endpoint,
                endpoint_name: row.name,
                credential,
                usage,
                registered: Arc::clone(&entry.registered),
                username,
                hash,
            }));
        }
        let mut by_username: HashMap<String, Vec<Arc<Principal>>> = HashMap::new();
        for principal in by_path.values().flat_map(|entry| &entry.credentials) {
            by_username.entry(principal.username.clone()).or_default().push(Arc::clone(principal));
        }
        for principals in by_username.values_mut() {
            principals.sort_unstable_by_key(|principal| principal.credential);
        }
        Self { generation, by_path, by_username, retired: HashMap::new(), canaries: HashMap::new() }
    }

    /// Adds user names that are no longer accepted, with the names of their endpoints.
    pub(crate) fn with_retired(mut self, usernames: impl IntoIterator<Item = (String, String)>) -> Self {
        self.retired.extend(usernames);
        self
    }

    /// Adds the credentials of canaries to their endpoints. `before` has the numbers of their further uses.
    pub(crate) fn with_canaries(mut self, canaries: Vec<UsableCanary>, before: &Self) -> Self {
        let now = Instant::now();
        for canary in canaries {
            let endpoint = EndpointId(canary.endpoint_id);
            let entry = self.by_path.values().find(|entry| entry.endpoint == endpoint);
            let (Some(entry), Some(hash)) = (entry, KeyedHash::from_slice(&canary.password_hmac)) else { continue };
            let principal = Arc::new(Principal {
                endpoint,
                endpoint_name: entry.name.clone(),
                credential: CredentialId(canary.id),
                usage: Arc::new(Usage::known(None)),
                registered: Arc::clone(&entry.registered),
                username: canary.username.clone(),
                hash,
            });
            let known = before.canaries.get(&canary.username).map(|known| Arc::clone(&known.uses));
            let uses = known.unwrap_or_else(|| Arc::new(AtomicU8::new(MAX_USES)));
            self.canaries.insert(canary.username, Canary { principal, valid_until: now + canary.valid_for, uses });
        }
        self
    }

    /// Returns the name of the endpoint that has or had a credential with this user name.
    pub(crate) fn endpoint_of(&self, username: &str) -> Option<&str> {
        let known = self.by_username.get(username).and_then(|known| known.first());
        let known = known.map(|principal| &principal.endpoint_name).or_else(|| self.retired.get(username));
        known.map(String::as_str)
    }

    /// Returns the generation of credentials that it contains.
    pub(crate) fn generation(&self) -> CredentialGeneration {
        self.generation
    }

    /// Returns the paths of all endpoints, sorted.
    pub(crate) fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<_> = self.by_path.keys().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }

    /// Returns every endpoint with its credentials.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = IndexedEndpoint<'_>> {
        self.by_path.iter().map(|(path, entry)| IndexedEndpoint {
            endpoint: entry.endpoint,
            path,
            public_url: &entry.public_url,
            credentials: &entry.credentials,
        })
    }

    /// Returns whether an endpoint is registered at this path, in any spelling.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.by_path.contains_key(path) || self.by_path.values().any(|entry| entry.registered.covers(path))
    }

    /// Returns the principal with this credential. If several endpoints have the same user name and password, the one whose
    /// registered target is closest to `target` is returned, and the oldest of equals.
    ///
    /// Every credential with the user name is checked, in constant time.
    pub(crate) fn find(
        &self,
        key: &MasterKey,
        target: &str,
        username: &str,
        password: &[u8],
    ) -> Option<Arc<Principal>> {
        let Some(known) = self.by_username.get(username) else { return self.find_canary(key, username, password) };
        let mut matching = known
            .iter()
            .filter(|principal| principal.hash.matches(&KeyedHash::of(key, principal.endpoint, username, password)));
        let first = matching.next()?;
        // Empty and without an allocation, unless endpoints share a credential.
        let others: Vec<_> = matching.collect();
        if others.is_empty() {
            return Some(Arc::clone(first));
        }
        // `min_by_key` with `Reverse` returns the first of equally close principals, which is the oldest.
        let all = std::iter::once(first).chain(others);
        all.min_by_key(|principal| Reverse(principal.registered.compare(target))).cloned()
    }

    /// Returns the principal of a canary that has not expired.
    fn find_canary(&self, key: &MasterKey, username: &str, password: &[u8]) -> Option<Arc<Principal>> {
        let known = self.canaries.get(username).filter(|canary| Instant::now() < canary.valid_until);
        let principal = known.map(|canary| &canary.principal);
        // Compares a hash anyway, so that the time does not reveal which user names exist.
        let (endpoint, hash) =
            principal.map_or((EndpointId(0), KeyedHash::NONE), |principal| (principal.endpoint, principal.hash));
        let matches = hash.matches(&KeyedHash::of(key, endpoint, username, password));
        let used = known
            .filter(|_| matches)?
            .uses
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        principal.filter(|_| used.is_ok()).cloned()
    }

    /// Returns every accepted credential, without those of canaries.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.by_path.values().flat_map(|entry| &entry.credentials)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn index(key: &MasterKey, credentials: &[(i64, &str, &str, &str)]) -> CredentialIndex {
        let rows = credentials.iter().zip(1..).map(|(&(endpoint, path, username, password), id)| UsableCredential {
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
        CredentialIndex::new(CredentialGeneration(1), rows.collect(), &CredentialIndex::default())
    }

    #[test]
    fn a_retired_user_name_belongs_to_its_endpoint_and_is_not_accepted() {
        let key = MasterKey::ephemeral().unwrap();
        let index = index(&key, &[(1, "/callbacks/one", "key", "first")]);
        let index = index.with_retired(["old", "key"].map(|name| (name.to_owned(), "another".to_owned())));
        assert_eq!(index.endpoint_of("key"), Some("endpoint-1"), "the accepted one comes first");
        assert_eq!(index.endpoint_of("old"), Some("another"));
        assert_eq!(index.endpoint_of("unknown"), None);
        assert!(index.find(&key, "/callbacks/one", "old", b"first").is_none());
    }

    #[test]
    fn a_canary_is_accepted_until_it_expires_and_is_no_credential_of_its_endpoint() {
        let key = MasterKey::ephemeral().unwrap();
        let canary = |id, username: &str, valid_for| UsableCanary {
            id,
            endpoint_id: 1,
            username: username.to_owned(),
            password_hmac: KeyedHash::of(&key, EndpointId(1), username, b"chirp").as_bytes().to_vec(),
            valid_for,
        };
        let canaries = || vec![canary(-1, "new", Duration::from_mins(1)), canary(-2, "old", Duration::ZERO)];
        let before = index(&key, &[(1, "/callbacks/one", "key", "first")]);
        let index = index(&key, &[(1, "/callbacks/one", "key", "first")]).with_canaries(canaries(), &before);
        let found = index.find(&key, "/", "new", b"chirp").unwrap();
        assert!(found.is_canary() && found.endpoint == EndpointId(1) && found.endpoint_name == "endpoint-1");
        for (username, password) in [("new", "wrong"), ("old", "chirp"), ("", "chirp")] {
            assert!(index.find(&key, "/", username, password.as_bytes()).is_none(), "{username} {password}");
        }
        assert_eq!(index.endpoint_of("old"), None, "its rejection does not count as a rejected callback");
        assert!(index.principals().all(|principal| !principal.is_canary()), "its use is not recorded");
        let refreshed = before.with_canaries(canaries(), &index);
        let uses = (0..10).filter(|_| refreshed.find(&key, "/", "new", b"chirp").is_some()).count();
        assert_eq!(uses, usize::from(MAX_USES) - 1, "a refresh does not renew it");
    }

    #[test]
    fn the_path_only_decides_between_endpoints_with_the_same_credential() {
        let key = MasterKey::ephemeral().unwrap();
        let index = index(
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
            let found = index.find(&key, target, username, password.as_bytes()).map(|principal| principal.endpoint.0);
            assert_eq!(found, endpoint, "{target} {username} {password}");
        }
    }
}
