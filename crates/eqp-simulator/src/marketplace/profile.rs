//! The profile of an account, and the callbacks registered in it.

use eqp_types::Secret;
use serde_json::{Map, Value, json};
use url::Url;

use super::Marketplace;
use super::state::AccountIndex;
use crate::error_response::ErrorResponse;
use crate::sender::Registration;

/// The effect of a `PUT` of the profile on the list of registered callbacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallbackList {
    /// The new list replaces the old one; an entry without a password has an empty one from then on.
    #[default]
    Replace,
    /// Entries with a new URL are added; entries with a known URL replace the old entry.
    Merge,
}

/// The largest number of registered callbacks.
const MOST_CALLBACKS: usize = 100;
const LONGEST_URL: usize = 2000;
/// Fields that a request cannot change.
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

impl Marketplace {
    /// Returns the complete profile, without passwords.
    pub(crate) fn profile(&self, account: AccountIndex) -> Value {
        let owner = &self.accounts[account];
        let mut profile = owner.profile.clone();
        profile.insert("api_callbacks".into(), owner.registrations.iter().map(shown).collect());
        Value::Object(profile)
    }

    /// Returns the short profile.
    pub(crate) fn profile_summary(&self, account: AccountIndex) -> Value {
        let profile = &self.accounts[account].profile;
        SUMMARY
            .iter()
            .filter_map(|name| profile.get(*name).map(|value| ((*name).to_owned(), value.clone())))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Changes the fields that are sent, and no others.
    pub(crate) fn update_profile(&mut self, account: AccountIndex, body: &Value) -> Result<(), ErrorResponse> {
        let body = body.as_object().ok_or_else(|| ErrorResponse::bad_request("The body must be an object"))?;
        if let Some(action) = body.get("action")
            && !action.as_str().is_some_and(|action| ACTIONS.contains(&action))
        {
            return Err(ErrorResponse::bad_request("`action` must be `draft` or `submit`"));
        }
        let registrations = body.get("api_callbacks").map(read_registrations).transpose()?;
        let how = self.behaviour.callback_list;
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

/// Changes a value. Of an object, only the members that are sent are changed.
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

fn read_registrations(list: &Value) -> Result<Vec<Registration>, ErrorResponse> {
    let entries = match list {
        Value::Array(entries) if entries.len() <= MOST_CALLBACKS => entries,
        Value::Null => return Ok(Vec::new()),
        Value::Array(_) => {
            return Err(ErrorResponse::bad_request(format!("At most {MOST_CALLBACKS} callbacks can be registered")));
        }
        _ => return Err(ErrorResponse::bad_request("`api_callbacks` must be a list")),
    };
    entries.iter().map(read_registration).collect()
}

fn read_registration(entry: &Value) -> Result<Registration, ErrorResponse> {
    let text = |name: &str| match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ErrorResponse::bad_request(format!("`{name}` of a callback must be text"))),
    };
    let url = text("url")?.ok_or_else(|| ErrorResponse::bad_request("A callback needs a `url`"))?;
    if url.len() > LONGEST_URL {
        return Err(ErrorResponse::bad_request(format!(
            "The `url` of a callback has at most {LONGEST_URL} characters"
        )));
    }
    let parsed = Url::parse(&url).map_err(|_| ErrorResponse::bad_request("The `url` of a callback is not a URL"))?;
    if parsed.scheme() != "https" {
        return Err(ErrorResponse::bad_request("Callbacks are sent using HTTPS only"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() {
        return Err(ErrorResponse::bad_request(
            "The `url` of a callback must contain neither credentials nor a fragment",
        ));
    }
    let username = text("username")?.unwrap_or_default();
    if username.contains(':') {
        return Err(ErrorResponse::bad_request("The `username` of a callback must not contain `:`"));
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
