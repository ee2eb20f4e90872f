//! Enums for codes that the Marketplace may add to at any time.

/// Defines an enum of known codes with an `Unknown` arm that writes back what it read.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $code:literal, )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )*
            /// A code that is not documented, as it came.
            Unknown(Box<str>),
        }

        impl $name {
            /// Every code this version knows, in the order of the documentation.
            pub const KNOWN: &'static [&'static str] = &[$($code),*];

            /// The code as the API spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $code, )*
                    Self::Unknown(code) => code,
                }
            }
        }

        impl From<&str> for $name {
            fn from(code: &str) -> Self {
                match $crate::open_enum::documented(Self::KNOWN, code).unwrap_or(code) {
                    $( $code => Self::$variant, )*
                    other => Self::Unknown(other.into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::lenient::text(deserializer).map(|code| Self::from(code.as_str()))
            }
        }
    };
}

pub(crate) use open_enum;

/// Finds a code among documented ones: exactly as it is, otherwise whatever its letter case and surrounding whitespace.
pub(crate) fn documented(known: &[&'static str], code: &str) -> Option<&'static str> {
    let exactly = known.iter().find(|known| **known == code);
    exactly.or_else(|| known.iter().find(|known| known.eq_ignore_ascii_case(code.trim()))).copied()
}
