//! What the embedded Postgres can say. Its messages already tell what to do.

use eqp_postgres::Error;

use super::{Exit, Failure};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, what) = match &error {
            Error::ForeignFolder { .. } => (Exit::Usage, "the data folder cannot be used"),
            Error::NotEnterable { .. } | Error::NoUser | Error::NamelessUser { .. } => {
                (Exit::Usage, "the embedded Postgres cannot run here")
            }
            Error::ProgramsNotFound { .. } | Error::UnusablePrograms { .. } | Error::OtherMajor { .. } => {
                (Exit::Unreachable, "there is no Postgres to run")
            }
            _ => (Exit::Unreachable, "the embedded Postgres does not run"),
        };
        let failure = Failure::new(exit, what).because(&error);
        match error {
            Error::ProgramsNotFound { .. } | Error::UnusablePrograms { .. } => failure
                .next("install one, name its programs in EQP_POSTGRES_BIN, or name a database in EQP_DATABASE_URL"),
            _ => failure,
        }
    }
}
