//! Builds an API client from the configuration.

use std::path::PathBuf;

use eqp_client::Client;
use eqp_types::UploadedFile;

use crate::config::{Marketplace, MarketplaceOptions};
use crate::failure::Result;
use crate::output::Output;

/// Builds the configured client, without sending a request.
pub(crate) fn client(options: &MarketplaceOptions) -> Result<Client> {
    client_of(options.resolve()?)
}

/// Builds a client for a Marketplace with its key, without sending a request.
pub(crate) fn client_of(marketplace: Marketplace) -> Result<Client> {
    let mut builder = Client::builder(marketplace.environment, marketplace.key);
    if let Some(url) = marketplace.api_url {
        builder = builder.api_url(url);
    }
    if let Some(pem) = marketplace.ca_pem {
        builder = builder.trusted_ca_pem(pem);
    }
    Ok(builder.build()?)
}

/// Uploads files with a progress bar. Results are in the order of the files.
pub(crate) async fn upload(client: &Client, files: &[PathBuf], output: Output) -> Result<Vec<UploadedFile>> {
    // The upload itself reports files that cannot be read, before it sends anything.
    let bytes = files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|found| found.len()).sum();
    Ok(client.files().upload_with_progress(files, output.upload_bar(files.len(), bytes)).await?)
}
