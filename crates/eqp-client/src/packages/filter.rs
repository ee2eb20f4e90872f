//! Filters, order and page of a list of submissions. No I/O.

/// A field to filter and sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PackageField {
    /// `extension`, `theme`, `shared_package` or `all`. Exact match.
    Type,
    /// `M2`. Exact match.
    Platform,
    /// `afl`, `apache`, …, `custom`. Exact match.
    LicenseType,
    /// Whether the version is a patch. Exact match.
    IsPatch,
    /// `yes`, `no` or `unknown`. Exact match.
    ProcessAsPatch,
    /// `stable` or `beta`. Exact match.
    Stability,
    /// The status of the submission as a whole. Exact match.
    #[strum(serialize = "eqp_status.overall")]
    OverallStatus,
    /// The status of the technical review. Exact match.
    #[strum(serialize = "eqp_status.technical")]
    TechnicalStatus,
    /// The status of the marketing review. Exact match.
    #[strum(serialize = "eqp_status.marketing")]
    MarketingStatus,
    /// The item ID. Substring match.
    ItemId,
    /// The Marketplace's submission ID. Substring match.
    SubmissionId,
    /// The SKU. Substring match.
    Sku,
    /// The version. Substring match.
    Version,
    /// The title. Substring match.
    Name,
    /// The long description. Substring match.
    LongDescription,
    /// The release notes. Substring match.
    ReleaseNotes,
    /// The name of a custom license. Substring match.
    CustomLicenseName,
    /// The URL of a custom license. Substring match.
    CustomLicenseUrl,
    /// The requested launch date. The syntax of ranges is not documented.
    RequestedLaunchDate,
    /// The first launch date. The syntax of ranges is not documented.
    OriginalLaunchDate,
    /// The latest launch date. The syntax of ranges is not documented.
    LatestLaunchDate,
    /// The time of creation. The syntax of ranges is not documented.
    CreatedAt,
    /// The time of the last change. The syntax of ranges is not documented.
    ModifiedAt,
}

impl PackageField {
    /// Every field.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the field's name in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Selects submissions, their order and one page of them.
///
/// ```
/// use eqp_client::{PackageField, PackageFilter};
///
/// let newest_drafts = PackageFilter::new()
///     .matching(PackageField::OverallStatus, "draft")
///     .descending(PackageField::ModifiedAt)
///     .ascending(PackageField::Sku)
///     .offset(20)
///     .limit(20);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageFilter {
    matching: Vec<(PackageField, String)>,
    sorting: Vec<String>,
    offset: u64,
    limit: Option<u64>,
}

impl PackageFilter {
    /// Selects all submissions, in the default order of the API.
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects only submissions whose `field` matches `text`. All conditions must be met.
    #[must_use]
    pub fn matching(mut self, field: PackageField, text: impl Into<String>) -> Self {
        self.matching.push((field, text.into()));
        self
    }

    /// Sorts by `field` in ascending order, after the fields that were added before.
    #[must_use]
    pub fn ascending(mut self, field: PackageField) -> Self {
        self.sorting.push(format!("+{}", field.as_str()));
        self
    }

    /// Sorts by `field` in descending order, after the fields that were added before.
    #[must_use]
    pub fn descending(mut self, field: PackageField) -> Self {
        self.sorting.push(format!("-{}", field.as_str()));
        self
    }

    /// Skips the first `records`.
    #[must_use]
    pub fn offset(mut self, records: u64) -> Self {
        self.offset = records;
        self
    }

    /// Returns at most `records` (default of the API: 20).
    #[must_use]
    pub fn limit(mut self, records: u64) -> Self {
        self.limit = Some(records);
        self
    }

    pub(crate) fn page_offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn page_limit(&self) -> Option<u64> {
        self.limit.filter(|limit| *limit > 0)
    }

    /// Returns the query parameters, not yet encoded.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let mut query: Vec<_> = self.matching.iter().map(|(field, text)| (field.as_str(), text.clone())).collect();
        if !self.sorting.is_empty() {
            query.push(("sort", self.sorting.join(",")));
        }
        if self.offset > 0 {
            query.push(("offset", self.offset.to_string()));
        }
        if let Some(limit) = self.limit {
            query.push(("limit", limit.to_string()));
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_becomes_query_parameters() {
        let filter = PackageFilter::new()
            .matching(PackageField::OverallStatus, "draft")
            .matching(PackageField::Name, "a & b")
            .descending(PackageField::ModifiedAt)
            .ascending(PackageField::Sku)
            .offset(40)
            .limit(20);
        let query: Vec<_> = filter.query().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            query,
            ["eqp_status.overall=draft", "name=a & b", "sort=-modified_at,+sku", "offset=40", "limit=20"]
        );
        assert_eq!(PackageFilter::new().query(), []);
    }
}
