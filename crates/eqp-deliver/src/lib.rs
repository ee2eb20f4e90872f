#![doc = include_str!("../README.md")]

mod attempt;
mod attempt_result;
mod definition;
mod fan_out;
mod handler;
mod handler_loop;
mod message;
mod queue;
mod service;
mod subscription;

pub use attempt_result::{AttemptOutcome, AttemptResult, DeliveryHandler};
pub use definition::{
    ExecDefinition, HandlerDefinition, HandlerSecrets, SignatureScheme, SlackDefinition, WebhookDefinition,
};
pub use eqp_store::{Event, Observer};
pub use handler::{Handler, HandlerError, RunningHandler};
pub use handler_loop::HandlerLoop;
pub use message::{
    AlertChange, AlertData, Content, EventData, Message, MessageBody, MessageContext, MessageUrls, TestData,
};
pub use queue::{BuildHandler, HandlerBuildError};
pub use service::DeliverService;
pub use subscription::{
    FilterError, NewSubscription, OrderHold, SubscriptionError, SubscriptionFilter, SubscriptionSummary, Subscriptions,
};
pub use tokio_util::sync::CancellationToken;
