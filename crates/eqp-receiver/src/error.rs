//! What can go wrong in a receiver.

/// Why the receiver could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Postgres refused a statement or could not be reached.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
}
