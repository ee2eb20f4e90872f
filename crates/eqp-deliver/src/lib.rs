#![doc = include_str!("../README.md")]

mod address_guard;
mod attempt;
mod attempt_result;
mod build_handler;
mod chat_threads;
mod definition;
mod environment;
mod exec;
mod fallback;
mod fan_out;
mod forward;
mod handler;
mod handler_loop;
mod matching;
mod message;
mod program;
mod pull;
mod queue;
mod recipe;
mod redaction;
mod replay;
mod service;
mod slack;
mod subscription;
mod webhook;

pub use address_guard::{AddressGuard, NetworkError};
pub use attempt_result::{AttemptOutcome, AttemptResult, DeliveryHandler};
pub use chat_threads::{ChatMessage, ChatThread, ChatThreads, ChatThreadsError, StoredThreads};
pub use definition::{
    DefinitionError, ExecDefinition, HandlerDefinition, HandlerSecrets, LookupDefinition, SignatureScheme,
    SlackDefinition, WebhookDefinition,
};
pub use environment::HandlerEnvironment;
pub use eqp_store::{Event, Observer};
pub use forward::{CallbackForwarder, Forwarder};
pub use handler::{Handler, HandlerError, RunningHandler};
pub use handler_loop::HandlerLoop;
#[doc(hidden)]
pub use message::event_of_message;
pub use message::{
    AlertChange, AlertData, AlertDescription, Content, DescribeAlert, DescribeProduct, EventData, Message, MessageBody,
    MessageContext, MessageUrls, OpenAlert, ProductSource, RawMessage, ReminderData, TestData,
};
pub use program::Program;
pub use pull::{AckId, AckIdError, Fetch, Fetched, FetchedMessage, Nack, Pull, PullError};
pub use queue::BuildHandler;
pub use recipe::{Recipe, RecipeError, RecipeParameter};
pub use replay::{PlannedSubscription, ReplayError, ReplayPlan, ReplaySelection, ReplayState, ReplaySummary, Replays};
pub use service::DeliverService;
pub use subscription::{
    Declaration, DeliveryProblem, Fallback, FilterError, NewSubscription, OrderHold, SubscriptionChanges,
    SubscriptionError, SubscriptionFilter, SubscriptionSummary, Subscriptions,
};
pub use tokio_util::sync::CancellationToken;
pub use webhook::new_signing_secret;
