//! The profile of an account, and the callbacks registered in it.

use eqp_types::{MageId, Secret};
use serde_json::{Map, Value, json};
use url::Url;

use super::{AccountIndex, Market};
use crate::refused::Refused;
use crate::sender::Registration;

/// What a `PUT` does to the list of registered callbacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallbackList {
    /// The list that is sent replaces the list there is; an entry without a password has none from then on.
    #[default]
    Replace,
    /// Entries with a new URL are added, those with a known URL replace the known one.
    Merge,
}

/// So many callbacks can be registered.
const MOST_CALLBACKS: usize = 100;
const LONGEST_URL: usize = 2000;
/// A request cannot change these.
const READ_ONLY: [&str; 7] =
    ["mage_id", "adobe_user_id", "eqp_api", "partner_level", "organizations", "tax_review_status", "has_accepted_tos"];
const ACTIONS: [&str; 3] = ["draft", "submit", "publish"];
const SUMMARY: [&str; 9] = [
    "mage_id",
    "adobe_user_id",
    "first_name",
    "last_name",
    "email",
    "screen_name",
    "has_completed_profile",
    "has_accepted_tos",
    "profile_image_artifact",
];

/// The profile an account begins with. Empty objects are spelled `[]`, as the API does.
pub(super) fn of_a_new_account(mage_id: &MageId) -> Map<String, Value> {
    let profile = json!({
        "mage_id": mage_id,
        "adobe_user_id": null,
        "first_name": "Ada",
        "last_name": "Vendor",
        "email": "ada@vendor.example",
        "screen_name": "adavendor",
        "has_completed_profile": true,
        "has_accepted_tos": true,
        "profile_image_artifact": [],
        "send_newsletter": false,
        "tos_accepted_version": "1.0",
        "tos_accepted_date": "2020-07-21 8:09:10",
        "is_company": true,
        "vendor_name": "acme",
        "partner_level": 4,
        "locale": "en_US",
        "timezone": "UTC",
        "payment_type": 1,
        "payment_info": "{}",
        "taxpayer_type": 2,
        "tax_review_status": 3,
        "tax_withhold_percent": 0,
        "extension_share_percent": 85,
        "theme_share_percent": 85,
        "install_share_percent": 85,
        "support_share_percent": 85,
        "privacy_policy_url": "",
        "personal_profile": {
            "bio": "", "last_logged_in": "", "created_at": "2020-07-21 8:09:10",
            "modified_at": "2020-07-21 8:09:10", "social_media_info": [], "addresses": [],
        },
        "company_profile": {
            "name": "Acme", "bio": "", "website_url": "https://vendor.example", "primary_email": "ada@vendor.example",
            "support_email": "", "social_media_info": [], "addresses": [],
        },
        "organizations": [],
        "eqp_api": {"is_eligible": true, "has_credentials": true},
    });
    match profile {
        Value::Object(profile) => profile,
        _ => Map::new(),
    }
}

impl Market {
    /// The whole profile, never with a password.
    pub(crate) fn profile(&self, account: AccountIndex) -> Value {
        let owner = &self.accounts[account];
        let mut profile = owner.profile.clone();
        profile.insert("api_callbacks".into(), owner.registrations.iter().map(shown).collect());
        Value::Object(profile)
    }

