//! The error of reading or writing JSON.

/// The reason why text is not JSON of the expected structure, or why a value cannot be written as JSON. Its text contains the line and
/// column if they are known.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(serde_json::Error);

// Only for the crates of this project: the type of the inner error is not part of the public API.
#[doc(hidden)]
impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self(error)
    }
}

#[cfg(test)]
mod tests {
    use crate::JsonObject;

    #[test]
    fn the_cause_of_a_value_that_is_not_json_is_shown() {
        let keys_that_are_not_text = std::collections::BTreeMap::from([(vec![1], 2)]);
        let error = JsonObject::default().insert("field", &keys_that_are_not_text).unwrap_err();
        assert_eq!(error.to_string(), "key must be a string");
    }
}
