//! Who may call, as it was at one moment: never changed, only replaced by a newer one.

use std::collections::HashMap;
use std::sync::Arc;

use super::keyed_hash::KeyedHash;
use super::usage::Usage;
use super::{CredentialGeneration, CredentialId, EndpointId, MasterKey};
use crate::store::endpoint::Usable;

/// Endpoints by their path, with the credentials that are taken.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    generation: CredentialGeneration,
    by_path: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    endpoint: EndpointId,
    credentials: Vec<Arc<Caller>>,
}

/// Whom a credential belongs to.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) endpoint: EndpointId,
    pub(crate) endpoint_name: String,
    pub(crate) credential: CredentialId,
    pub(crate) usage: Arc<Usage>,
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
            let entry = by_path.entry(row.path).or_insert_with(|| Entry { endpoint, credentials: Vec::new() });
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
                username,
                hash,
            }));
        }
        Self { generation, by_path }
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

    /// The endpoint at each path, with its credentials.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (&str, EndpointId, &[Arc<Caller>])> {
        self.by_path.iter().map(|(path, entry)| (path.as_str(), entry.endpoint, &*entry.credentials))
    }

    /// Whether an endpoint answers at `path`.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
    }

    /// The caller with this credential at this path. It takes the same time whichever part is wrong.
    pub(crate) fn find(&self, key: &MasterKey, path: &str, username: &str, password: &[u8]) -> Option<Arc<Caller>> {
        let entry = self.by_path.get(path);
        let endpoint = entry.map_or(EndpointId(0), |entry| entry.endpoint);
        let known = entry.and_then(|entry| entry.credentials.iter().find(|known| known.username == username));
        let given = KeyedHash::of(key, endpoint, username, password);
        let right = known.map_or(&KeyedHash::NONE, |known| &known.hash).matches(&given);
        known.filter(|_| right).cloned()
    }

    /// Every credential that is taken.
    pub(crate) fn callers(&self) -> impl Iterator<Item = &Arc<Caller>> {
        self.by_path.values().flat_map(|entry| &entry.credentials)
    }
}