    /// The short profile.
    pub(crate) fn profile_summary(&self, account: AccountIndex) -> Value {
        let profile = &self.accounts[account].profile;
        SUMMARY
            .iter()
            .filter_map(|name| profile.get(*name).map(|value| ((*name).to_owned(), value.clone())))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Changes only what is sent.
    pub(crate) fn update_profile(&mut self, account: AccountIndex, body: &Value) -> Result<(), Refused> {
        let body = body.as_object().ok_or_else(|| Refused::bad_request("The body must be an object"))?;
        if let Some(action) = body.get("action")
            && !action.as_str().is_some_and(|action| ACTIONS.contains(&action))
        {
            return Err(Refused::bad_request("`action` must be `draft` or `submit`"));
        }
        let registrations = body.get("api_callbacks").map(read_registrations).transpose()?;
        let how = self.manners.callback_list;
        let owner = &mut self.accounts[account];
        for (name, value) in body {
            if let Some(current) = owner.profile.get_mut(name)
                && !READ_ONLY.contains(&name.as_str())
            {
                merge(current, value);
            }
        }
        match (registrations, how) {
            (None, _) => {}
            (Some(sent), CallbackList::Replace) => owner.registrations = sent,
            (Some(sent), CallbackList::Merge) => {
                for entry in sent {
                    match owner.registrations.iter_mut().find(|known| known.url == entry.url) {
                        Some(known) => *known = entry,
                        None => owner.registrations.push(entry),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Of an object only the members that are sent change.
fn merge(current: &mut Value, sent: &Value) {
    match (current, sent) {
        (Value::Object(current), Value::Object(sent)) => {
            for (name, value) in sent {
                merge(current.entry(name).or_insert(Value::Null), value);
            }
        }
        (current, sent) => *current = sent.clone(),
    }
}

fn shown(registration: &Registration) -> Value {
    let mut entry = json!({"url": registration.url, "username": registration.username});
    if let Some(name) = &registration.name {
        entry["name"] = json!(name);
    }
    entry
}

fn read_registrations(list: &Value) -> Result<Vec<Registration>, Refused> {
    let entries = match list {
        Value::Array(entries) if entries.len() <= MOST_CALLBACKS => entries,
        Value::Null => return Ok(Vec::new()),
        Value::Array(_) => {
            return Err(Refused::bad_request(format!("At most {MOST_CALLBACKS} callbacks can be registered")));
        }
        _ => return Err(Refused::bad_request("`api_callbacks` must be a list")),
    };
    entries.iter().map(read_registration).collect()
}

fn read_registration(entry: &Value) -> Result<Registration, Refused> {
    let text = |name: &str| match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refused::bad_request(format!("`{name}` of a callback must be text"))),
    };
    let url = text("url")?.ok_or_else(|| Refused::bad_request("A callback needs a `url`"))?;
    if url.len() > LONGEST_URL {
        return Err(Refused::bad_request(format!("The `url` of a callback has at most {LONGEST_URL} characters")));
    }
    let parsed = Url::parse(&url).map_err(|_| Refused::bad_request("The `url` of a callback is no URL"))?;
    if parsed.scheme() != "https" {
        return Err(Refused::bad_request("Callbacks are sent using HTTPS only"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() {
        return Err(Refused::bad_request("The `url` of a callback holds neither credentials nor a fragment"));
    }
    let username = text("username")?.unwrap_or_default();
    if username.contains(':') {
        return Err(Refused::bad_request("The `username` of a callback holds no `:`"));
    }
    Ok(Registration {
        name: text("name")?,
        url,
        username,
        password: Secret::new(text("password")?.unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_that_cannot_be_sent_is_refused() {
        for entry in [
            json!({"url": "http://a.example/"}),
            json!({"url": "https://u:p@a.example/"}),
            json!({"url": "https://a.example/#top"}),
            json!({"url": "nowhere"}),
            json!({"url": format!("https://a.example/{}", "x".repeat(2000))}),
            json!({"url": "https://a.example/", "username": "a:b"}),
            json!({"url": "https://a.example/", "password": 7}),
            json!({"name": "no url"}),
        ] {
            assert!(read_registration(&entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn only_the_members_that_are_sent_change() {
        let mut current = json!({"bio": "old", "addresses": [1, 2], "social_media_info": []});
        merge(&mut current, &json!({"addresses": [3], "social_media_info": {"x": "y"}}));
        assert_eq!(current, json!({"bio": "old", "addresses": [3], "social_media_info": {"x": "y"}}));
    }
}
