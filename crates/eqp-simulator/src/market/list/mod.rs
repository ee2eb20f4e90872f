//! Lists of packages: filter, sort, page, without looking at more packages than needed.
//!
//! Indexes are made when a list first asks for their field, and from then on only what changed is brought up to date. So
//! a simulator nobody lists anything of pays nothing, and one with many packages answers a page at once.

mod arrange;
mod field_index;
mod members;
mod packages;
mod query;
mod select;
mod text_column;

pub(crate) use packages::Packages;
pub(crate) use query::{ListQuery, Page};
