//! Compares the versions of a product at Packagist, in the store and at repo.magento.com. No I/O.

use eqp_check::internal::Version;
use serde::Serialize;

/// Vendors whose packages Magento's Composer plugin never compares (magento/composer-dependency-version-audit-plugin 0.1.6).
const EXEMPT_VENDORS: [&str; 8] = ["vertexinc", "yotpo", "klarna", "amzn", "dotmailer", "braintree", "paypal", "gene"];

/// The version that a source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The highest stable version.
    Version(Version),
    /// It does not have the product, or no stable version of it.
    Nothing,
    /// The Composer key is not entitled to the product, or there is no key.
    NotEntitled,
    /// It cannot be read, with the reason.
    Unknown(String),
}

impl Found {
    pub(super) fn version(&self) -> Option<&Version> {
        match self {
            Self::Version(version) => Some(version),
            _ => None,
        }
    }
}

/// How Packagist relates to what the customers of the store can install.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// Both have the same version.
    InStep,
    /// Packagist has a higher version.
    Ahead,
    /// Packagist has a lower version.
    Behind,
    /// Packagist does not have the product.
    NotOnPackagist,
    /// The store does not have the product.
    NotInStore,
    /// Packagist cannot be read.
    Unknown,
}

/// Whether a Composer key can install a product from repo.magento.com.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Installable {
    /// The version in the store can be installed.
    Yes,
    /// The key sees the product, but not the version in the store.
    No,
    /// The key is not entitled to the product, or repo.magento.com cannot be read.
    Unknown,
}

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) standing: Standing,
    pub(super) breaks_shops: bool,
    pub(super) installable: Installable,
    /// The sentence for customers, if shops break.
    pub(super) sentence: Option<String>,
}

/// Compares the highest stable versions.
pub(super) fn compare(name: &str, packagist: &Found, store: Option<&Version>, repository: &Found) -> Comparison {
    let installable = match (repository, store) {
        (Found::Version(_), None) => Installable::Yes,
        (Found::Version(private), Some(store)) if private >= store => Installable::Yes,
        (Found::Version(_), Some(_)) => Installable::No,
        _ => Installable::Unknown,
    };
    // Composer compares Packagist with the repository; the store's version stands for a repository that cannot be read.
    let private = repository.version().or(store);
    let standing = match (packagist, private) {
        (Found::Unknown(_) | Found::NotEntitled, _) => Standing::Unknown,
        (Found::Nothing, _) => Standing::NotOnPackagist,
        (Found::Version(_), None) => Standing::NotInStore,
        (Found::Version(public), Some(private)) if public > private => Standing::Ahead,
        (Found::Version(public), Some(private)) if public < private => Standing::Behind,
        (Found::Version(_), Some(_)) => Standing::InStep,
    };
    let vendor = name.split('/').next().unwrap_or_default().to_lowercase();
    let breaks_shops = standing == Standing::Ahead && !EXEMPT_VENDORS.contains(&vendor.as_str());
    let sentence = match (breaks_shops, packagist, private) {
        (true, Found::Version(public), Some(private)) => Some(sentence(name, public, private)),
        _ => None,
    };
    Comparison { standing, breaks_shops, installable, sentence }
}

fn sentence(name: &str, public: &Version, private: &Version) -> String {
    format!(
        "{name}: Packagist has {public}, the store {private}. With ^{}, Composer stops (\"Higher matching version \
         {public}\"); with exactly {private}, it only warns.",
        private.major_minor()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Found {
        Found::Version(Version::parse(text).unwrap())
    }

    #[test]
    fn shops_break_only_if_packagist_is_certainly_ahead() {
        use Installable as I;
        use Standing as S;
        let unknown = || Found::Unknown("HTML".to_owned());
        let hidden = || Found::NotEntitled;
        for (name, packagist, store, repository, standing, breaks, installable) in [
            ("acme/a", version("2.1.1"), Some("2.1.0"), hidden(), S::Ahead, true, I::Unknown),
            ("acme/a", version("2.1.1"), Some("2.1.1"), version("2.1.0"), S::Ahead, true, I::No),
            ("acme/a", version("2.1.1"), Some("2.1.0"), version("2.1.1"), S::InStep, false, I::Yes),
            ("acme/a", version("v2.1.0.0"), Some("2.1"), hidden(), S::InStep, false, I::Unknown),
            ("acme/a", version("2.0.9"), Some("2.1.0"), unknown(), S::Behind, false, I::Unknown),
            ("acme/a", version("2.10.0"), Some("2.9.0"), hidden(), S::Ahead, true, I::Unknown),
            // Magento's plugin does not compare these.
            ("Klarna/a", version("2.1.1"), Some("2.1.0"), hidden(), S::Ahead, false, I::Unknown),
            // There is nothing to compare.
            ("acme/a", Found::Nothing, Some("2.1.0"), version("2.1.0"), S::NotOnPackagist, false, I::Yes),
            ("acme/a", version("2.1.0"), None, hidden(), S::NotInStore, false, I::Unknown),
            ("acme/a", unknown(), Some("2.1.0"), version("2.1.0"), S::Unknown, false, I::Yes),
        ] {
            let store = store.map(|text| Version::parse(text).unwrap());
            let found = compare(name, &packagist, store.as_ref(), &repository);
            let case = format!("{packagist:?} {store:?} {repository:?}");
            assert_eq!(
                (found.standing, found.breaks_shops, found.installable),
                (standing, breaks, installable),
                "{case}"
            );
            assert_eq!(found.sentence.is_some(), breaks, "{case}");
        }
    }

    #[test]
    fn the_sentence_names_both_versions_and_what_composer_does() {
        let store = Version::parse("2.1.0").unwrap();
        let found = compare("acme/wishlist", &version("2.1.1"), Some(&store), &Found::NotEntitled);
        assert_eq!(
            found.sentence.unwrap(),
            "acme/wishlist: Packagist has 2.1.1, the store 2.1.0. With ^2.1, Composer stops (\"Higher matching version \
             2.1.1\"); with exactly 2.1.0, it only warns."
        );
    }
}
