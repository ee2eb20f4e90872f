//! Words of which there are only so many.

/// A word that is not one of those that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is none of {}", .known.join(", "))]
pub struct UnknownWord {
    word: String,
    known: &'static [&'static str],
}

impl UnknownWord {
    pub(super) fn new(word: &str, known: &'static [&'static str]) -> Self {
        Self { word: word.chars().take(40).collect(), known }
    }
}

/// Defines an enum of words that JSON, tables and the database spell alike.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name { $( $(#[$variant_meta])* $variant, )* }

        impl $name {
            /// Every word, as JSON and the database spell it.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word, as JSON and the database spell it.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::read::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::read::UnknownWord> {
                match word {
                    $( $word => Ok(Self::$variant), )*
                    other => Err($crate::read::word::UnknownWord::new(other, Self::WORDS)),
                }
            }
        }
    };
}
pub(super) use words;
