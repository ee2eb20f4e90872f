//! IDs of the Marketplace: opaque text of limited length.

use std::fmt;
use std::str::FromStr;

/// The maximum length of an ID or a code, in bytes. The documented ones have 10 to 30.
const MAX_BYTES: usize = 255;

/// The reason why a text is not a valid ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is too long.
    #[error("is longer than {MAX_BYTES} bytes ({bytes})")]
    TooLong {
        /// The length of the text in bytes.
        bytes: usize,
    },
    /// The text contains a control character, such as NUL or a line feed.
    #[error("contains a control character")]
    ControlCharacter,
}

/// Checks that `text` is a valid ID or code: not empty, at most 255 bytes, no control characters.
///
/// # Errors
/// [`IdError`] if it is not.
pub fn check_text(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(IdError::TooLong { bytes: text.len() });
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::ControlCharacter);
    }
    Ok(())
}

macro_rules! id {
    ($( $(#[$meta:meta])* $name:ident ),* $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Creates an ID from text.
            ///
            /// # Errors
            /// [`IdError`] if the text is empty, has more than 255 bytes, or contains control characters.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, IdError> {
                let text = text.into();
                check_text(&text)?;
                Ok(Self(text))
            }

            /// Returns the ID as the API spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_BYTES})
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = crate::lenient::text(deserializer)?;
                Self::new(text).map_err(|reason| serde::de::Error::custom(format_args!("the ID {reason}")))
            }
        }
    )* };
}

id! {
    /// The ID of an account, such as `MAG123456789`. It is part of every path below `/users`.
    MageId,
    /// The Marketplace's ID of a submission, such as `s5w9k703ru`. Every version of a package is a separate submission.
    ///
    /// ```
    /// use eqp_types::{IdError, SubmissionId};
    ///
    /// assert_eq!(SubmissionId::new("s5w9k703ru")?.as_str(), "s5w9k703ru");
    /// assert_eq!(SubmissionId::new(""), Err(IdError::Empty));
    /// # Ok::<(), IdError>(())
    /// ```
    SubmissionId,
    /// The developer's own ID of a submission. It is optional and unique within an account.
    ItemId,
    /// The ID of an uploaded file, such as `2309480238.238475.0`.
    FileUploadId,
    /// The Composer name of a package, `vendor_name/package_name`.
    Sku,
    /// The ID of one run of a test tool.
    ToolRunId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_bounded_text() {
        assert_eq!(SubmissionId::new("s5w9k703ru").unwrap().as_str(), "s5w9k703ru");
        assert_eq!(SubmissionId::new(""), Err(IdError::Empty));
        assert_eq!(SubmissionId::new("a\0b"), Err(IdError::ControlCharacter));
        assert_eq!(SubmissionId::new("x".repeat(256)), Err(IdError::TooLong { bytes: 256 }));
        assert!(SubmissionId::new("x".repeat(255)).is_ok());
    }

    #[test]
    fn an_id_sent_as_a_number_is_read() {
        assert_eq!(serde_json::from_str::<ToolRunId>("4711").unwrap().as_str(), "4711");
    }
}
