//! Shared code of the enums that are stored as text. Their spelling comes from strum.

use strum::VariantNames;

/// An error for a text that is not one of the values of an enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of {}", .known.join(", "))]
pub struct UnknownValue {
    text: String,
    known: &'static [&'static str],
}

impl UnknownValue {
    /// Creates the error, as strum's `parse_err_fn`. Long texts are shortened, because the error is shown to people.
    pub(super) fn of<T: VariantNames>(text: &str) -> Self {
        Self { text: text.chars().take(40).collect(), known: T::VARIANTS }
    }
}

/// Gives enums inherent methods for what strum offers only as traits, so that callers do not need to depend on strum.
macro_rules! string_enum {
    ($($name:ident),*) => { $(
        impl $name {
            /// All values, as they are spelled in JSON and in the database.
            pub const VALUES: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;

            /// Returns the value as it is spelled in JSON and in the database.
            pub fn as_str(self) -> &'static str {
                self.into()
            }
        }
    )* };
}
pub(super) use string_enum;
