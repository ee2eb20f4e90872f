//! The fields of a JSON object, each as the text that was sent.
//!
//! A callback is read field by field, so that one field of an unexpected type costs that field and nothing else, and so
//! that IDs sent as numbers keep their digits.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::{Extra, IdError, check_text};

/// As deep as JSON may be nested before it is refused, which RFC 8259 leaves to the reader; callbacks have two levels.
pub const DEEPEST_JSON: usize = 128;

/// Why a field that is needed cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The field is absent, `null`, blank or an empty list.
    #[error("is missing")]
    Missing,
    /// The field has another type than its values have.
    #[error("has an unexpected type")]
    Type,
    /// The text cannot be stored as an ID or code.
    #[error(transparent)]
    Text(#[from] IdError),
}

/// Fields by name; of a name that was sent twice the last.
pub(crate) struct RawFields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> RawFields<'a> {
    /// Reads an object; `None` for any other value.
    pub(crate) fn of(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok().map(Self)
    }

    /// Takes a field out, unread.
    pub(crate) fn take_raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name)
    }

    /// Takes a field out that is an object; anything else stays.
    pub(crate) fn take_raw_object(&mut self, name: &str) -> Option<Self> {
        let fields = Self::of(self.0.get(name)?)?;
        self.0.remove(name);
        Some(fields)
    }

    /// Reads a code such as a status: text that is not blank. It is taken out only if it can be read.
    pub(crate) fn take_code(&mut self, name: &str) -> Result<String, FieldError> {
        self.take(name, |json| {
            if !json.starts_with('"') {
                return Err(FieldError::Type);
            }
            serde_json::from_str(json).map_err(|_| FieldError::Type)
        })
    }

    /// Reads an ID: text that is not blank, or a number, of which every digit is kept.
    pub(crate) fn take_id(&mut self, name: &str) -> Result<String, FieldError> {
        self.take(name, |json| match json.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Ok(json.to_owned()),
            Some(b'"') => serde_json::from_str(json).map_err(|_| FieldError::Type),
            _ => Err(FieldError::Type),
        })
    }

    /// Reads anything else that can be read as a `T`.
    pub(crate) fn take_as<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = serde_json::from_str(self.0.get(name)?.get()).ok()?;
        self.0.remove(name);
        Some(value)
    }

    fn take(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<String, FieldError>,
    ) -> Result<String, FieldError> {
        let json = self.0.get(name).ok_or(FieldError::Missing)?.get();
        if matches!(json, "null" | "[]") {
            return Err(FieldError::Missing);
        }
        let text = read(json)?;
        if text.trim().is_empty() {
            return Err(FieldError::Missing);
        }
        check_text(text.trim())?;
        self.0.remove(name);
        Ok(text)
    }

    /// Returns the fields that were not taken out, except those that no [`serde_json::Value`] can hold.
    pub(crate) fn rest(self) -> Extra {
        let readable = |(name, json): (String, &RawValue)| Some((name, serde_json::from_str(json.get()).ok()?));
        self.0.into_iter().filter_map(readable).collect()
    }
}

/// Returns whether well-formed JSON is nested deeper than [`DEEPEST_JSON`]; `serde_json` skips values at any depth.
pub fn is_nested_too_deep(json: &[u8]) -> bool {
    // Few opening brackets, in texts or not, need no closer look; and callbacks have few.
    json.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEEPEST_JSON && depth(json) > DEEPEST_JSON
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
