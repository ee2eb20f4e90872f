#![doc = include_str!("../README.md")]

mod address_guard;
mod attempt;
mod attempt_result;
mod build_handler;
mod chat;
mod chat_threads;
mod definition;
mod digest;
mod discord;
#[cfg(feature = "email")]
mod email;
mod environment;
mod error_chain;
mod exec;
mod fallback;
mod fan_out;
mod forward;
mod handler;
mod handler_loop;
#[cfg(feature = "email")]
mod mail_server;
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
mod teams;
mod webhook;

pub use address_guard::{AddressGuard, NetworkError};
pub use attempt_result::{AttemptOutcome, AttemptResult, DeliveryHandler};
pub use chat_threads::{ChatMessage, ChatThread, ChatThreads, ChatThreadsError, StoredThreads};
pub use definition::{
    DefinitionError, EmailDefinition, ExecDefinition, HandlerDefinition, HandlerSecrets, LookupDefinition,
    SignatureScheme, SlackDefinition, WebhookDefinition,
};
pub use digest::{DigestTime, DigestTimeError};
pub use environment::HandlerEnvironment;
pub use eqp_store::{Event, Observer};
#[doc(hidden)]
pub use exec::GroupedProcess;
pub use forward::{CallbackForwarder, Forwarder};
pub use handler::{Handler, HandlerError, RunningHandler};
pub use handler_loop::HandlerLoop;
#[cfg(feature = "email")]
pub use mail_server::{MailSecurity, MailServer};
#[doc(hidden)]
pub use message::event_of_message;
pub use message::{
    AlertChange, AlertData, AlertDescription, Content, DescribeAlert, DescribeProduct, DigestChange, DigestData,
    DigestProduct, DigestSubmission, EventData, Message, MessageBody, MessageContext, MessageUrls, OpenAlert,
    ProductSource, RawMessage, ReminderData, TestData,
};
pub use program::Program;
pub use pull::{AckId, AckIdError, Fetch, Fetched, FetchedMessage, Nack, Pull, PullError};
pub use queue::BuildHandler;
pub use recipe::{Recipe, RecipeError, RecipeParameter};
pub use replay::{PlannedSubscription, ReplayError, ReplayPlan, ReplaySelection, ReplayState, ReplaySummary, Replays};
pub use service::DeliverService;
pub use subscription::{
    Declaration, DeliveryProblem, DigestInterval, Fallback, FilterError, NewSubscription, OrderHold,
    SubscriptionChanges, SubscriptionError, SubscriptionFilter, SubscriptionSummary, Subscriptions,
};
pub use tokio_util::sync::CancellationToken;
pub use webhook::{check_signing_secret, new_signing_secret};
