//! One mail in one session of SMTP.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout, timeout_at};

use super::mail::Mail;
use super::outcome::{Stage, of_reply};
use crate::error_chain::{chain, find};
use crate::webhook::Exchange;
use crate::{AttemptOutcome, DefinitionError, MailSecurity, MailServer};

/// The time limit for connecting to one of the server's addresses, so that the others can be tried.
const CONNECT: Duration = Duration::from_secs(5);
/// The time limit for the end of a session, when the result is known.
const QUIT: Duration = Duration::from_secs(2);

/// Opens a session for each mail: they are rare, and servers close connections that are idle.
pub(super) struct Session {
    server: MailServer,
    tls: Option<TlsParameters>,
}

impl Session {
    pub(super) fn new(server: MailServer) -> Result<Self, DefinitionError> {
        Ok(Self { tls: server.tls()?, server })
    }

    pub(super) fn timeout(&self) -> Duration {
        self.server.timeout
    }

    /// Sends a mail to all recipients that the server accepts, before `end`.
    pub(super) async fn send(&self, mail: &Mail<'_>, to: &[Address], end: Instant) -> Exchange {
        let composed = match mail.compose(&self.server.from, to) {
            Ok(composed) => composed,
            Err(error) => return Exchange::of(AttemptOutcome::Invalid, &format!("cannot compose the mail: {error}")),
        };
        let start = Instant::now();
        match timeout_at(end, self.transact(&composed, to)).await {
            Ok(Ok(note)) => Exchange::of(AttemptOutcome::Delivered, &note),
            Ok(Err(exchange)) => exchange,
            Err(_) => Exchange::of(
                AttemptOutcome::HandlerDown { retry_after: None },
                &format!("{} did not respond: timed out after {} s", self.place(), start.elapsed().as_secs()),
            ),
        }
    }

    async fn transact(&self, mail: &[u8], to: &[Address]) -> Result<String, Exchange> {
        let mut connection = self.connect().await?;
        let sent = self.talk(&mut connection, mail, to).await;
        // The result is known, so nothing waits for the end of the session.
        tokio::spawn(async move { timeout(QUIT, connection.abort()).await });
        sent
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Exchange> {
        let down = |text: String| Exchange::of(AttemptOutcome::HandlerDown { retry_after: None }, &text);
        let found = lookup_host(self.server.address()).await;
        let found: Vec<SocketAddr> =
            found.map_err(|error| down(format!("cannot find {}: {error}", self.server.host)))?.collect();
        if self.server.security == MailSecurity::None && !found.iter().all(|address| address.ip().is_loopback()) {
            let reason = format!("{} is not on this machine, so it cannot be used without TLS", self.server.host);
            return Err(Exchange::of(AttemptOutcome::Misconfigured(reason.clone()), &reason));
        }
        let tls = self.tls.clone().filter(|_| self.server.security == MailSecurity::Tls);
        AsyncSmtpConnection::connect_tokio1(found.as_slice(), Some(CONNECT), &self.hello(), tls, None)
            .await
            .map_err(|error| self.failed(Stage::Session, &error))
    }

    /// Sends the mail. Returns a note about the recipients that the server does not accept.
    async fn talk(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &[u8],
        to: &[Address],
    ) -> Result<String, Exchange> {
        let of_session = |error: Error| self.failed(Stage::Session, &error);
        if let Some(tls) = self.tls.clone().filter(|_| self.server.security == MailSecurity::StartTls) {
            connection.starttls(tls, &self.hello()).await.map_err(of_session)?;
        }
        if let Some((user, password)) = &self.server.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(of_session)?;
        }
        let from = MailFrom::new(Some(self.server.from.email.clone()), Vec::new());
        connection.command(from).await.map_err(|error| self.failed(Stage::Sender, &error))?;
        let of_mail = |error: Error| self.failed(Stage::Mail, &error);
        let mut refused: Vec<Exchange> = Vec::new();
        for recipient in to {
            let Err(error) = connection.command(Rcpt::new(recipient.clone(), Vec::new())).await else { continue };
            let mut failed = of_mail(error);
            failed.text = format!("{recipient}: {}", failed.text);
            // One that no longer exists must not keep the others from receiving the mail. After any other failure, all of them are
            // tried again, and none has received it.
            if failed.outcome != AttemptOutcome::Invalid {
                return Err(failed);
            }
            refused.push(failed);
        }
        if refused.len() == to.len() {
            return Err(refused.swap_remove(0));
        }
        connection.command(Data).await.map_err(of_mail)?;
        connection.message(mail).await.map_err(of_mail)?;
        if refused.is_empty() {
            return Ok(String::new());
        }
        let texts: Vec<String> = refused.into_iter().map(|one| one.text).collect();
        let note = format!("sent, but not to all recipients: {}", texts.join("; "));
        tracing::warn!(note, "the mail server rejected a recipient");
        Ok(note)
    }

    fn hello(&self) -> ClientId {
        ClientId::Domain(self.server.from.email.domain().to_owned())
    }

    fn place(&self) -> String {
        let (host, port) = self.server.address();
        format!("{host}:{port}")
    }

    /// Returns the meaning of an error.
    fn failed(&self, stage: Stage, error: &Error) -> Exchange {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        if let Some(code) = error.status().map(u16::from) {
            let text = format!("{} responded {code}: {cause}", self.place());
            return Exchange {
                status: Some(code),
                ..Exchange::of(of_reply(stage, code, text.trim_end_matches(": ")), &text)
            };
        }
        // The server offers neither STARTTLS nor a known method of authentication, although the configuration needs it.
        if error.is_client() {
            let reason = format!("{} cannot be used: {cause}", self.place());
            return Exchange::of(AttemptOutcome::Misconfigured(reason.clone()), &reason);
        }
        let text = match find::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(problem)) => {
                format!("the TLS certificate of {} was rejected: {problem}", self.place())
            }
            Some(other) => format!("no TLS connection to {}: {other}", self.place()),
            None if error.is_response() => format!("{} did not respond like a mail server: {cause}", self.place()),
            None => format!("cannot connect to {}, or the connection was lost: {}", self.place(), chain(error)),
        };
        Exchange::of(AttemptOutcome::HandlerDown { retry_after: None }, &text)
    }
}
