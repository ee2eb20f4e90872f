//! Finds the submission of a package in a manifest, and determines which reviews can be recalled.

use eqp_client::Client;
use eqp_types::{Actions, EqpStatus, ItemId, Package, ReviewAction, SubmissionId};

use crate::manifest::ManifestPackage;
use crate::release::{Reviews, running_reviews};
use crate::reviews::Track;

/// The reason why the submission of a package was not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The Marketplace cannot be reached, or rejected the request.
    #[error(transparent)]
    Marketplace(#[from] eqp_client::Error),
    /// The package has neither a submission ID, nor an item ID, nor SKU and version.
    #[error("nothing identifies the submission of `{label}`")]
    Unidentified {
        /// The label of the package.
        label: String,
    },
    /// The submission does not exist.
    #[error("there is no submission of {label}")]
    NotFound {
        /// The label of the package.
        label: String,
    },
}

/// Finds the submission of a package by its submission ID, its item ID, or its SKU and version, in this order.
///
/// ```no_run
/// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_release::{Track, find_submission, recall_action};
/// use eqp_types::{PackageDraft, PackageUpdate};
///
/// let manifest = eqp_release::manifest::Manifest::read("release.toml".as_ref())?;
/// let package = find_submission(&client, &manifest.packages[0]).await?;
/// if let Some(action) = package.eqp_status.and_then(|status| recall_action(&status, Track::Both)) {
///     let changes = PackageDraft { action: Some(action), ..PackageDraft::default() };
///     client.packages().update(&[PackageUpdate { submission_id: package.submission_id, changes }]).await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns [`FindError::Unidentified`] if the package has none of them, and [`FindError::NotFound`] if the submission
/// does not exist.
pub async fn find_submission(client: &Client, package: &ManifestPackage) -> Result<Package, FindError> {
    let packages = client.packages();
    let fields = &package.changes;
    let found = match (&package.submission_id, &fields.item_id, &fields.sku, &fields.version) {
        (Some(id), _, _, _) => Some(packages.get(id).await?),
        (None, Some(item), _, _) => packages.by_item(item).await?,
        (None, None, Some(sku), Some(version)) => packages.by_sku(sku, Some(version)).await?.into_iter().next(),
        _ => return Err(FindError::Unidentified { label: package.label() }),
    };
    found.ok_or_else(|| FindError::NotFound { label: package.label() })
}

/// Finds a submission by its submission ID or item ID. A text that is both is a submission ID.
/// ```no_run
/// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let package = eqp_release::find_by_id(&client, &eqp_types::SubmissionId::new("checkout-1.2.0")?).await?;
/// println!("{:?}", package.eqp_status);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The [errors of every call](eqp_client::Error#errors-of-every-call), also if the submission does not exist: the error then
/// [is "not found"](eqp_client::Error::is_not_found).
pub async fn find_by_id(client: &Client, id: &SubmissionId) -> Result<Package, eqp_client::Error> {
    match client.packages().get(id).await {
        Err(error) if error.is_not_found() => {
            let Ok(item) = ItemId::new(id.as_str()) else { return Err(error) };
            client.packages().by_item(&item).await?.ok_or(error)
        }
        found => found,
    }
}

/// Returns the action that recalls a submission from the reviews of `track` that are running, or `None` if none is.
pub fn recall_action(status: &EqpStatus, track: Track) -> Option<Actions> {
    let selected = Reviews { technical: track != Track::Marketing, marketing: track != Track::Technical };
    let recalled = running_reviews(status).of(selected);
    (!recalled.is_empty()).then(|| recalled.ask(&ReviewAction::Recall))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_selected_reviews_that_are_running_are_recalled() {
        let status = |technical: &str, marketing: &str| EqpStatus {
            technical: Some(technical.into()),
            marketing: Some(marketing.into()),
            ..EqpStatus::default()
        };
        for (technical, marketing, track, asked) in [
            ("in_automation", "in_marketing_review", Track::Both, Some((true, true))),
            ("in_manual_qa", "approved", Track::Both, Some((true, false))),
            ("awaiting_manual_qa", "awaiting_marketing_review", Track::Marketing, Some((false, true))),
            ("approved", "awaiting_marketing_review", Track::Technical, None),
            ("draft", "rejected", Track::Both, None),
        ] {
            let found = recall_action(&status(technical, marketing), track);
            let found = found.map(|action| (action.technical.is_some(), action.marketing.is_some()));
            assert_eq!(found, asked, "{technical} {marketing} {track:?}");
        }
    }
}
