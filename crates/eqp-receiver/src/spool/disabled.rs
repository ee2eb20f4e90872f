//! Replaces the spool in builds without the feature `spool`. Its types have no values, so no callback can be spooled.

#[path = "shared.rs"]
mod shared;
#[path = "snapshot.rs"]
pub(crate) mod snapshot;

use std::path::Path;

use sqlx::PgConnection;
use tokio::sync::watch;
use uuid::Uuid;

pub use self::shared::Level;
pub(crate) use self::shared::{DrainError, Metadata, NotSpooled};
use crate::Error;
use eqp_store::internal::Supervisor;
use eqp_store::internal::callback::CallbackRow;

#[derive(Clone, Debug)]
pub(crate) enum SpoolSettings {}

#[derive(Clone, Debug)]
pub(crate) enum Spool {}

pub(crate) enum RefusedRow {}

impl SpoolSettings {
    pub(crate) fn folder(&self) -> &Path {
        match *self {}
    }
}

#[allow(clippy::unused_async, reason = "the same signatures as with the feature")]
impl Spool {
    pub(crate) async fn open(settings: &SpoolSettings, _: &Supervisor) -> Result<(Self, Metadata), Error> {
        match *settings {}
    }

    pub(crate) fn level(&self) -> Level {
        match *self {}
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Level> {
        match *self {}
    }

    pub(crate) async fn append(&self, _: Vec<CallbackRow>) -> Result<(), NotSpooled> {
        match *self {}
    }

    pub(crate) async fn quarantine(&self, _: RefusedRow) -> Result<(), NotSpooled> {
        match *self {}
    }

    pub(crate) async fn bind(&self, _: Uuid) -> Result<(), NotSpooled> {
        match *self {}
    }

    pub(crate) async fn store_snapshot(&self, _: Vec<u8>) -> Result<(), NotSpooled> {
        match *self {}
    }

    pub(crate) async fn close(&self) {
        match *self {}
    }
}

#[allow(clippy::unused_async, reason = "the same signature as with the feature")]
pub(crate) async fn step(_: &mut PgConnection, spool: &Spool) -> Result<Option<()>, DrainError> {
    match *spool {}
}

pub(crate) fn refused_row(_: CallbackRow, _: &sqlx::Error) -> RefusedRow {
    unreachable!("without the feature `spool` nothing calls this")
}
