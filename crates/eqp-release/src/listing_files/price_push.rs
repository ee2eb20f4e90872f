//! Sends edited prices to the Marketplace, and checks that it has them.

use eqp_client::Client;
use eqp_types::{Amount, JsonObject, PackageDraft, PackageUpdate, Price, Sku};

use super::compare::{ChangeSide, PRICES, compare};
use super::error::ListingError;
use super::fields::{Listing, is_same};
use super::folder::{ListingFolder, StoredListing, take};

/// Edited prices of a product.
#[derive(Clone, Debug)]
pub struct PricePush {
    folder: ListingFolder,
    stored: StoredListing,
    live: Listing,
    prices: Vec<Price>,
}

/// The reason why the prices of a folder cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushRefusal {
    /// The prices were changed at the Marketplace as well.
    #[error("the prices were changed at the Marketplace after they were last read")]
    ChangedAtMarketplace,
    /// Another version is in the store than the one that was read.
    #[error("another version is in the store than the one that was read")]
    OtherVersion,
    /// The prices were removed from the folder. The Marketplace ignores missing fields.
    #[error("the prices are missing from listing.json")]
    Missing,
    /// The prices do not have the form of the API.
    #[error("the prices in listing.json are not valid: {0}")]
    Invalid(String),
}

/// The reason why prices that were sent are not in effect, or not known to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The request failed.
    #[error("the prices of {sku} were not changed")]
    Request {
        /// The SKU.
        sku: Sku,
        /// The cause.
        source: eqp_client::Error,
    },
    /// The Marketplace accepted the request, but still has other prices.
    #[error("the Marketplace accepted the prices of {sku}, but still has the previous ones")]
    NotInEffect {
        /// The SKU.
        sku: Sku,
    },
    /// The prices were sent, and the result cannot be read or stored.
    #[error("the prices of {sku} were sent, but the result cannot be read or stored")]
    Unknown {
        /// The SKU.
        sku: Sku,
        /// The cause.
        source: ListingError,
    },
}

impl PricePush {
    /// Plans to send the prices of a folder. `Ok(None)` if they are the same as at the Marketplace, or were changed only there.
    ///
    /// # Errors
    /// [`PushRefusal`] if they must not be sent.
    pub fn plan(folder: ListingFolder, stored: StoredListing, live: Listing) -> Result<Option<Self>, PushRefusal> {
        let changes = compare(&stored, &live);
        let Some(change) = changes.iter().find(|change| change.field == PRICES) else { return Ok(None) };
        match change.side {
            ChangeSide::Marketplace => return Ok(None),
            ChangeSide::Both => return Err(PushRefusal::ChangedAtMarketplace),
            ChangeSide::Folder => {}
        }
        if &stored.submission_id != live.submission_id() {
            return Err(PushRefusal::OtherVersion);
        }
        let json = change.folder.as_deref().ok_or(PushRefusal::Missing)?;
        let prices: Vec<Price> = serde_json::from_str(json).map_err(|error| PushRefusal::Invalid(error.to_string()))?;
        prices.iter().try_for_each(valid)?;
        Ok(Some(Self { folder, stored, live, prices }))
    }

    /// Returns the product.
    pub fn sku(&self) -> &Sku {
        self.live.sku()
    }

    /// Returns the prices at the Marketplace and those to send, as JSON.
    pub fn values(&self) -> (Option<&str>, Option<&str>) {
        (self.live.fields().json(PRICES), self.stored.edited.json(PRICES))
    }

    /// Returns the request.
    pub fn request(&self) -> PackageUpdate {
        let changes = PackageDraft { prices: Some(self.prices.clone()), ..PackageDraft::default() };
        PackageUpdate::new(self.live.submission_id().clone(), changes)
    }

    /// Sends the prices, reads them back, and stores what the Marketplace has. Other edited fields stay in the folder.
    ///
    /// # Errors
    /// [`PushError`] says whether the prices were changed.
    pub async fn apply(self, client: &Client) -> Result<(), PushError> {
        let sku = self.sku().clone();
        let id = self.live.submission_id();
        let sent = client.packages().update_one(id, &self.request()).await;
        sent.map_err(|source| PushError::Request { sku: sku.clone(), source })?;
        let unknown = |source| PushError::Unknown { sku: sku.clone(), source };
        let now = Listing::read(client, &sku).await.map_err(unknown)?;
        if !has(&now, &self.prices) {
            return Err(PushError::NotInEffect { sku });
        }
        let (mut edited, mut pulled) = (self.stored.edited, self.stored.pulled);
        take(&mut edited, now.fields(), PRICES);
        // Other fields that have changed at the Marketplace are still to be compared.
        take(&mut pulled, now.fields(), PRICES);
        self.folder.write(&now.with_fields(pulled), &edited).map_err(unknown)
    }
}

/// Checks what the Marketplace checks only with a submission, or not at all.
fn valid(price: &Price) -> Result<(), PushRefusal> {
    let invalid = |reason: &str| Err(PushRefusal::Invalid(reason.to_owned()));
    if price.edition.is_none() {
        return invalid("a price has no edition");
    }
    if price.currency_code.as_deref().is_some_and(|currency| currency != "USD") {
        return invalid("the Marketplace accepts only USD");
    }
    let amounts = [&price.price, &price.initial_price, &price.installation_price];
    if price.price.is_none() || amounts.into_iter().flatten().any(|amount| amount.cents().is_none()) {
        return invalid("a price must be an amount with at most two decimals");
    }
    Ok(())
}

/// Returns whether a listing has these prices. The Marketplace may write an amount in another way than it was sent (`25` as `"25.00"`).
fn has(listing: &Listing, prices: &[Price]) -> bool {
    let mut wanted = JsonObject::new();
    if wanted.insert(PRICES, &prices).is_ok() && is_same(&wanted, listing.fields(), PRICES) {
        return true;
    }
    let listed: Option<Vec<Price>> = listing.fields().get(PRICES);
    listed.is_some_and(|listed| {
        listed.len() == prices.len()
            && prices.iter().all(|wanted| listed.iter().any(|listed| same_price(wanted, listed)))
    })
}

fn same_price(wanted: &Price, listed: &Price) -> bool {
    let same = |wanted: &Option<Amount>, listed: &Option<Amount>| match (wanted, listed) {
        (None, _) => true,
        (Some(wanted), Some(listed)) => wanted.cents() == listed.cents(),
        (Some(_), None) => false,
    };
    wanted.edition == listed.edition
        && same(&wanted.price, &listed.price)
        && same(&wanted.initial_price, &listed.initial_price)
        && same(&wanted.installation_price, &listed.installation_price)
}
