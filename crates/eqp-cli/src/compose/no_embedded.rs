//! Replaces the embedded Postgres in builds without the feature `embedded`.

use std::convert::Infallible;
use std::path::Path;

use sqlx::postgres::PgConnectOptions;

use crate::failure::{Failure, Result};
use crate::output::Output;

pub(super) const DATABASE: &str = "eqp";

#[derive(Debug)]
pub(crate) enum EmbeddedPostgres {}

impl EmbeddedPostgres {
    pub(super) fn connect_options(&self, _: &str) -> PgConnectOptions {
        match *self {}
    }

    pub(super) async fn ensure_database(&self, _: &str) -> Result {
        match *self {}
    }

    pub(super) async fn keep_running(&self) -> Infallible {
        match *self {}
    }

    pub(super) async fn stop(self) -> Result {
        match self {}
    }
}

pub(super) fn exists(_: &Path) -> bool {
    false
}

pub(super) fn running(_: &Path) -> Option<PgConnectOptions> {
    None
}

pub(super) async fn start(_: &Path, _: Output) -> Result<EmbeddedPostgres> {
    Err(unsupported())
}

pub(super) async fn start_or_go_on(_: &Path, _: Output) -> Result<(EmbeddedPostgres, Option<Failure>)> {
    Err(unsupported())
}

fn unsupported() -> Failure {
    Failure::usage("no database is configured")
        .why("this build has no embedded Postgres")
        .next("pass --database URL, or set EQP_DATABASE_URL_FILE to a file with mode 0600 that contains the URL")
}
