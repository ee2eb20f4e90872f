//! Reads the fields of a callback one by one from their JSON text.
//!
//! A field with an unexpected type does not prevent the others from being read, and IDs that are sent as numbers keep all digits.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::{Extra, IdError, Timestamp, check_text};

/// The maximum nesting depth of JSON. RFC 8259 allows such a limit; callbacks have two levels.
pub const MAX_JSON_DEPTH: usize = 128;

/// The reason why a required field cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The field is absent or `null`.
    #[error("is missing")]
    Missing,
    /// The field is blank, or an empty list.
    #[error("is empty")]
    Empty,
    /// The field should be text.
    #[error("is not text")]
    NotText,
    /// The field should be text or a number.
    #[error("is neither text nor a number")]
    NotTextOrNumber,
    /// The field should be an object.
    #[error("is not an object")]
    NotAnObject,
    /// The text cannot be stored as an ID or code.
    #[error(transparent)]
    Text(#[from] IdError),
}

/// Fields by name. Of a duplicate name, the last field counts.
pub(crate) struct RawFields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> RawFields<'a> {
    /// Reads an object; `None` for any other value.
    pub(crate) fn of(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok().map(Self)
    }

    /// Removes a field that is an object and returns its fields.
    pub(crate) fn take_raw_object(&mut self, name: &str) -> Option<Self> {
        let fields = Self::of(self.0.get(name)?)?;
        self.0.remove(name);
        Some(fields)
    }

    /// Removes a required object and returns its fields.
    pub(crate) fn take_object(&mut self, name: &str) -> Result<Self, FieldError> {
        match self.0.get(name).map(|value| value.get()) {
            None | Some("null") => Err(FieldError::Missing),
            Some(_) => self.take_raw_object(name).ok_or(FieldError::NotAnObject),
        }
    }

    /// Removes the event code: any text that is not blank.
    pub(crate) fn take_event_code(&mut self, name: &str) -> Result<String, FieldError> {
        let json = self.0.get(name).ok_or(FieldError::Missing)?.get();
        if json == "null" {
            return Err(FieldError::Missing);
        }
        let code: String = serde_json::from_str(json).map_err(|_| FieldError::NotText)?;
        if code.trim().is_empty() {
            return Err(FieldError::Empty);
        }
        self.0.remove(name);
        Ok(code)
    }

    /// Removes a time. A placeholder that means "no time" stays.
    pub(crate) fn take_time(&mut self, name: &str) -> Option<Timestamp> {
        let time: Timestamp = serde_json::from_str(self.0.get(name)?.get()).ok()?;
        if time.is_placeholder() {
            return None;
        }
        self.0.remove(name);
        Some(time)
    }

    /// Removes a code such as a status: text that is not blank.
    pub(crate) fn take_code(&mut self, name: &str) -> Result<String, FieldError> {
        self.take(name, |json| serde_json::from_str(json).map_err(|_| FieldError::NotText))
    }

    /// Removes an ID: text that is not blank, or a number, whose digits are preserved.
    pub(crate) fn take_id(&mut self, name: &str) -> Result<String, FieldError> {
        self.take(name, |json| match json.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Ok(json.to_owned()),
            Some(b'"') => serde_json::from_str(json).map_err(|_| FieldError::NotText),
            _ => Err(FieldError::NotTextOrNumber),
        })
    }

    fn take(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<String, FieldError>,
    ) -> Result<String, FieldError> {
        let json = self.0.get(name).ok_or(FieldError::Missing)?.get();
        if json == "null" {
            return Err(FieldError::Missing);
        }
        if json == "[]" {
            return Err(FieldError::Empty);
        }
        let text = read(json)?;
        if text.trim().is_empty() {
            return Err(FieldError::Empty);
        }
        check_text(text.trim())?;
        self.0.remove(name);
        Ok(text)
    }

    /// Returns the remaining fields, except those that [`serde_json::Value`] cannot represent.
    pub(crate) fn rest(self) -> Extra {
        let readable = |(name, json): (String, &RawValue)| Some((name, serde_json::from_str(json.get()).ok()?));
        self.0.into_iter().filter_map(readable).collect()
    }
}

/// Returns whether well-formed JSON is nested deeper than [`MAX_JSON_DEPTH`]; `serde_json` skips values at any depth.
pub fn is_nested_too_deep(json: &[u8]) -> bool {
    // Fast path: without that many opening brackets the depth cannot be exceeded.
    json.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > MAX_JSON_DEPTH && depth(json) > MAX_JSON_DEPTH
}

fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut in_text = false;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if in_text => _ = bytes.next(),
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
