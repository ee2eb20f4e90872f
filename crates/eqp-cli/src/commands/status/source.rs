//! Chooses where the status is read from: a server, the database, or the Marketplace alone.

use eqp_client::Client;
use eqp_console::{MarketplaceStatusError, Status, StatusQuery, status_of_marketplace};
use eqp_release::listing_dates::ReleaseLines;
use eqp_sync::ListingFindings;
use eqp_types::{Environment, Package};
use time::OffsetDateTime;

use crate::compose::client::client;
use crate::compose::listings::dates_of;
use crate::compose::operator::Operator;
use crate::compose::recorded;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};

/// The sources of a status.
pub(super) struct Source {
    /// The operator service, of a server or in this process.
    operator: Option<Operator>,
    /// The Marketplace, if there is an access key. It is queried if the operator service cannot be.
    client: Option<Client>,
}

impl Source {
    /// Opens the configured sources. Creates no database.
    pub(super) async fn open(context: &Context) -> Result<Self> {
        let marketplace = &context.settings.marketplace;
        let client = if marketplace.has_key() { Some(client(marketplace)?) } else { None };
        let operator = match recorded::open(context).await {
            Err(failure) if client.is_some() => {
                context.output.note(alone(&failure));
                None
            }
            opened => opened?,
        };
        if operator.is_none() && client.is_none() {
            return Err(Failure::new(Exit::Unreachable, "there is nothing to read the status from")
                .why("no server is configured, no receiver has run in the data folder, and there is no access key")
                .next("store an access key with eqp login, or set EQP_SERVER_URL or EQP_DATABASE_URL"));
        }
        Ok(Self { operator, client })
    }

    /// Returns whether the Marketplace alone is queried.
    pub(super) fn is_marketplace_alone(&self) -> bool {
        self.operator.is_none()
    }

    /// Reads the status of these products, or of all.
    pub(super) async fn read(&self, skus: &[String], context: &Context) -> Result<Status> {
        if let Some(operator) = &self.operator {
            let query = StatusQuery::of(skus).environment(context.settings.marketplace.environment);
            let failure = match operator.client().status(&query).await {
                Ok(status) => return Ok(status),
                Err(error) => Failure::from(error),
            };
            match failure.exit() {
                Exit::NotFound => {
                    return Err(failure
                        .next("search for it: eqp find TEXT")
                        .next("list the submissions at the Marketplace: eqp packages list"));
                }
                Exit::Usage => return Err(failure),
                _ if self.client.is_none() => return Err(failure),
                _ => context.output.note(alone(&failure)),
            }
        }
        let client = self.client.as_ref().expect("a source has an operator service or a client");
        let limits = context.settings.alerts.limits();
        let now = OffsetDateTime::now_utc();
        let lines = ReleaseLines::built_in();
        let dates = |packages: &[Package]| match client.environment() {
            Environment::Production => dates_of(packages, &lines, now),
            // A sandbox has no customers.
            Environment::Sandbox => ListingFindings::default(),
        };
        status_of_marketplace(client, &limits, skus, now, dates).await.map_err(of_marketplace)
    }

    /// Closes the connections, and stops an embedded database.
    pub(super) async fn close(self) -> Result {
        match self.operator {
            Some(operator) => operator.close().await,
            None => Ok(()),
        }
    }
}

fn of_marketplace(error: MarketplaceStatusError) -> Failure {
    match error {
        MarketplaceStatusError::Client(error) => error.into(),
        error => Failure::new(Exit::NotFound, error.to_string()).next("list the submissions: eqp packages list"),
    }
}

/// Formats the reason why the Marketplace alone is queried.
fn alone(failure: &Failure) -> String {
    format!("events are not available ({}); querying the Marketplace alone", failure.in_one_line())
}
