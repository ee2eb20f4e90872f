//! Whether what is set can be reached. Nothing is made or changed.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::compose::client::client;
use crate::compose::database::Database;
use crate::config::DatabaseChoice;
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

/// The database that receivers write to.
pub(super) async fn database(context: &Context) -> Check {
    const NAME: &str = "database";
    let looked = async {
        let is_embedded = matches!(context.settings.database.resolve()?, DatabaseChoice::Embedded);
        let database = Database::open_to_read(context).await?;
        let submissions = database.reader().counts(None).await;
        database.close().await?;
        let counts = submissions?;
        let kind = if is_embedded { "embedded" } else { "given" };
        Outcome::Ok(format!("{kind}, with all its tables; {} callbacks wait to be projected", counts.pending))
    };
    match looked.await {
        Err(failure) if failure.exit() == Exit::NotFound => Check {
            name: NAME,
            state: State::Absent("no receiver has run yet; eqp serve makes an embedded one".into()),
        },
        looked => Check::of(NAME, looked),
    }
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
