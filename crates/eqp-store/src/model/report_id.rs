//! The ID of a status report of either kind.

use uuid::Uuid;

/// A report: the callback or the API read with this ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportId {
    Callback(Uuid),
    ApiRead(Uuid),
}

impl ReportId {
    /// Converts the two columns of a table, at most one of which is not null.
    pub(crate) fn of_columns(callback_id: Option<Uuid>, api_read_id: Option<Uuid>) -> Option<Self> {
        callback_id.map(Self::Callback).or(api_read_id.map(Self::ApiRead))
    }

    /// Returns the ID of either.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::Callback(id) | Self::ApiRead(id) => id,
        }
    }

    /// Returns the ID of a callback, or `None` for an API read.
    pub fn callback(self) -> Option<Uuid> {
        match self {
            Self::Callback(id) => Some(id),
            Self::ApiRead(_) => None,
        }
    }

    /// Returns the ID of an API read, or `None` for a callback.
    pub fn api_read(self) -> Option<Uuid> {
        match self {
            Self::Callback(_) => None,
            Self::ApiRead(id) => Some(id),
        }
    }
}

impl std::fmt::Display for ReportId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Callback(id) => write!(f, "callback {id}"),
            Self::ApiRead(id) => write!(f, "API read {id}"),
        }
    }
}
