//! Creates submissions. If a response is lost, it checks which submissions exist before it sends the others again.

use eqp_types::calls::{self, Retry};
use eqp_types::{BatchItem, Package, PackageDraft};

use super::{Packages, items};
use crate::Error;
use crate::problem::Call;
use crate::redact::KeptBody;
use crate::transport::Request;

impl Packages<'_> {
    /// Creates submissions. Returns one item per submission, in order; a rejected one does not affect the others.
    ///
    /// If it is unknown whether the request was carried out, each submission is looked up by its item ID, or by its SKU and version,
    /// and only those that do not exist are sent again. Packages that have neither are never sent again.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call). A rejected item is not an error; it has the code of the API.
    pub async fn create(self, packages: &[PackageDraft]) -> Result<Vec<BatchItem>, Error> {
        let mut results: Vec<Option<BatchItem>> = vec![None; packages.len()];
        let mut tried = 0;
        loop {
            tried += 1;
            let open: Vec<usize> = (0..packages.len()).filter(|at| results[*at].is_none()).collect();
            if open.is_empty() {
                return Ok(results.into_iter().flatten().collect());
            }
            let pending: Vec<&PackageDraft> = open.iter().map(|at| &packages[*at]).collect();
            let error = match self.create_once(&pending).await {
                Ok(items) => {
                    for (at, item) in open.into_iter().zip(items) {
                        results[at] = Some(item);
                    }
                    continue;
                }
                Err(error) => error,
            };
            // If the outcome is known, `Client::call` has already retried as often as allowed.
            if !error.outcome_is_unknown() || !pending.iter().all(|package| can_be_found(package)) {
                return Err(error);
            }
            let Some(wait) = self.client.inner.retry.wait(tried, &error, Retry::Always) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
            for at in open {
                // If the lookup fails too, it is still unknown whether the request was carried out.
                let Ok(found) = self.find(&packages[at]).await else { return Err(error) };
                results[at] = found;
            }
        }
    }

    /// Creates one submission.
    ///
    /// # Errors
    /// [`Error::Rejected`] with the API's code and message if the item is rejected; the
    /// [errors of every call](crate::Error#errors-of-every-call).
    pub async fn create_one(self, package: &PackageDraft) -> Result<BatchItem, Error> {
        let item = match self.create(std::slice::from_ref(package)).await?.pop() {
            Some(item) if item.is_success() => return Ok(item),
            item => item,
        };
        let api_call = &calls::PACKAGES_CREATE;
        Err(Error::Rejected {
            call: Call { api_call, path: format!("/rest/v1{}", api_call.path) },
            status: 200,
            code: item.as_ref().and_then(|item| item.code),
            message: item.and_then(|item| item.message).unwrap_or_default(),
            retry_after: None,
            body: KeptBody::default(),
        })
    }

    async fn create_once(self, packages: &[&PackageDraft]) -> Result<Vec<BatchItem>, Error> {
        let request = Request::new(&calls::PACKAGES_CREATE, &[])?.json(&packages)?;
        items(&self.client.call(request).await?, packages.len())
    }

    /// Finds the submission that was created from `draft`, by its item ID, or by its SKU and version.
    pub(super) async fn find(self, draft: &PackageDraft) -> Result<Option<BatchItem>, Error> {
        let found = match (&draft.item_id, &draft.sku, &draft.version) {
            (Some(item), _, _) => self.by_item(item).await?,
            (None, Some(sku), Some(version)) => match self.by_sku(sku, Some(version)).await {
                Ok(found) => found.into_iter().find(|package| package.version.as_ref() == Some(version)),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        Ok(found.map(as_item))
    }
}

/// The code of an accepted item.
const SUCCESS: i64 = 200;

/// Returns whether [`Packages::find`] can find the draft.
pub(super) fn can_be_found(draft: &PackageDraft) -> bool {
    draft.item_id.is_some() || (draft.sku.is_some() && draft.version.is_some())
}

/// Reconstructs the item of the lost response.
fn as_item(package: Package) -> BatchItem {
    BatchItem {
        code: Some(SUCCESS),
        message: Some("found after the response was lost".to_owned()),
        submission_id: package.submission_id,
        item_id: package.item_id,
        eqp_status: package.eqp_status,
        created_at: package.created_at,
        modified_at: package.modified_at,
        extra: eqp_types::JsonObject::new(),
    }
}
