//! Converts between Rust types and the types of Postgres columns.

use std::str::FromStr;

use eqp_types::{Environment, Flow, MageId, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::{Disposition, EventKind, Origin, Resource};

/// A Rust type that can be stored in a column.
pub(super) trait Column: Sized {
    /// The type that is bound to a statement.
    type Bound<'a>
    where
        Self: 'a;
    /// The type that is read from a row.
    type Read: for<'r> Decode<'r, Postgres> + Type<Postgres>;

    fn bound(&self) -> Self::Bound<'_>;

    fn from_read(read: Self::Read) -> Result<Self, sqlx::Error>;
}

/// Reads one column of a row.
pub(super) fn get<T: Column>(row: &PgRow, name: &str) -> Result<T, sqlx::Error> {
    T::from_read(row.try_get(name)?)
}

macro_rules! stored_as_it_is {
    ($($type:ty),*) => { $(
        impl Column for $type {
            type Bound<'a> = Self;
            type Read = Self;

            fn bound(&self) -> Self {
                *self
            }

            fn from_read(read: Self) -> Result<Self, sqlx::Error> {
                Ok(read)
            }
        }
    )* };
}

stored_as_it_is!(bool, i64, Option<i64>, OffsetDateTime, Option<Uuid>);

impl Column for Option<String> {
    type Bound<'a> = Option<&'a str>;
    type Read = Self;

    fn bound(&self) -> Option<&str> {
        self.as_deref()
    }

    fn from_read(read: Self) -> Result<Self, sqlx::Error> {
        Ok(read)
    }
}

impl Column for Option<Timestamp> {
    type Bound<'a> = Option<OffsetDateTime>;
    type Read = Option<OffsetDateTime>;

    fn bound(&self) -> Option<OffsetDateTime> {
        moment(*self)
    }

    fn from_read(read: Option<OffsetDateTime>) -> Result<Self, sqlx::Error> {
        Ok(timestamp(read))
    }
}

impl Column for Option<Flow> {
    type Bound<'a> = Option<&'a str>;
    type Read = Option<String>;

    fn bound(&self) -> Option<&str> {
        self.as_ref().map(Flow::as_str)
    }

    fn from_read(read: Option<String>) -> Result<Self, sqlx::Error> {
        Ok(read.as_deref().map(Flow::from))
    }
}

impl Column for EventKind {
    type Bound<'a> = &'static str;
    type Read = String;

    fn bound(&self) -> &'static str {
        self.as_str()
    }

    fn from_read(text: String) -> Result<Self, sqlx::Error> {
        read(&text)
    }
}

impl Column for Origin {
    type Bound<'a> = &'static str;
    type Read = String;

    fn bound(&self) -> &'static str {
        self.as_str()
    }

    fn from_read(text: String) -> Result<Self, sqlx::Error> {
        read(&text)
    }
}

impl Column for Option<Disposition> {
    type Bound<'a> = Option<&'static str>;
    type Read = Option<String>;

    fn bound(&self) -> Option<&'static str> {
        self.map(Disposition::as_str)
    }

    fn from_read(text: Option<String>) -> Result<Self, sqlx::Error> {
        text.as_deref().map(read).transpose()
    }
}

/// Parses the text of a column.
pub(super) fn read<T>(text: &str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Parses the two columns that identify an account.
pub(super) fn account(environment: &str, mage_id: &str) -> Result<(Environment, MageId), sqlx::Error> {
    Ok((read(environment)?, read(mage_id)?))
}

/// The columns that identify resources, as arrays for `unnest`.
pub(super) struct ResourceColumns<'a> {
    pub(super) accounts: Vec<i64>,
    pub(super) kinds: Vec<&'static str>,
    pub(super) ids: Vec<&'a str>,
}

impl<'a> FromIterator<&'a Resource> for ResourceColumns<'a> {
    fn from_iter<I: IntoIterator<Item = &'a Resource>>(resources: I) -> Self {
        let mut columns = Self { accounts: Vec::new(), kinds: Vec::new(), ids: Vec::new() };
        for resource in resources {
            columns.accounts.push(resource.account_id);
            columns.kinds.push(resource.kind.as_str());
            columns.ids.push(&resource.id);
        }
        columns
    }
}

/// Parses the three columns that identify a resource.
pub(super) fn resource(account_id: i64, kind: &str, id: String) -> Result<Resource, sqlx::Error> {
    Ok(Resource { account_id, kind: read(kind)?, id })
}

/// Converts a time of the Marketplace, which has whole seconds.
pub(super) fn timestamp(moment: Option<OffsetDateTime>) -> Option<Timestamp> {
    moment.map(Timestamp::of)
}

/// Converts a time of the Marketplace for storing it.
pub(super) fn moment(timestamp: Option<Timestamp>) -> Option<OffsetDateTime> {
    timestamp.map(Timestamp::to_utc)
}
