//! Packages as arguments name them: by submission, by the developer's own id, or by SKU.

use clap::Args;
use eqp_client::Client;
use eqp_types::{ItemId, Package, Sku, SubmissionId};

use crate::failure::{Exit, Failure, Outcome};

/// Which package is meant.
#[derive(Args, Debug)]
pub(super) struct Named {
    /// Its submission id
    #[arg(required_unless_present_any = ["sku", "item"], conflicts_with_all = ["sku", "item"])]
    submission_id: Option<SubmissionId>,
    /// By SKU: all its versions, or the one that --version names
    #[arg(long, value_name = "SKU", conflicts_with = "item")]
    sku: Option<Sku>,
    /// The version of the SKU
    #[arg(long, value_name = "VERSION", requires = "sku")]
    version: Option<String>,
    /// By the developer's own id
    #[arg(long, value_name = "ITEM")]
    item: Option<ItemId>,
}

impl Named {
    /// The packages, at least one.
    pub(super) async fn find(&self, client: &Client) -> Outcome<Vec<Package>> {
        let packages = client.packages();
        let found = match (&self.submission_id, &self.sku, &self.item) {
            (Some(id), _, _) => vec![packages.get(id).await?],
            (None, Some(sku), _) => packages.by_sku(sku, self.version.as_deref()).await?,
            (None, None, Some(item)) => packages.by_item(item).await?.into_iter().collect(),
            (None, None, None) => Vec::new(),
        };
        if found.is_empty() {
            return Err(Failure::new(Exit::NotFound, format!("there is no such package in {}", client.environment()))
                .next("eqp packages list shows those that there are"));
        }
        Ok(found)
    }

    /// It can only be one.
    pub(super) fn is_one(&self) -> bool {
        self.sku.is_none()
    }
}
