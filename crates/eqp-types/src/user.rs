//! Profiles and the callbacks registered in them: `/rest/v1/users/{mage_id}`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Extra, MageId, lenient};

/// A profile. Unknown fields survive; the fields named here are those that the project reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserProfile {
    /// The account.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub mage_id: Option<MageId>,
    /// First name of the account's owner.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name of the account's owner.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Address of the account's owner.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name shown.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub screen_name: Option<String>,
    /// The vendor's name: the first half of its SKUs.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub vendor_name: Option<String>,
    /// The partner tier.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub partner_level: Option<String>,
    /// The profile is a company's.
    #[serde(default, deserialize_with = "lenient::optional_bool", skip_serializing_if = "Option::is_none")]
    pub is_company: Option<bool>,
    /// Whether the account may use the API (seen).
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_api: Option<Value>,
    /// The registered callbacks, never with a password. A short profile has none.
    #[serde(default, deserialize_with = "callback_list", skip_serializing_if = "Option::is_none")]
    pub api_callbacks: Option<Vec<ApiCallbackEntry>>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The API's language has one type for lists and objects: an empty list may come as `{}`, one with a gap as an object
/// with numbers for names.
fn callback_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<ApiCallbackEntry>>, D::Error> {
    let list = match lenient::optional::<D, Value>(deserializer)? {
        None => return Ok(None),
        Some(Value::Object(fields)) if fields.is_empty() => return Ok(None),
        Some(Value::Object(fields)) => {
            let numbered: Option<BTreeMap<u32, Value>> =
                fields.iter().map(|(name, entry)| Some((name.parse().ok()?, entry.clone()))).collect();
            numbered.map_or(Value::Object(fields), |entries| entries.into_values().collect())
        }
        Some(list) => list,
    };
    Vec::deserialize(list).map(Some).map_err(D::Error::custom)
}

/// One entry of `api_callbacks` as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ApiCallbackEntry {
    /// An entry of the documented form.
    Known(ApiCallback),
    /// Something else, kept as it is.
    Unreadable(Value),
}

impl ApiCallbackEntry {
    /// The entry, if it has the documented form.
    pub fn known(&self) -> Option<&ApiCallback> {
        match self {
            Self::Known(entry) => Some(entry),
            Self::Unreadable(_) => None,
        }
    }
}

/// A registered callback: where callbacks go and with which user name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiCallback {
    /// A label.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The URL that receives callbacks.
    pub url: String,
    /// Basic authorization: user name.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Fields that are not documented. A password, which only a request holds, is added by whoever sends it.
    #[serde(flatten)]
    pub extra: Extra,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_registration() {
        let profile: UserProfile = serde_json::from_str(
            r#"{"mage_id": "MAG123456789", "api_callbacks": [{"name": "My 1st EQP Callback",
                "url": "https://developer.example.com/rest/v1/callback", "username": "key"}], "personal_profile": []}"#,
        )
        .unwrap();
        let entries = profile.api_callbacks.unwrap();
        assert_eq!(entries[0].known().unwrap().username.as_deref(), Some("key"));
        assert!(profile.extra.contains_key("personal_profile"));
    }

    #[test]
    fn a_list_may_come_as_an_object() {
        let list = |json: &str| serde_json::from_str::<UserProfile>(json).map(|profile| profile.api_callbacks);
        for empty in ["{}", r#"{"api_callbacks": []}"#, r#"{"api_callbacks": {}}"#, r#"{"api_callbacks": null}"#] {
            assert_eq!(list(empty).unwrap(), None, "{empty}");
        }
        let numbered = list(r#"{"api_callbacks": {"10": {"url": "b"}, "2": {"url": "a"}}}"#).unwrap().unwrap();
        let urls: Vec<_> = numbered.iter().map(|entry| entry.known().unwrap().url.as_str()).collect();
        assert_eq!(urls, ["a", "b"]);
        assert!(list(r#"{"api_callbacks": {"url": "a"}}"#).is_err(), "no list, and not to be taken for an empty one");
        assert!(list(r#"{"api_callbacks": 7}"#).is_err());
    }

    #[test]
    fn an_entry_of_another_form_is_kept_as_it_is() {
        let json = serde_json::json!({"api_callbacks": [{"href": "https://a.example"}, 7]});
        let profile: UserProfile = serde_json::from_value(json.clone()).unwrap();
        assert!(profile.api_callbacks.as_ref().unwrap().iter().all(|entry| entry.known().is_none()));
        assert_eq!(serde_json::to_value(profile).unwrap(), json);
    }
}
