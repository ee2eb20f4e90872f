//! The parts that pages consist of. All text passes through them or through the templates, which escape it.

mod bytes;
mod identifier;
mod mark;
mod moment;
mod table;
mod words;

pub(super) use bytes::{body, visible, with_visible_directions};
pub(crate) use identifier::identifier;
pub(crate) use mark::{Tone, mark, status_mark};
pub(crate) use moment::{age, date, length, moment, utc};
pub(crate) use table::Table;
pub(crate) use words::{counted, segment};
