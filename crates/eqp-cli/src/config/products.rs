//! Products of the vendor, with data that the Marketplace does not have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eqp_console::ProductSettings;
use eqp_deliver::{DescribeProduct, ProductSource};
use eqp_types::Sku;
use serde::Deserialize;
use url::Url;

use super::from_folder;

/// The configured products, by SKU.
pub(crate) type Products = BTreeMap<Sku, ProductOptions>;

/// The settings of one product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ProductOptions {
    /// The URL of the git repository.
    pub(crate) repository: Option<String>,
    /// The git tag of a version, in which `{version}` is replaced by the version.
    pub(crate) tag: Option<TagPattern>,
    /// The chat channel for messages about the product.
    pub(crate) channel: Option<String>,
    /// The person or team that is responsible for the product.
    pub(crate) owner: Option<String>,
    /// The folder or archive with the source code.
    pub(crate) source: Option<PathBuf>,
}

impl ProductOptions {
    pub(super) fn in_folder(&mut self, folder: &Path) {
        from_folder(&mut self.source, folder);
    }

    /// Returns the names of the keys that are not set.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let Self { repository, tag, channel, owner, source } = self;
        let keys = [
            ("repository", repository.is_none()),
            ("tag", tag.is_none()),
            ("channel", channel.is_none()),
            ("owner", owner.is_none()),
            ("source", source.is_none()),
        ];
        keys.into_iter().filter(|(_, is_missing)| *is_missing).map(|(key, _)| key).collect()
    }
}

/// Returns the repository and the tag of each product and version, for messages.
pub(crate) fn sources(products: &Products) -> DescribeProduct {
    let products: BTreeMap<String, ProductOptions> =
        products.iter().map(|(sku, options)| (sku.to_string(), options.clone())).collect();
    Arc::new(move |sku, version| {
        let mut source = ProductSource::default();
        if let Some(product) = products.get(sku) {
            source.repository = product.repository.as_deref().map(without_password);
            source.tag = product.tag.as_ref().zip(version).map(|(tag, version)| tag.tag_of(version));
        }
        source
    })
}

/// Returns the settings of each product as the operator API shows them.
pub(crate) fn shown(products: &Products) -> impl Iterator<Item = (String, ProductSettings)> {
    products.iter().map(|(sku, options)| {
        let ProductOptions { repository, tag, channel, owner, source } = options;
        let settings = ProductSettings {
            repository: repository.as_deref().map(without_password),
            tag: tag.as_ref().map(|pattern| pattern.0.clone()),
            channel: channel.clone(),
            owner: owner.clone(),
            source: source.as_ref().map(|source| source.display().to_string()),
        };
        (sku.to_string(), settings)
    })
}

/// Returns a URL without its password, which messages must not contain.
fn without_password(repository: &str) -> String {
    match Url::parse(repository) {
        Ok(mut url) if url.password().is_some() => {
            // Fails only for URLs without a host, which have no password.
            let _ = url.set_username("").and_then(|()| url.set_password(None));
            url.to_string()
        }
        _ => repository.to_owned(),
    }
}

/// The name of the git tag of a version: a text that contains `{version}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TagPattern(String);

impl TagPattern {
    /// The place of the version.
    const VERSION: &str = "{version}";

    /// Returns the tag of a version.
    pub(crate) fn tag_of(&self, version: &str) -> String {
        self.0.replace(Self::VERSION, version)
    }
}

impl TryFrom<String> for TagPattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.matches(Self::VERSION).count() == 1 {
            Ok(Self(text))
        } else {
            Err("expected a git tag that contains {version} once, such as v{version}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_contains_the_version_once() {
        let pattern = TagPattern::try_from("release/{version}".to_owned()).unwrap();
        assert_eq!(pattern.tag_of("1.4.2"), "release/1.4.2");
        for text in ["", "v1", "{version}{version}", "v{Version}"] {
            assert!(TagPattern::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn messages_have_the_repository_without_its_password_and_the_tag_of_the_version() {
        let options = ProductOptions {
            repository: Some("https://me:hush@github.com/acme/checkout".to_owned()),
            tag: Some(TagPattern::try_from("v{version}".to_owned()).unwrap()),
            ..ProductOptions::default()
        };
        let describe = sources(&Products::from([("acme/checkout".parse().unwrap(), options)]));
        let source = describe("acme/checkout", Some("1.5.0"));
        assert_eq!(source.repository.as_deref(), Some("https://github.com/acme/checkout"));
        assert_eq!(source.tag.as_deref(), Some("v1.5.0"));
        assert_eq!(describe("acme/checkout", None).tag, None);
        assert_eq!(describe("acme/other", Some("1.0.0")), ProductSource::default());
    }

    #[test]
    fn the_keys_that_are_not_set_are_missing() {
        assert_eq!(ProductOptions::default().missing(), ["repository", "tag", "channel", "owner", "source"]);
    }
}
