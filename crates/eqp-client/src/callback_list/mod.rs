//! The list of callbacks: merging it with the desired state, and the body that is sent. No I/O.

mod entry;
mod merge;
mod password_store;
mod plan;
mod registration;

pub use entry::EntryName;
pub use merge::{AllowedLosses, DesiredState, UnknownPassword, UnknownPasswords, merge};
pub use password_store::{KnownEntry, KnownPasswords, NoPasswords, PasswordStore, StoreError};
pub use plan::{Change, Plan};
pub(crate) use plan::{ListBody, PlannedEntry};
pub use registration::{Registration, RegistrationError};
