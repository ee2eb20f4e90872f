//! The handler that sends mails through the mail server of the worker's configuration.

mod mail;
mod outcome;
mod recipients;
mod session;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lettre::Address;
use tokio::time::Instant;

use crate::chat::{Text, Thread};
use crate::redaction::Redaction;
use crate::webhook::Exchange;
use crate::{
    AttemptOutcome, AttemptResult, ChatMessage, ChatThreads, DefinitionError, DeliveryHandler, EmailDefinition,
    HandlerEnvironment, Message,
};
use mail::Mail;
use session::Session;

pub(crate) use recipients::recipients;

/// Sends mails.
pub(crate) struct Email {
    session: Session,
    to: Vec<Address>,
    /// The name under which first mails are stored: other recipients have not received them.
    channel: String,
    threads: Arc<dyn ChatThreads>,
    redaction: Redaction,
}

impl Email {
    /// Creates the handler of a definition. Sends nothing.
    pub(crate) fn new(definition: &EmailDefinition, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        let to = recipients(definition)?;
        let mail = |reason: &str| DefinitionError::Mail { reason: reason.to_owned() };
        let server =
            environment.mail.clone().ok_or_else(|| mail("the configuration of the server has no table [mail]"))?;
        let threads = environment.threads.clone().ok_or_else(|| mail("threads cannot be stored here"))?;
        let mut redaction = Redaction::default();
        if let Some((user, password)) = &server.credentials {
            let password = password.expose();
            redaction.add(password);
            // The forms in which it is sent.
            redaction.add(&STANDARD.encode(password));
            redaction.add(&STANDARD.encode(format!("\0{user}\0{password}")));
        }
        Ok(Self { session: Session::new(server)?, channel: channel(&to), to, threads, redaction })
    }

    /// Sends a mail. Mails about one subject refer to the first one.
    async fn send(&self, id: &str, text: &Text, end: Instant) -> Exchange {
        let thread = text.subject.as_ref().map(|subject| Thread {
            threads: self.threads.as_ref(),
            channel: &self.channel,
            subject,
            end,
        });
        let first = match &thread {
            Some(thread) => match thread.begin().await {
                Ok(first) => first,
                Err(exchange) => return exchange,
            },
            None => None,
        };
        let started = thread.filter(|_| first.is_none());
        // An attempt that is repeated may have sent the first one itself.
        let reply_to = first.map(|first| first.id).filter(|first| first != id);
        let mail = Mail { id, reply_to: reply_to.as_deref(), text };
        let exchange = self.session.send(&mail, &self.to, end).await;
        match &started {
            Some(thread) if exchange.outcome == AttemptOutcome::Delivered => {
                // The mail has been sent. Without the record, the next one starts a thread.
                if let Err(unsaved) = thread.save(&ChatMessage::new(&self.channel, id)).await {
                    tracing::warn!(error = unsaved.text, "cannot store the first mail of a thread");
                }
            }
            Some(thread) => thread.give_up().await,
            None => {}
        }
        exchange
    }
}

#[async_trait]
impl DeliveryHandler for Email {
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult {
        let start = Instant::now();
        let Some(text) = Text::of(&message.body).filter(|text| text.is_decisive) else {
            return AttemptResult::new(AttemptOutcome::Skipped, None, start.elapsed(), "not a decisive change");
        };
        let end = start + deadline.min(self.session.timeout());
        let Exchange { outcome, status, text, is_cut } = self.send(&message.id, &text, end).await;
        AttemptResult::new(outcome, status, start.elapsed(), &self.redaction.apply(&text, is_cut))
    }
}

/// Returns a short name of these recipients.
fn channel(to: &[Address]) -> String {
    let mut addresses: Vec<&str> = to.iter().map(AsRef::as_ref).collect();
    addresses.sort_unstable();
    let hash = digest(&SHA256, addresses.join("\n").as_bytes());
    format!("mail/{}", URL_SAFE_NO_PAD.encode(hash))
}
