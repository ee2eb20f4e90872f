#![doc = include_str!("../README.md")]

mod check;
mod error;
mod readiness;
mod registration;

pub use check::{Check, CheckState};
pub use error::Error;
pub use readiness::{ProbeError, ProbeTls, probe_address, probe_receiver};
pub use registration::{
    Applied, Confirmation, Drift, EntrySelector, NewRegistration, Plan, Refused, RegistrationState, Registrations,
    Removal, Repair, Snapshot, Step, Unmanaged, replaced,
};
