//! What a submission is for.

use crate::report::Place;

/// The reviews that a submission is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracks {
    /// Both at once.
    #[default]
    Both,
    /// The technical review alone.
    Technical,
    /// The marketing review alone.
    Marketing,
}

impl Tracks {
    /// Whether the technical review is asked for.
    pub(crate) fn technical(self) -> bool {
        self != Self::Marketing
    }

    /// Whether the marketing review is asked for.
    pub(crate) fn marketing(self) -> bool {
        self != Self::Technical
    }
}

/// The review that looks at something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Review {
    Technical,
    Marketing,
    Either,
}

/// Fields of a listing that only the marketing review looks at.
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
/// Fields that only the technical review looks at.
const TECHNICAL_FIELDS: [&str; 5] =
    ["artifact", "process_as_patch", "release_notes", "technical_options", "version_compatibility"];

impl Review {
    /// The review that looks at a place. The archive is looked at by the technical one.
    pub(crate) fn of(place: &Place) -> Self {
        let Place::Field { name } = place else { return Self::Technical };
        let field = name.split(['.', '[']).next().unwrap_or_default();
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
    /// Whether a submission for these reviews is looked at by this one.
    pub(crate) fn include(self, review: Review) -> bool {
        match review {
            Review::Technical => self.technical(),
            Review::Marketing => self.marketing(),
            Review::Either => true,
        }
    }
}
