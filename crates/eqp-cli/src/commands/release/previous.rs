//! Takes the fields that the manifest lacks from the version in the store.

use eqp_client::Client;
use eqp_release::SelectedPackage;
use eqp_release::previous::{LiveVersion, PreviousError};

use crate::failure::Result;
use crate::output::{Output, escaped};

/// Completes a package, and reports which fields were taken.
pub(super) async fn complete(client: &Client, selected: &mut SelectedPackage, output: Output) -> Result {
    let sku = selected.package.changes.sku.clone().or_else(|| selected.archive_sku.clone());
    let sku = sku.ok_or(PreviousError::NoSku)?;
    let live = LiveVersion::read(client, &sku, selected.package.changes.version.as_deref()).await?;
    let taken = live.complete(&mut selected.package);
    selected.package.changes.sku = Some(sku);
    let version = live.version.as_deref().unwrap_or("(unknown)");
    if taken.is_empty() {
        output.note(format_args!("nothing taken from version {}: the manifest is complete", escaped(version)));
    } else {
        output.note(format_args!("taken from version {} in the store: {}", escaped(version), taken.join(", ")));
    }
    Ok(())
}
