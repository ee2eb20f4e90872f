//! Composer keys.

use serde_json::{Value, json};

use super::Market;
use super::account::{AccountIndex, Key};
use crate::chance;
use crate::refused::Refused;

impl Key {
    fn shown(&self) -> Value {
        json!({
            "label": self.label,
            "user_key": self.user,
            "password_key": self.password,
            "is_enabled": self.is_enabled,
            "uid": self.uid,
        })
    }
}

impl Market {
    /// The keys with this label and of this account, where those are given; `all` is every account.
    pub(crate) fn keys(&self, account: AccountIndex, label: Option<&str>, uid: Option<&str>) -> Vec<Value> {
        let uid = uid.filter(|uid| *uid != "all");
        self.accounts[account]
            .keys
            .iter()
            .filter(|key| label.is_none_or(|label| key.label == label) && uid.is_none_or(|uid| key.uid == uid))
            .map(Key::shown)
            .collect()
    }

    /// Makes a key; the answer is an item of a batch.
    pub(crate) fn add_key(&mut self, account: AccountIndex, wanted: &Value) -> Value {
        let Some(label) = wanted.get("label").and_then(Value::as_str).filter(|label| !label.is_empty()) else {
            return Refused::bad_request("A key needs a `label`").item();
        };
        let uid = self.uid(account, wanted.get("uid").and_then(Value::as_str));
        if self.accounts[account].keys.iter().any(|key| key.label == label && key.uid == uid) {
            return Refused::bad_request("The label is already used").item();
        }
        let number = self.next_number().to_string();
        let seed = self.manners.seed;
        let key = Key {
            label: label.to_owned(),
            user: chance::letters(seed, &["user key", &number], 32),
            password: chance::letters(seed, &["password key", &number], 32),
            is_enabled: true,
            uid,
        };
        let mut item = key.shown();
        item["code"] = json!(200);
        item["message"] = json!("Success");
        self.accounts[account].keys.push(key);
        item
    }

    /// Changes a key; the answer is an item without a code.
    pub(crate) fn change_key(&mut self, account: AccountIndex, label: &str, wanted: &Value) -> Result<Value, Refused> {
        let uid = self.uid(account, wanted.get("uid").and_then(Value::as_str));
        let keys = &mut self.accounts[account].keys;
        let key = keys
            .iter_mut()
            .find(|key| key.label == label && key.uid == uid)
            .ok_or_else(|| Refused::not_found("key", label))?;
        if let Some(is_enabled) = wanted.get("is_enabled").and_then(Value::as_bool) {
            key.is_enabled = is_enabled;
        }
        Ok(key.shown())
    }

    /// Removes a key.
    pub(crate) fn remove_key(&mut self, account: AccountIndex, label: &str, uid: Option<&str>) -> Result<(), Refused> {
        let uid = self.uid(account, uid);
        let keys = &mut self.accounts[account].keys;
        let before = keys.len();
        keys.retain(|key| !(key.label == label && key.uid == uid));
        if keys.len() == before { Err(Refused::not_found("key", label)) } else { Ok(()) }
    }

    /// No `uid` means the account itself.
    fn uid(&self, account: AccountIndex, wanted: Option<&str>) -> String {
        wanted.map_or_else(|| self.accounts[account].mage_id.to_string(), str::to_owned)
    }
}
