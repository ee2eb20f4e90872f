//! Finds products, submissions, files and events by a piece of text.

use std::collections::BTreeSet;

use eqp_store::internal::{ANSWER, FoundEvent, FoundResource, find, instance, projector, within};
use eqp_store::sqlx::PgPool;
use eqp_store::{Error, ResourceKind};
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The prefix of the IDs of messages to handlers.
const MESSAGE: &str = "evt_";

/// Something that a search has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Found {
    /// The kind.
    pub kind: FoundKind,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The SKU of a product, the ID of a submission or file, or the number of an event.
    pub id: String,
    /// The developer's own ID of a submission.
    pub item_id: Option<String>,
    /// The SKU.
    pub sku: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// The title of a product or submission, or the name of a file.
    pub name: Option<String>,
    /// The overall status of a submission, the result of a file's scan, or the status in an event.
    pub status: Option<String>,
    /// The command that shows it.
    pub command: String,
}

/// The kind of something that a search has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum FoundKind {
    /// A product.
    Product,
    /// A submission.
    Submission,
    /// A file.
    File,
    /// An event.
    Event,
}

/// Searches for a text: as an ID, and as a part of SKUs, versions, titles and file names. Returns at most `limit` results, IDs first.
pub(crate) async fn search(pool: &PgPool, text: &str, limit: u32) -> Result<Vec<Found>, Error> {
    let rows = i64::from(limit);
    let mut found: Vec<Found> = Vec::new();
    found.extend(within(ANSWER, find::by_id(pool, text, rows)).await?.into_iter().map(resource));
    let seq = text.parse().ok().filter(|seq| *seq > 0);
    let seq = if text.starts_with(MESSAGE) { of_message(pool, text).await? } else { seq };
    let report = Uuid::try_parse(text).ok();
    if seq.is_some() || report.is_some() {
        found.extend(within(ANSWER, find::events(pool, seq, report)).await?.into_iter().map(event));
    }
    let matching = within(ANSWER, find::by_text(pool, text, rows)).await?;
    found.extend(products(&matching, text));
    found.extend(matching.into_iter().map(resource));
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert((one.kind, one.environment, one.mage_id.clone(), one.id.clone())));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Returns the number of the event that a message is about.
async fn of_message(pool: &PgPool, message: &str) -> Result<Option<i64>, Error> {
    let looking = async {
        let mut connection = pool.acquire().await?;
        instance::id(&mut connection).await
    };
    let Some(instance) = within(ANSWER, looking).await? else { return Ok(None) };
    let newest = within(ANSWER, projector::latest_seq(pool)).await?;
    let message = message.to_owned();
    // It computes a hash for each of the newest events.
    let searching = tokio::task::spawn_blocking(move || eqp_deliver::event_of_message(instance, &message, newest));
    Ok(searching.await.expect("the search does not panic"))
}

/// Returns the products whose SKU contains a text.
fn products(matching: &[FoundResource], text: &str) -> Vec<Found> {
    let text = text.to_lowercase();
    let mut products: Vec<Found> = Vec::new();
    for resource in matching {
        let Some(sku) = resource.sku.as_ref().filter(|sku| sku.to_lowercase().contains(&text)) else { continue };
        let is_it =
            |one: &Found| (&one.id, one.environment, &one.mage_id) == (sku, resource.environment, &resource.mage_id);
        if products.iter().any(is_it) {
            continue;
        }
        products.push(Found {
            kind: FoundKind::Product,
            environment: resource.environment,
            mage_id: resource.mage_id.clone(),
            id: sku.clone(),
            item_id: None,
            sku: Some(sku.clone()),
            version: None,
            name: resource.name.clone().filter(|_| resource.kind == ResourceKind::Submission),
            status: None,
            command: format!("eqp status {}", eqp_sync::quoted_id(sku)),
        });
    }
    products
}

fn resource(found: FoundResource) -> Found {
    let word = eqp_sync::quoted_id(&found.resource_id);
    let (kind, command) = match found.kind {
        ResourceKind::Submission => (FoundKind::Submission, format!("eqp submissions show {word}")),
        ResourceKind::File => (FoundKind::File, format!("eqp events list --resource-id {word}")),
    };
    Found {
        kind,
        environment: found.environment,
        mage_id: found.mage_id,
        id: found.resource_id,
        item_id: found.item_id,
        sku: found.sku,
        version: found.version,
        name: found.name,
        status: found.status,
        command,
    }
}

fn event(found: FoundEvent) -> Found {
    Found {
        kind: FoundKind::Event,
        environment: found.environment,
        mage_id: found.mage_id,
        id: found.seq.to_string(),
        item_id: None,
        sku: None,
        version: None,
        name: match (found.resource_id, found.flow) {
            (Some(resource), Some(flow)) => Some(format!("{flow} of {resource}")),
            (resource, _) => resource,
        },
        status: found.status,
        command: format!("eqp events show {}", found.seq),
    }
}
