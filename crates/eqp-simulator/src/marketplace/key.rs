//! Composer keys: list, create, change and remove.

use serde_json::{Value, json};

use super::Marketplace;
use super::state::{AccountIndex, Key};
use crate::error_response::ErrorResponse;
use crate::rng;

impl Marketplace {
    /// Returns the keys, filtered by label and account if they are given; the `uid` `all` selects every account.
    pub(crate) fn keys(&self, account: AccountIndex, label: Option<&str>, uid: Option<&str>) -> Vec<Value> {
        let uid = uid.filter(|uid| *uid != "all");
        self.accounts[account]
            .keys
            .iter()
            .filter(|key| label.is_none_or(|label| key.label == label) && uid.is_none_or(|uid| key.uid == uid))
            .map(Key::shown)
            .collect()
    }

    /// Creates a key and returns the item of the batch's response.
    pub(crate) fn add_key(&mut self, account: AccountIndex, wanted: &Value) -> Value {
        let Some(label) = wanted.get("label").and_then(Value::as_str).filter(|label| !label.is_empty()) else {
            return json!(ErrorResponse::bad_request("A key needs a `label`").item());
        };
        let uid = self.uid(account, wanted.get("uid").and_then(Value::as_str));
        if self.accounts[account].keys.iter().any(|key| key.label == label && key.uid == uid) {
            return json!(ErrorResponse::bad_request("The label is already used").item());
        }
        let number = self.next_number().to_string();
        let seed = self.behaviour.seed;
        let key = Key {
            label: label.to_owned(),
            user: rng::letters(seed, &["user key", &number], 32),
            password: rng::letters(seed, &["password key", &number], 32),
            is_enabled: true,
            uid,
        };
        let mut item = key.shown();
        item["code"] = json!(200);
        item["message"] = json!("Success");
        self.accounts[account].keys.push(key);
        item
    }

    /// Changes a key and returns its item, which has no code. The account is given in the item, or else in the query.
    pub(crate) fn change_key(
        &mut self,
        account: AccountIndex,
        label: &str,
        uid: Option<&str>,
        wanted: &Value,
    ) -> Result<Value, ErrorResponse> {
        let uid = self.uid(account, wanted.get("uid").and_then(Value::as_str).or(uid));
        let keys = &mut self.accounts[account].keys;
        let key = keys
            .iter_mut()
            .find(|key| key.label == label && key.uid == uid)
            .ok_or_else(|| ErrorResponse::not_found("key", label))?;
        if let Some(is_enabled) = wanted.get("is_enabled").and_then(Value::as_bool) {
            key.is_enabled = is_enabled;
        }
        Ok(key.shown())
    }

    /// Removes a key.
    pub(crate) fn remove_key(
        &mut self,
        account: AccountIndex,
        label: &str,
        uid: Option<&str>,
    ) -> Result<(), ErrorResponse> {
        let uid = self.uid(account, uid);
        let keys = &mut self.accounts[account].keys;
        let before = keys.len();
        keys.retain(|key| !(key.label == label && key.uid == uid));
        if keys.len() == before { Err(ErrorResponse::not_found("key", label)) } else { Ok(()) }
    }

    /// Returns the requested `uid`; without one, that of the account itself.
    fn uid(&self, account: AccountIndex, wanted: Option<&str>) -> String {
        wanted.map_or_else(|| self.accounts[account].mage_id.to_string(), str::to_owned)
    }
}
