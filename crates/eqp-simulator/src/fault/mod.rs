//! Faults that are injected into calls of the API and into callbacks.
//!
//! [`Fault`] and [`CallbackFault`] are the kinds of faults, [`CallMatcher`] and [`CallbackMatcher`] select the calls and callbacks.
//! [`FaultRule`] combines them, and can be written as one line of text for the command line and the control API.

mod active;
mod call;
mod callback;
mod conditions;
mod cut;
mod frequency;
mod kinds;
mod pattern;
mod rule;
mod values;

use std::fmt;
use std::time::Duration;

pub(crate) use active::ActiveFaults;
pub(crate) use call::CallFacts;
pub use call::CallMatcher;
pub(crate) use callback::CallbackFacts;
pub use callback::{CallbackFault, CallbackMatcher};
pub(crate) use cut::{cut, cutting};
pub(crate) use frequency::Counters;
pub use pattern::Pattern;
pub use rule::{FaultRule, FaultState};
pub(crate) use values::{duration as read_duration, written_duration};

/// A fault that is injected into a call of the API.
///
/// ```
/// use eqp_simulator::{CallMatcher, Fault, FaultRule};
///
/// let rule = FaultRule::Call(CallMatcher::named("packages.create")?.nth(1), Fault::AnswerLost);
/// assert_eq!(rule.to_string(), "answer-lost call=packages.create nth=1");
/// # Ok::<(), eqp_simulator::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Delays the call by this real time; then it is carried out.
    Latency(Duration),
    /// Ends the session of the call early: calls are answered 401 until the client gets a new token.
    DeadToken,
    /// Answers 429 with `Retry-After` without carrying out the call.
    TooManyRequests {
        /// The value of the header, in real time.
        after: Duration,
        /// Whether the header is an HTTP date instead of seconds.
        as_date: bool,
    },
    /// Answers with this status and body without carrying out the call.
    Status {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: FaultBody,
    },
    /// Answers 200 with an HTML page, as a proxy might, without carrying out the call.
    Html,
    /// Answers 200 with `{"code": …, "message": …}` instead of the result, without carrying out the call.
    ErrorBody(i64),
    /// Carries out the call and answers with JSON of another shape than documented.
    WrongShape,
    /// Closes the connection without a response and without carrying out the call.
    Cut,
    /// Carries out the call and closes the connection in the middle of the response's body.
    CutBody,
    /// Carries out the call and closes the connection without a response.
    AnswerLost,
    /// Answers 200 with this many bytes of valid JSON, without `Content-Length` and without carrying out the call.
    Huge(u64),
    /// Answers 200 with JSON that never ends, without carrying out the call.
    Endless,
}

/// The body of [`Fault::Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultBody {
    /// `{"code": …, "message": …}`, as documented.
    Json,
    /// An HTML page, as proxies return it.
    Html,
    /// No body.
    Empty,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(length) => write!(f, "latency={}", written_duration(*length)),
            Self::DeadToken => f.write_str("dead-token"),
            Self::TooManyRequests { after, as_date } => {
                let date = if *as_date { ",date" } else { "" };
                write!(f, "too-many-requests={}{date}", written_duration(*after))
            }
            Self::Status { status, body } => {
                let body = match body {
                    FaultBody::Json => "",
                    FaultBody::Html => ",html",
                    FaultBody::Empty => ",empty",
                };
                write!(f, "status={status}{body}")
            }
            Self::Html => f.write_str("html"),
            Self::ErrorBody(code) => write!(f, "error-body={code}"),
            Self::WrongShape => f.write_str("wrong-shape"),
            Self::Cut => f.write_str("cut"),
            Self::CutBody => f.write_str("cut-body"),
            Self::AnswerLost => f.write_str("answer-lost"),
            Self::Huge(bytes) => write!(f, "huge={bytes}"),
            Self::Endless => f.write_str("endless"),
        }
    }
}
