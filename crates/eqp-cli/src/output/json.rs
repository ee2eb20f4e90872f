//! The shape of answers that hold more than one thing.

use eqp_types::Environment;
use serde::Serialize;

/// A list under its name, with the environment it belongs to: `{"environment": "sandbox", "events": […]}`.
#[derive(Debug)]
pub(crate) struct Whole<'a, T> {
    /// The name of the list.
    pub(crate) name: &'static str,
    /// The environment, if the list is of one.
    pub(crate) environment: Option<Environment>,
    /// What there is.
    pub(crate) items: &'a [T],
}

impl<T: Serialize> Serialize for Whole<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        if let Some(environment) = self.environment {
            map.serialize_entry("environment", &environment)?;
        }
        map.serialize_entry(self.name, self.items)?;
        map.end()
    }
}
