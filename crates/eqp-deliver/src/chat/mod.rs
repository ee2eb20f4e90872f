//! The texts of messages for people: as data, and how each service writes them.
//!
//! A text contains text of the Marketplace as it is. Each service escapes it when the text is rendered, so that it can neither notify a
//! channel, nor create links, nor change the format.

mod digest;
mod line;
mod markup;
mod text;
mod thread;
mod words;

pub(crate) use line::{Line, Part};
pub(crate) use markup::Markup;
pub(crate) use text::Text;
pub(crate) use thread::Thread;
