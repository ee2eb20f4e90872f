//! What goes wrong with calls on purpose.
//!
//! [`Fault`] says what happens, [`Calls`] to which calls. [`FaultRule`] is either of the two kinds of rules (for calls, and
//! for callbacks) as one line of text: the form of the command line and of the control API.

mod board;
mod calls;
mod carry_out;
mod conditions;
mod cut;
mod kinds;
mod rule;
mod turn;
mod words;

use std::fmt;
use std::time::Duration;

pub(crate) use board::Faults;
pub use calls::Calls;
pub(crate) use carry_out::carry_out;
pub(crate) use cut::cutting;
pub use rule::{FaultRule, FaultState};
pub(crate) use turn::{Tally, Turn};
pub(crate) use words::{duration as read_duration, written_duration};

/// Something that goes wrong with a call of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The answer comes so much later, in real time; the call is carried out after the wait.
    Latency(Duration),
    /// The session token that came with the call has died before its time: 401, until a new one is got.
    DeadToken,
    /// 429 with `Retry-After`; nothing is done.
    TooManyRequests {
        /// How long to wait, in real time.
        after: Duration,
        /// The header names the moment (an HTTP date) instead of seconds.
        as_date: bool,
    },
    /// This status with a body of this kind; nothing is done.
    Status {
        /// The HTTP status.
        status: u16,
        /// What comes with it.
        body: FaultBody,
    },
    /// 200 with an HTML page, as a proxy in front of the API answers; nothing is done.
    Html,
    /// 200 with `{"code": …, "message": …}` in the place of what was asked for; nothing is done.
    ErrorBody(i64),
    /// The call is carried out, and answered with JSON of another shape than promised.
    WrongShape,
    /// The connection ends without an answer; nothing is done.
    Cut,
    /// The call is carried out, and the connection ends in the middle of the answer's body.
    CutBody,
    /// The call is carried out, and the connection ends without an answer.
    AnswerLost,
    /// 200 with so many bytes of valid JSON, without a length announced; nothing is done.
    Huge(u64),
    /// 200 with JSON that never ends; nothing is done.
    Endless,
}

/// The body of an answer that is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultBody {
    /// `{"code": …, "message": …}`, as documented.
    Json,
    /// A page, as proxies answer.
    Html,
    /// Nothing.
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
