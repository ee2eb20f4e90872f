//! Types that the JSON of several commands uses.

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use crate::text::rfc3339;

/// A time, which is written by RFC 3339 in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UtcTime(pub(crate) OffsetDateTime);

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for UtcTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UtcTime".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}
