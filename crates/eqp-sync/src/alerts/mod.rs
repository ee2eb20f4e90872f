//! Alerts: conditions that a person should know about.

mod channel;
mod condition;
mod data;
mod deliveries;
mod engine;
mod letter;
mod listings;
mod operator;
mod receivers;
mod reminder;
mod review;
mod review_times;
mod service;
mod settings;
mod stuck;
mod text;

pub use condition::{AlertKind, Condition};
pub use engine::{AlertEngine, AlertEvaluation};
pub use letter::{SupportLetter, SupportLetters};
pub use operator::{AlertError, AlertList, AlertOperation, AlertVerb, Alerts};
pub use review_times::{ProductReviewTime, ReviewClock, ReviewTime};
pub use service::AlertService;
pub use settings::{AlertSettings, QuietHours, QuietHoursError};
pub use stuck::{Stage, StuckLimits, Typical};
pub use text::{AlertText, quoted as quoted_id};
