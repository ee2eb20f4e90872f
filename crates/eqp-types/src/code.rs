//! Macros for string enums of codes that the Marketplace can extend at any time. strum maps the documented codes; the last variant,
//! `Unknown`, stores any other code unchanged.

/// Implements `KNOWN`, `as_str` and serialization for enums that derive strum's traits.
macro_rules! code {
    ($( $name:ident ),* $(,)?) => { $(
        impl $name {
            /// The documented codes, in the order of the documentation.
            pub const KNOWN: &'static [&'static str] =
                <Self as strum::VariantNames>::VARIANTS.split_at(<Self as strum::VariantNames>::VARIANTS.len() - 1).0;

            /// Returns the code as the API spells it.
            pub fn as_str(&self) -> &str {
                self.as_ref()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": "A code of the Marketplace; codes that are not documented are possible",
                    "examples": Self::KNOWN,
                })
            }
        }
    )* };
    // Case-sensitive codes, deserialized only from text.
    (exact: $( $name:ident ),* $(,)?) => {
        $crate::code::code! { $($name),* }
        $(
            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer).map(|code| Self::from(code.as_str()))
                }
            }
        )*
    };
}

/// Implements what [`code!`] does, and a parser that ignores surrounding whitespace and, if the strum attribute of the enum says so, the
/// letter case.
macro_rules! status_code {
    ($( $name:ident ),* $(,)?) => {
        $crate::code::code! { $($name),* }
        $(
            impl $name {
                /// Parses a code. Whitespace around a documented code is ignored.
                pub fn read(code: &str) -> Self {
                    match Self::from(code.trim()) {
                        Self::Unknown(_) => Self::Unknown(code.to_owned()),
                        documented => documented,
                    }
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    $crate::lenient::text(deserializer).map(|code| Self::read(&code))
                }
            }
        )*
    };
}

pub(crate) use {code, status_code};

/// Finds a documented code: an exact match first, otherwise one that ignores letter case and surrounding whitespace.
pub(crate) fn documented(known: &[&'static str], code: &str) -> Option<&'static str> {
    let exact = known.iter().find(|known| **known == code);
    exact.or_else(|| known.iter().find(|known| known.eq_ignore_ascii_case(code.trim()))).copied()
}
