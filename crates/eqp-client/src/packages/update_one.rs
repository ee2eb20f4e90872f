use eqp_types::{ItemId, Package, SubmissionId};

use super::Packages;
use crate::transport::Request;
use crate::{Error, endpoint};

/// A submission, named by the Marketplace's id or by the developer's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageRef<'a> {
    /// The Marketplace's id.
    Submission(&'a SubmissionId),
    /// The developer's own id.
    Item(&'a ItemId),
}

impl PackageRef<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Submission(id) => id.as_str(),
            Self::Item(id) => id.as_str(),
        }
    }
}

impl<'a> From<&'a SubmissionId> for PackageRef<'a> {
    fn from(id: &'a SubmissionId) -> Self {
        Self::Submission(id)
    }
}

impl<'a> From<&'a ItemId> for PackageRef<'a> {
    fn from(id: &'a ItemId) -> Self {
        Self::Item(id)
    }
}

impl Packages<'_> {
    /// Updates one submission. No body is promised in the answer: the status decides.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn update_one<'p>(self, id: impl Into<PackageRef<'p>>, package: &Package) -> Result<(), Error> {
        let request = Request::new(&endpoint::PACKAGES_UPDATE_ONE, &[id.into().as_str()])?.json(package)?;
        self.client.call(request).await.map(drop)
    }
}
