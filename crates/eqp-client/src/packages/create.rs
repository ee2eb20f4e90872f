use eqp_types::{BatchItem, Package};

use super::lookup::can_be_found;
use super::{Packages, items};
use crate::Error;
use crate::endpoint::{self, Repeat};
use crate::problem::Call;
use crate::redact::KeptBody;
use crate::transport::Request;

impl Packages<'_> {
    /// Creates submissions. The answer has one item for each, in order; good ones are done beside bad ones.
    ///
    /// When it stays unclear whether the request was heard, each is looked for by its item id, else by its SKU and
    /// version, and only those that are not there are sent again. Packages that have neither are never sent again.
    ///
    /// # Errors
    /// Those of every call; what became of the single items is in the answer.
    pub async fn create(self, packages: &[Package]) -> Result<Vec<BatchItem>, Error> {
        let mut outcomes: Vec<Option<BatchItem>> = vec![None; packages.len()];
        let mut tried = 0;
        loop {
            tried += 1;
            let open: Vec<usize> = (0..packages.len()).filter(|at| outcomes[*at].is_none()).collect();
            if open.is_empty() {
                return Ok(outcomes.into_iter().flatten().collect());
            }
            let wished: Vec<&Package> = open.iter().map(|at| &packages[*at]).collect();
            let error = match self.create_once(&wished).await {
                Ok(items) => {
                    for (at, item) in open.into_iter().zip(items) {
                        outcomes[at] = Some(item);
                    }
                    continue;
                }
                Err(error) => error,
            };
            // Calls whose end is clear have been tried often enough by now.
            if !error.outcome_is_unknown() || !wished.iter().all(|package| can_be_found(package)) {
                return Err(error);
            }
            let Some(wait) = self.client.inner.retry.wait(tried, &error, Repeat::Always, fastrand::f64()) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
            for at in open {
                // A look that fails leaves the end as unclear as it was.
                let Ok(found) = self.find(&packages[at]).await else { return Err(error) };
                outcomes[at] = found;
            }
        }
    }

    /// Creates one submission.
    ///
    /// # Errors
    /// A refusal of the item is an error here, with the API's code and message; those of every call.
    pub async fn create_one(self, package: &Package) -> Result<BatchItem, Error> {
        let item = match self.create(std::slice::from_ref(package)).await?.pop() {
            Some(item) if item.is_success() => return Ok(item),
            item => item,
        };
        let endpoint = &endpoint::PACKAGES_CREATE;
        Err(Error::Refused {
            call: Call { endpoint, path: format!("/rest/v1{}", endpoint.path) },
            status: 200,
            code: item.as_ref().and_then(|item| item.code),
            message: item.and_then(|item| item.message).unwrap_or_default(),
            retry_after: None,
            body: KeptBody::default(),
        })
    }

    async fn create_once(self, packages: &[&Package]) -> Result<Vec<BatchItem>, Error> {
        let request = Request::new(&endpoint::PACKAGES_CREATE, &[])?.json(&packages)?;
        items(&self.client.call(request).await?, packages.len())
    }
}
