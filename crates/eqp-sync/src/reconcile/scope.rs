//! The packages that a run reads.

use std::str::FromStr;

use eqp_types::{Sku, SubmissionId};
use time::OffsetDateTime;

/// Selects the packages that a run reads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconcileScope {
    /// Everything that has changed since the last run. The first run of an account reads everything.
    Incremental,
    /// Everything.
    Full,
    /// Everything that has changed since this time.
    Since(OffsetDateTime),
    /// These submissions only.
    Selected(Vec<ReconcileTarget>),
}

/// A submission, or all submissions of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconcileTarget {
    /// The submission with this ID.
    Submission(SubmissionId),
    /// All versions of this product.
    Sku(Sku),
}

impl FromStr for ReconcileTarget {
    type Err = eqp_types::IdError;

    /// Reads a SKU (`vendor/package`) or a submission ID.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') { text.parse().map(Self::Sku) } else { text.parse().map(Self::Submission) }
    }
}

impl std::fmt::Display for ReconcileTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Submission(id) => id.fmt(f),
            Self::Sku(sku) => sku.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_a_sku() {
        assert_eq!("acme/checkout".parse(), Ok(ReconcileTarget::Sku("acme/checkout".parse().unwrap())));
        assert_eq!("s5w9k703ru".parse(), Ok(ReconcileTarget::Submission("s5w9k703ru".parse().unwrap())));
        assert!("".parse::<ReconcileTarget>().is_err());
    }
}
