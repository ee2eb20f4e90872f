//! Profiles and the registered callbacks: `/rest/v1/users/{mage_id}`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Extra, MageId, lenient};

/// The profile of an account. Other fields are preserved in `extra`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserProfile {
    /// The ID of the account.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub mage_id: Option<MageId>,
    /// The first name of the account's owner.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The last name of the account's owner.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The e-mail address of the account's owner.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The displayed name.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub screen_name: Option<String>,
    /// The vendor name, which is the first part of its SKUs.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub vendor_name: Option<String>,
    /// The partner tier.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub partner_level: Option<String>,
    /// Whether the account belongs to a company.
    #[serde(default, deserialize_with = "lenient::optional_bool", skip_serializing_if = "Option::is_none")]
    pub is_company: Option<bool>,
    /// Whether the account may use the API. Observed, but not documented.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_api: Option<Value>,
    /// The registered callbacks, without passwords. Absent in a short profile.
    #[serde(default, deserialize_with = "callback_list", skip_serializing_if = "Option::is_none")]
    pub api_callbacks: Option<Vec<ApiCallbackEntry>>,
    /// All other fields.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Reads a list, which PHP may write as an object: an empty list as `{}`, and a list with a gap with the indexes as names.
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

/// An entry of `api_callbacks` as the API returns it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ApiCallbackEntry {
    /// An entry in the documented format.
    Known(ApiCallback),
    /// An entry in another format, unchanged.
    Unreadable(Value),
}

impl ApiCallbackEntry {
    /// Returns the entry if it has the documented format.
    pub fn known(&self) -> Option<&ApiCallback> {
        match self {
            Self::Known(entry) => Some(entry),
            Self::Unreadable(_) => None,
        }
    }
}

/// A registered callback: the URL and the user name for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiCallback {
    /// The label.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The URL that receives callbacks.
    pub url: String,
    /// The user name for HTTP Basic authentication.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Fields that are not documented. The password is only part of requests and is added when one is sent.
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
