//! A local stand-in of the whole Adobe Commerce Marketplace EQP API, over TLS.
//!
//! It serves tests, demonstrations and rehearsals: session tokens that expire, profiles with registered callbacks, file
//! uploads with a malware scan, packages with two reviews in parallel, and callbacks sent as documented, over HTTPS only and
//! with the Basic header of each registration. Its time runs as fast as wanted; how reviews end, and what goes wrong
//! with calls and callbacks, is written in a [`Script`].
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use eqp_simulator::{Script, Simulator};
//!
//! let simulator = Simulator::builder().speed(30.0).script(Script::demo()).start().await?;
//! assert!(simulator.base_url().starts_with("https://127.0.0.1:"));
//! println!("{} {}", simulator.mage_id(), simulator.api_key().application_id);
//! simulator.shutdown().await;
//! # Ok::<(), eqp_simulator::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! State lives in memory and ends with the simulator.
//!
//! What the API's documentation leaves open, and what the simulator does:
//!
//! - **Time.** Waits are `speed` times shorter. `created_at` and `modified_at` show the wall clock, plus what was skipped by hand;
//!   two changes of one package never bear the same second (see [`SimulatorBuilder::distinct_seconds`]). Tokens live by real time.
//! - **New versions.** A version of a product in the store inherits the fields that it lacks (see [`NewVersions`]).
//! - **Scans.** What is submitted while a file is still being scanned is refused with the code 1321, and nothing is done.
//! - **Release.** `released_to_store` shows only in `eqp_status.overall`. Its callback names the review that was approved
//!   last, still `approved`. A change of several flows at once is one callback per flow, with the same snapshot and time.
//! - **Codes.** Errors without a documented code repeat the HTTP status as their code.
//! - **Passwords.** An entry of `api_callbacks` without a password has an empty one from then on.
//! - **Locked fields.** Fields of a review that is not open are ignored, as read-only ones are.

mod archive;
mod builder;
mod callback_form;
mod chance;
mod clock;
mod control;
mod controls;
mod error;
mod fault;
#[doc(hidden)]
pub mod fuzzing;
mod market;
mod nearest;
mod refused;
mod review;
mod review_clock;
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
mod walk;

pub use builder::SimulatorBuilder;
pub use callback_form::CallbackForm;
pub use control::PATH as CONTROL_PATH;
pub use error::Error;
pub use fault::{Calls, Fault, FaultBody, FaultRule, FaultState};
pub use market::{CallbackList, NewVersions};
pub use review::{Refusal, ReviewStatus, Step};
pub use routes::{CALLS, Call};
pub use script::{Mischief, Pace, Pattern, Review, Scan, Script, Verdict, When};
pub use sent::{SendResult, Sent, SentKind};
pub use simulator::Simulator;
pub use snapshot::{AccountSnapshot, FileSnapshot, PackageSnapshot, Snapshot};
pub use spelling::{Empty, Spelling};
pub use target::{CallbackAnswer, CallbackTarget};
pub use walk::{Walk, WalkStep};
