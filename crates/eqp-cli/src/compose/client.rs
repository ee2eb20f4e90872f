//! A client of the Marketplace that is configured.

use eqp_client::Client;

use crate::config::{Marketplace, MarketplaceOptions};
use crate::failure::Outcome;

/// Makes the client. Sends nothing.
pub(crate) fn client(options: &MarketplaceOptions) -> Outcome<Client> {
    client_of(options.resolve()?)
}

/// The same for a Marketplace with its key.
pub(crate) fn client_of(marketplace: Marketplace) -> Outcome<Client> {
    let mut builder = Client::builder(marketplace.environment, marketplace.key);
    if let Some(url) = marketplace.api_url {
        builder = builder.api_url(url);
    }
    if let Some(pem) = marketplace.ca_pem {
        builder = builder.trusted_ca_pem(pem);
    }
    Ok(builder.build()?)
}
