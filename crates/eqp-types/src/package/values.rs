//! Enums for fields of a package with a fixed set of documented values.
//!
//! They are case-sensitive, and undocumented values are preserved.

use strum::{AsRefStr, Display, EnumString, VariantNames};

use crate::code::code;

/// The type of a package.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PackageType {
    /// An extension.
    Extension,
    /// A theme.
    Theme,
    /// A package that others depend on. It needs no documentation and no images.
    SharedPackage,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The platform that a package is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[non_exhaustive]
pub enum Platform {
    /// Magento 2, which is Adobe Commerce.
    M2,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// An edition of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Edition {
    /// Magento Open Source.
    Ce,
    /// Adobe Commerce, on premises.
    Ee,
    /// Adobe Commerce, on cloud infrastructure.
    Ece,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The kind of payment for a package.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum PricingType {
    /// A single payment.
    OneTime,
    /// A yearly subscription.
    Subscription,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The license of a package.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum LicenseType {
    /// Academic Free License.
    Afl,
    /// Apache License.
    Apache,
    /// BSD License.
    Bsd,
    /// GNU General Public License.
    GnuGpl,
    /// GNU Lesser General Public License.
    GnuLgpl,
    /// MIT License.
    Mit,
    /// Mozilla Public License.
    Mozilla,
    /// Open Software License.
    Osl,
    /// A custom license with a name and a URL.
    Custom,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The priority of a release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Priority {
    /// High.
    High,
    /// Medium.
    Medium,
    /// Low.
    Low,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The stability of a release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Stability {
    /// Ready for production.
    Stable,
    /// For testing only.
    Beta,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// Whether a release should be reviewed as a patch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ProcessAsPatch {
    /// Review it as a patch.
    Yes,
    /// Review it like any other release.
    No,
    /// The value `unknown` of the API: the Marketplace decides.
    #[strum(serialize = "unknown")]
    Undecided,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The operator of an external service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceOwner {
    /// The vendor.
    #[strum(serialize = "self")]
    Vendor,
    /// A third party.
    #[strum(serialize = "3rd_party")]
    ThirdParty,
    /// The value `unknown` of the API.
    #[strum(serialize = "unknown")]
    Undecided,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The recipient of payments for an external service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ServicePayee {
    /// The vendor.
    #[strum(serialize = "self")]
    Vendor,
    /// A third party.
    #[strum(serialize = "3rd_party")]
    ThirdParty,
    /// The vendor and a third party.
    Both,
    /// Nobody: the service is free.
    None,
    /// The value `unknown` of the API.
    #[strum(serialize = "unknown")]
    Undecided,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The requested action for one review.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ReviewAction {
    /// Saves a draft (the default).
    Draft,
    /// Submits the package for the review.
    Submit,
    /// Recalls the package from the review.
    Recall,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The requested action for the submission as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum OverallAction {
    /// Removes the package from the store.
    Remove,
    /// Abandons this version.
    Cancel,
    /// An undocumented value, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

code! {
    exact: PackageType, Platform, Edition, PricingType, LicenseType, Priority, Stability, ProcessAsPatch, ServiceOwner,
    ServicePayee, ReviewAction, OverallAction,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_values_are_spelled_as_documented() {
        assert_eq!(PackageType::KNOWN, ["extension", "theme", "shared_package"]);
        assert_eq!(Platform::KNOWN, ["M2"]);
        assert_eq!(Edition::KNOWN, ["CE", "EE", "ECE"]);
        assert_eq!(PricingType::KNOWN, ["one-time", "subscription"]);
        let licenses = ["afl", "apache", "bsd", "gnu-gpl", "gnu-lgpl", "mit", "mozilla", "osl", "custom"];
        assert_eq!(LicenseType::KNOWN, licenses);
        assert_eq!(Priority::KNOWN, ["high", "medium", "low"]);
        assert_eq!(Stability::KNOWN, ["stable", "beta"]);
        assert_eq!(ProcessAsPatch::KNOWN, ["yes", "no", "unknown"]);
        assert_eq!(ServiceOwner::KNOWN, ["self", "3rd_party", "unknown"]);
        assert_eq!(ServicePayee::KNOWN, ["self", "3rd_party", "both", "none", "unknown"]);
        assert_eq!(ReviewAction::KNOWN, ["draft", "submit", "recall"]);
        assert_eq!(OverallAction::KNOWN, ["remove", "cancel"]);
    }

    #[test]
    fn anything_else_is_written_back_as_it_came() {
        for other in ["MIT", " mit", "", "gpl"] {
            let license = LicenseType::from(other);
            assert_eq!(license, LicenseType::Unknown(other.to_owned()));
            assert_eq!((license.as_str(), license.to_string().as_str()), (other, other));
        }
        assert_eq!(serde_json::to_string(&ProcessAsPatch::from("unknown")).unwrap(), "\"unknown\"");
        assert_eq!(ProcessAsPatch::from("unknown"), ProcessAsPatch::Undecided);
    }
}
