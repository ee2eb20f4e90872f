#![doc = include_str!("../README.md")]

mod api;
mod client;
mod extract;
mod openapi;
mod principal;
mod problem;
mod service;

pub use api::events::{EventList, PendingReports};
pub use client::{OperatorClient, OperatorError, TransportError};
pub use principal::{Principal, Scope};
pub use problem::{Problem, ProblemCode};
pub use service::OperatorService;
