//! Which submissions are listed, in which order, and which page of them. No I/O.

/// Defines the fields with their names in the API.
macro_rules! fields {
    ($( $(#[$meta:meta])* $variant:ident = $name:literal, )*) => {
        /// A field that filters and sorts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum PackageField {
            $( $(#[$meta])* $variant, )*
        }

        impl PackageField {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The field's name in the API.
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )*
                }
            }
        }
    };
}

fields! {
    /// `extension`, `theme`, `shared_package`, or `all`; compared whole.
    Type = "type",
    /// `M2`; compared whole.
    Platform = "platform",
    /// `afl`, `apache`, …, `custom`; compared whole.
    LicenseType = "license_type",
    /// Compared whole.
    IsPatch = "is_patch",
    /// `yes`, `no`, `unknown`; compared whole.
    ProcessAsPatch = "process_as_patch",
    /// `stable`, `beta`; compared whole.
    Stability = "stability",
    /// The submission as a whole; compared whole.
    OverallStatus = "eqp_status.overall",
    /// The technical review; compared whole.
    TechnicalStatus = "eqp_status.technical",
    /// The marketing review; compared whole.
    MarketingStatus = "eqp_status.marketing",
    /// The developer's own id; a part is enough.
    ItemId = "item_id",
    /// The Marketplace's id; a part is enough.
    SubmissionId = "submission_id",
    /// A part is enough.
    Sku = "sku",
    /// A part is enough.
    Version = "version",
    /// A part is enough.
    Name = "name",
    /// A part is enough.
    LongDescription = "long_description",
    /// A part is enough.
    ReleaseNotes = "release_notes",
    /// A part is enough.
    CustomLicenseName = "custom_license_name",
    /// A part is enough.
    CustomLicenseUrl = "custom_license_url",
    /// A date, or a range in a form that is not documented.
    RequestedLaunchDate = "requested_launch_date",
    /// A date, or a range in a form that is not documented.
    OriginalLaunchDate = "original_launch_date",
    /// A date, or a range in a form that is not documented.
    LatestLaunchDate = "latest_launch_date",
    /// A date, or a range in a form that is not documented.
    CreatedAt = "created_at",
    /// A date, or a range in a form that is not documented.
    ModifiedAt = "modified_at",
}

/// Which submissions are listed, in which order, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageFilter {
    matching: Vec<(PackageField, String)>,
    sorting: Vec<String>,
    offset: u64,
    limit: Option<u64>,
}

impl PackageFilter {
    /// All of them, in the API's own order.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those whose `field` matches; more than one condition must hold together.
    #[must_use]
    pub fn matching(mut self, field: PackageField, text: impl Into<String>) -> Self {
        self.matching.push((field, text.into()));
        self
    }

    /// Sorted by `field`, smallest first, after what was named before.
    #[must_use]
    pub fn ascending(mut self, field: PackageField) -> Self {
        self.sorting.push(format!("+{}", field.as_str()));
        self
    }

    /// Sorted by `field`, largest first, after what was named before.
    #[must_use]
    pub fn descending(mut self, field: PackageField) -> Self {
        self.sorting.push(format!("-{}", field.as_str()));
        self
    }

    /// Leaves out the first records.
    #[must_use]
    pub fn offset(mut self, records: u64) -> Self {
        self.offset = records;
        self
    }

    /// At most so many records; the API gives 20 if nothing is said.
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

    /// The query parameters, not yet encoded.
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
