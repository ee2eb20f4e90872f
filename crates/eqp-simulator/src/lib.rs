#![doc = include_str!("../README.md")]

mod archive;
mod callback_form;
mod calls;
mod clock;
mod composer;
mod control;
mod controls;
pub mod demo;
mod error;
mod error_response;
mod fault;
#[doc(hidden)]
pub mod fuzzing;
mod marketplace;
mod review;
mod review_clock;
mod rng;
mod routes;
mod script;
mod sender;
mod sent;
mod shared;
mod simulator;
mod snapshot;
mod spelling;
mod target;
mod trust;
mod walkthrough;

pub use callback_form::CallbackForm;
pub use composer::{PackagistPackage, RepositoryForm};
pub use control::PATH as CONTROL_PATH;
pub use error::{Error, HttpError};
pub use fault::{CallMatcher, CallbackFault, CallbackMatcher, Fault, FaultBody, FaultRule, FaultState, Pattern};
pub use marketplace::{CallbackList, NewVersions};
pub use review::{InvalidTransition, ReviewStatus, Step};
pub use script::{Decision, Review, Scan, Script, Timing};
pub use sent::{SendResult, Sent, SentKind};
pub use simulator::{Simulator, SimulatorBuilder};
pub use snapshot::{AccountSnapshot, FileSnapshot, PackageSnapshot, Snapshot};
pub use spelling::{Empty, Spelling};
pub use target::{CallbackAnswer, CallbackTarget};
pub use walkthrough::{Walkthrough, WalkthroughStep};
