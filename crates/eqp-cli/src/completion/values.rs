//! Reads values: from the configuration, and from the server or the database.

use eqp_console::{
    AlertFilter, DeliveryQuery, EndpointQuery, OperatorClient, OperatorError, ProductQuery, ReplayQuery,
};
use eqp_store::{EventFilter, FileFilter, Order, SubmissionFilter};

use super::MAX_VALUES;
use super::argument::{Kind, Wanted};
use crate::compose::operator::Operator;
use crate::context::Context;

/// Returns the values that the configuration contains.
pub(super) fn configured(context: &Context, kind: Kind) -> Vec<String> {
    let loaded = &context.loaded;
    match kind {
        Kind::Profile => loaded.profiles.clone(),
        Kind::Subscription => loaded.subscriptions.keys().cloned().collect(),
        Kind::Sku | Kind::SubmissionOrSku => loaded.products.keys().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// Returns the values that a server or a running database contains. Never starts a database.
pub(super) async fn recorded(context: &Context, Wanted { kind, typed, .. }: &Wanted) -> Option<Vec<String>> {
    let client = Operator::client_if_running(context)?;
    let read = match kind {
        Kind::Resource => Ok([submissions(&client).await.ok()?, files(&client).await.ok()?].concat()),
        Kind::SubmissionOrSku => Ok([skus(&client, typed).await.ok()?, submissions(&client).await.ok()?].concat()),
        Kind::Submission => submissions(&client).await,
        Kind::File => files(&client).await,
        Kind::Sku => skus(&client, typed).await,
        kind => others(&client, *kind).await,
    };
    read.ok()
}

async fn submissions(client: &OperatorClient) -> Result<Vec<String>, OperatorError> {
    let list = client.submissions(&SubmissionFilter { limit: MAX_VALUES, ..SubmissionFilter::default() }).await?;
    Ok(list.submissions.into_iter().map(|found| found.submission_id).collect())
}

async fn files(client: &OperatorClient) -> Result<Vec<String>, OperatorError> {
    let list = client.files(&FileFilter { limit: MAX_VALUES, ..FileFilter::default() }).await?;
    Ok(list.files.into_iter().map(|found| found.file_upload_id).collect())
}

/// Returns the first SKUs from the typed text on. SKUs after a text also are those that begin with it, but not the text itself, so its last
/// letter is omitted.
async fn skus(client: &OperatorClient, typed: &str) -> Result<Vec<String>, OperatorError> {
    let after_sku = typed.char_indices().last().map(|(last, _)| typed[..last].to_owned());
    let list = client.products(&ProductQuery { after_sku, limit: MAX_VALUES, ..ProductQuery::default() }).await?;
    Ok(list.products.into_iter().map(|found| found.sku).collect())
}

async fn others(client: &OperatorClient, kind: Kind) -> Result<Vec<String>, OperatorError> {
    Ok(match kind {
        Kind::Account => {
            let list = client.accounts().await?;
            list.accounts.into_iter().map(|found| found.mage_id.to_string()).collect()
        }
        Kind::Alert => {
            let list = client.alerts(&AlertFilter::default()).await?;
            list.alerts.into_iter().map(|found| found.id.to_string()).collect()
        }
        Kind::Delivery => {
            let list = client.deliveries(&DeliveryQuery { limit: MAX_VALUES, ..DeliveryQuery::default() }).await?;
            list.deliveries.into_iter().map(|found| found.id.to_string()).collect()
        }
        Kind::Endpoint => {
            let list = client.endpoints(&EndpointQuery { limit: MAX_VALUES, ..EndpointQuery::default() }).await?;
            list.endpoints.into_iter().map(|found| found.name).collect()
        }
        Kind::Event => {
            let newest = EventFilter { order: Order::NewestFirst, limit: MAX_VALUES, ..EventFilter::default() };
            client.events(&newest).await?.events.into_iter().map(|found| found.seq.to_string()).collect()
        }
        Kind::Replay => {
            let list = client.replays(&ReplayQuery { limit: MAX_VALUES }).await?;
            list.replays.into_iter().map(|found| found.id.to_string()).collect()
        }
        Kind::Subscription => client.subscriptions().await?.subscriptions.into_iter().map(|found| found.name).collect(),
        Kind::Token => client.tokens().await?.tokens.into_iter().map(|found| found.name).collect(),
        _ => Vec::new(),
    })
}
