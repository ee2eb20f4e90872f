//! What the tool and other programs read: events, submissions, files, callbacks, and what comes next.

mod callback;
mod dead_letter;
mod event;
mod filter;
mod reader;
mod submission;
mod tail;
mod word;

pub use callback::{CallbackCopy, Counts, StoredCallback, Verdict};
pub use dead_letter::DeadLetter;
pub use event::{Event, EventDetail, EventKind, Mark};
pub(crate) use filter::HIGHEST_LIMIT;
pub use filter::{EventFilter, FileFilter, Order, SubmissionFilter};
pub use reader::Reader;
pub use submission::{FileState, Submission, SubmissionHistory};
pub use tail::Tail;
pub use word::UnknownWord;
