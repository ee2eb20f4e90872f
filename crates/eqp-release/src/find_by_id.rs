//! Finds a submission by an ID of either kind.

use eqp_client::Client;
use eqp_types::{ItemId, Package, SubmissionId};

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
