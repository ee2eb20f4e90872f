//! The review of one submission: its state in words, what to do next, the steps of each flow, and everything that happened.
//!
//! The facts are those of the status of products, with the events of the submission and what is known beside them. The page of a submission
//! and the API show the same result.

mod gather;
pub(crate) mod model;
mod reasons;
mod sentence;
pub(crate) mod source;
mod steps;
mod timeline;

pub(crate) use self::gather::reviews_of;
