//! Whether what is set can be reached. Nothing is made or changed.

use std::time::Duration;

use eqp_receiver::Validity;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpStream;

use crate::compose::client::client;
use crate::compose::database::{Database, Upgrade};
use crate::compose::receiver::check_certificate;
use crate::config::Wire;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// How long a receiver may take to be there.
const DEADLINE: Duration = Duration::from_secs(3);

/// One thing that was looked at.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
}

/// How it is.
pub(super) enum State {
    /// It works.
    Fine(String),
    /// It is not set up, or does not run: that need be no fault.
    Absent(String),
    /// It is set up and does not work.
    Failed(Failure),
}

impl Check {
    fn of(name: &'static str, looked: Outcome<String>) -> Self {
        let state = looked.map_or_else(State::Failed, State::Fine);
        Self { name, state }
    }

    /// As a program reads it.
    pub(super) fn to_json(&self) -> Value {
        match &self.state {
            State::Fine(text) => json!({"name": self.name, "state": "fine", "detail": text}),
            State::Absent(text) => json!({"name": self.name, "state": "absent", "detail": text}),
            State::Failed(failure) => {
                json!({"name": self.name, "state": "failed", "error": failure.to_json()["error"]})
            }
        }
    }
}

/// The Marketplace, asked for a token with the access key.
pub(super) async fn marketplace(context: &Context) -> Check {
    const NAME: &str = "Marketplace";
    let options = &context.settings.marketplace;
    if !options.has_key() {
        let text = format!("there is no access key for {}; eqp login keeps one", options.environment());
        return Check { name: NAME, state: State::Absent(text) };
    }
    let asked = async {
        let client = client(options)?;
        let mage_id = client.session().await?.mage_id;
        Ok(format!("{mage_id} in {}, at {}", client.environment(), client.api_url()))
    };
    Check::of(NAME, asked.await)
}

/// The database that receivers write to, with whatever tables it has. An embedded one is started to be looked at.
pub(super) async fn database(context: &Context) -> Check {
    const NAME: &str = "database";
    match Database::open_to_look(context, Upgrade::No).await {
        Ok(None) => {
            let text = "no receiver has run with this data folder; eqp serve makes an embedded one".to_owned();
            Check { name: NAME, state: State::Absent(text) }
        }
        Ok(Some(database)) => {
            let looked = look(&database).await;
            let closed = database.close().await;
            Check::of(NAME, looked.and_then(|text| closed.map(|()| text)))
        }
        Err(failure) => Check { name: NAME, state: State::Failed(failure) },
    }
}

async fn look(database: &Database) -> Outcome<String> {
    if eqp_receiver::migrations(database.pool()).await?.iter().any(|step| !step.applied) {
        return Err(eqp_receiver::Error::NotMigrated.into());
    }
    let pending = database.reader().counts(None).await?.pending;
    let waiting = match pending {
        0 => "no callback waits to be projected".to_owned(),
        1 => "1 callback waits to be projected".to_owned(),
        some => format!("{some} callbacks wait to be projected"),
    };
    let kind = if database.is_embedded() { "embedded" } else { "given" };
    Ok(format!("{kind}, with all its tables; {waiting}"))
}

/// The receiver on this machine: whether something listens where it would.
pub(super) async fn receiver(context: &Context) -> Check {
    const NAME: &str = "receiver";
    let address = context.settings.receiver.listen();
    let state = match tokio::time::timeout(DEADLINE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => State::Fine(format!("something listens on {address}")),
        Ok(Err(_)) | Err(_) => State::Absent(format!("nothing listens on {address}; eqp serve does")),
    };
    Check { name: NAME, state }
}

/// The certificate that the receiver serves, where it is one of files.
pub(super) fn certificate(context: &Context) -> Check {
    const NAME: &str = "certificate";
    let wire = match context.settings.receiver.wire() {
        Ok(wire) => wire,
        Err(failure) => return Check { name: NAME, state: State::Failed(failure) },
    };
    match check_certificate(&wire) {
        Ok(Some(validity)) => Check { name: NAME, state: of_validity(validity, OffsetDateTime::now_utc()) },
        Ok(None) if matches!(wire, Wire::BehindProxy) => {
            Check { name: NAME, state: State::Absent("the proxy in front has it".to_owned()) }
        }
        Ok(None) => Check {
            name: NAME,
            state: State::Absent("none is set; eqp serve makes one of its local CA, for development".to_owned()),
        },
        Err(failure) => Check { name: NAME, state: State::Failed(failure) },
    }
}

fn of_validity(validity: Validity, now: OffsetDateTime) -> State {
    let failed = |what: String| {
        State::Failed(Failure::new(Exit::Failed, what).next("renew it; a running receiver reloads it by itself"))
    };
    if now < validity.not_before {
        return failed(format!("the certificate is not valid before {}", validity.not_before));
    }
    let days = (validity.not_after - now).whole_days();
    match days {
        _ if now > validity.not_after => failed(format!("the certificate expired on {}", validity.not_after)),
        0..30 => State::Fine(format!("expires in {days} days, on {}: renew it now", validity.not_after.date())),
        _ => State::Fine(format!("expires in {days} days, on {}", validity.not_after.date())),
    }
}
