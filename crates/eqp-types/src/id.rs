//! Ids of the Marketplace: opaque, bounded text.

use std::fmt;
use std::str::FromStr;

/// The longest text, in bytes, that is taken as an id or a code; the documented ones have 10 to 30.
const LONGEST: usize = 255;

/// Why some text cannot be an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// There is no text.
    #[error("is empty")]
    Empty,
    /// The text has more bytes than an id may have.
    #[error("has {bytes} bytes; {LONGEST} are allowed")]
    TooLong {
        /// How many bytes the text has.
        bytes: usize,
    },
    /// The text holds a control character, such as NUL or a line end.
    #[error("holds a control character")]
    ControlCharacter,
}

/// Checks that `text` can be an id or a code: not empty, at most 255 bytes, no control characters.
///
/// # Errors
/// Says which of these it is not.
pub fn check_text(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > LONGEST {
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
            /// Takes text as this id.
            ///
            /// # Errors
            /// Empty text, more than 255 bytes, control characters.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, IdError> {
                let text = text.into();
                check_text(&text)?;
                Ok(Self(text))
            }

            /// The id as the API spells it.
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

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = crate::lenient::text(deserializer)?;
                Self::new(text).map_err(|reason| serde::de::Error::custom(format_args!("the id {reason}")))
            }
        }
    )* };
}

id! {
    /// An account of the Marketplace, such as `MAG123456789`; every `/users/…` path takes it.
    MageId,
    /// One submission of one version of a package, such as `s5w9k703ru`.
    SubmissionId,
    /// The developer's own id of a submission; optional, unique over all that an account creates.
    ItemId,
    /// One uploaded file, such as `2309480238.238475.0`.
    FileUploadId,
    /// A package's name as Composer knows it, `vendor_name/package_name`.
    Sku,
    /// One run of one test tool over a submission.
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
