//! The reviews that a submission is for, and the review that each field belongs to.

use crate::report::Location;

/// The reviews that a submission is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracks {
    /// Both reviews.
    #[default]
    Both,
    /// The technical review only.
    Technical,
    /// The marketing review only.
    Marketing,
}

impl Tracks {
    /// Returns whether the submission is for the technical review.
    pub(crate) fn technical(self) -> bool {
        self != Self::Marketing
    }

    /// Returns whether the submission is for the marketing review.
    pub(crate) fn marketing(self) -> bool {
        self != Self::Technical
    }
}

/// The review that a location belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Review {
    Technical,
    Marketing,
    Either,
}

/// Fields of a listing that are only relevant for the marketing review.
const MARKETING_FIELDS: [&str; 18] = [
    "browser_os_compatibility",
    "browsers",
    "categories",
    "custom_license_name",
    "custom_license_url",
    "external_services",
    "launch_on_approval",
    "license_type",
    "long_description",
    "marketing_options",
    "media_artifacts",
    "name",
    "prices",
    "pricing_model",
    "priority",
    "requested_launch_date",
    "stability",
    "support_tiers",
];
/// Fields of a listing that are only relevant for the technical review.
const TECHNICAL_FIELDS: [&str; 5] =
    ["artifact", "process_as_patch", "release_notes", "technical_options", "version_compatibility"];

impl Review {
    /// Returns the review that a location belongs to. The archive belongs to the technical review.
    pub(crate) fn of(location: &Location) -> Self {
        let Location::Field { name } = location else { return Self::Technical };
        let field = name.split(['.', '[']).next().expect("a split has at least one part");
        if MARKETING_FIELDS.contains(&field) {
            Self::Marketing
        } else if TECHNICAL_FIELDS.contains(&field) {
            Self::Technical
        } else {
            Self::Either
        }
    }
}

impl Tracks {
    /// Returns whether a submission for these reviews is checked by `review`.
    pub(crate) fn include(self, review: Review) -> bool {
        match review {
            Review::Technical => self.technical(),
            Review::Marketing => self.marketing(),
            Review::Either => true,
        }
    }
}
