//! `eqp packages published`: compares versions at Packagist, in the store and at repo.magento.com.

use clap::Args;
use eqp_client::Client;
use eqp_client::keys::{KeyFilter, KeyPlatform};
use eqp_release::published::{
    Installable, PublishedError, PublishedProduct, RepositoryKey, SourceVersion, Standing, compare_published,
};
use eqp_types::{Environment, Sku};
use serde::Serialize;

use crate::compose::client::client;
use crate::compose::listings::{CACHE, PROGRAM};
use crate::config::ComposerOptions;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, escaped, or_dash};

/// Compare the versions at Packagist, in the store and at repo.magento.com
///
/// Compares the highest stable versions. If Packagist has a higher version than the store, Composer refuses the
/// installation in the shops of customers who require a range such as ^2.1 ("Higher matching version … was found in
/// public repository"). The sentences below the table are for these customers. Vendors that Magento's Composer plugin
/// exempts do not conflict.
///
/// repo.magento.com is read with a Composer key of the account: metadata only, never an archive. Whether a product can
/// be installed is `unknown` if the account has no enabled key, or the key does not see the product.
///
/// Exit codes with --exit-code: 8 if there is a conflict; 7 if Packagist could not be read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages published
  eqp packages published acme/wishlist
  eqp packages published --exit-code --json | jq -r '.products[].sentence'")]
pub(crate) struct Published {
    /// SKUs of products [default: all products in the store]
    #[arg(value_name = "SKU")]
    skus: Vec<Sku>,
    /// Label of the Composer key to use [default: the first enabled key]
    #[arg(long, value_name = "LABEL")]
    key: Option<String>,
    /// Exit with a code that depends on the result
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    pub(crate) composer: ComposerOptions,
}

/// The versions of products, side by side.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PublishedList<'a> {
    /// The environment of the store.
    environment: Environment,
    /// The label of the Composer key with which repo.magento.com was read. Null if there is none.
    key: Option<String>,
    /// The products, by SKU.
    products: &'a [PublishedProduct],
}

impl Published {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let settings = &context.settings;
        let simulator = settings.marketplace.api_url().filter(|_| context.confirm.is_simulated);
        let mut sources = settings.composer.sources(simulator)?;
        let client = client(&settings.marketplace)?;
        let key = self.key(&client, context).await?;
        let label = key.as_ref().map(|(label, _)| label.clone());
        sources.key = key.map(|(_, key)| key);
        sources.ca_pem = settings.marketplace.ca_pem()?;
        // Only a folder that exists already is used.
        sources.cache = settings.data.place().ok().filter(|folder| folder.is_dir()).map(|folder| folder.join(CACHE));
        let products = compare_published(&client, &sources, &self.skus, PROGRAM).await?;
        let list = PublishedList { environment: client.environment(), key: label, products: &products };
        Self::show(&list, context)?;
        if self.exit_code { code(&products) } else { Ok(()) }
    }

    /// Returns a Composer key of the account with its label, if there is one.
    async fn key(&self, client: &Client, context: &Context) -> Result<Option<(String, RepositoryKey)>> {
        let filter = KeyFilter { platform: Some(KeyPlatform::M2), label: self.key.clone(), uid: None };
        let listed = match client.keys().list(&filter).await {
            Ok(listed) => listed.m2,
            Err(error) if self.key.is_none() => {
                let reason = Failure::from(error).in_one_line();
                context.output.note(format_args!("the Composer keys cannot be read: {reason}"));
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let is_selected = |label: &str| self.key.as_deref().is_none_or(|selected| selected == label);
        let usable = listed.into_iter().filter(|key| key.is_enabled != Some(false) && is_selected(&key.label));
        let mut usable = usable
            .filter_map(|key| Some((key.label, RepositoryKey { user: key.user_key?, password: key.password_key? })));
        match (usable.next(), &self.key) {
            (None, Some(label)) => {
                Err(Failure::new(Exit::NotFound, format!("there is no enabled Composer key {}", escaped(label)))
                    .next("list the keys: eqp keys list"))
            }
            (None, None) => {
                context.output.note("repo.magento.com is not read: the account has no enabled Composer key");
                Ok(None)
            }
            (found, _) => Ok(found),
        }
    }

    fn show(list: &PublishedList<'_>, context: &Context) -> Result {
        let output = context.output;
        if output.is_json() {
            return output.json(list);
        }
        if list.products.is_empty() {
            output.note(format_args!("no products in the store of {}", list.environment));
            return Ok(());
        }
        let mut table =
            Table::new(&["product", "Packagist", "store", "repo.magento.com", "Packagist is", "installable"]);
        for product in list.products {
            table.row([
                product.sku.to_string(),
                shown(&product.packagist),
                or_dash(product.store.as_deref()),
                shown(&product.repository),
                standing(product),
                match product.installable {
                    Installable::Yes => "yes".to_owned(),
                    Installable::No => "no".to_owned(),
                    _ => "unknown".to_owned(),
                },
            ]);
        }
        output.line(table)?;
        let mut sentences = list.products.iter().filter_map(|product| product.sentence.as_deref());
        sentences.try_for_each(|sentence| output.line(escaped(sentence)))?;
        for product in list.products {
            if let (Standing::Unknown, Some(reason)) = (product.standing, &product.packagist.problem) {
                output.note(format_args!("{}: Packagist cannot be read: {}", product.sku, escaped(reason)));
            }
        }
        Ok(())
    }
}

fn shown(source: &SourceVersion) -> String {
    match source {
        SourceVersion { version: Some(version), .. } => version.clone(),
        SourceVersion { problem: Some(_), .. } => "?".to_owned(),
        _ => "-".to_owned(),
    }
}

fn standing(product: &PublishedProduct) -> String {
    match product.standing {
        Standing::Ahead if !product.breaks_shops => "ahead (exempt)".to_owned(),
        other => other.to_string().replace('_', " "),
    }
}

/// Returns the exit code of a comparison as a failure that was printed already.
fn code(products: &[PublishedProduct]) -> Result {
    let exit = if products.iter().any(|product| product.breaks_shops) {
        Exit::OutOfStep
    } else if products.iter().any(|product| product.standing == Standing::Unknown) {
        Exit::Unreachable
    } else {
        return Ok(());
    };
    Err(Failure::new(exit, "Packagist and the store differ").already_reported())
}

impl From<PublishedError> for Failure {
    fn from(error: PublishedError) -> Self {
        match error {
            PublishedError::Marketplace(error) => error.into(),
            PublishedError::UnknownProducts(_) => {
                Self::new(Exit::NotFound, error.to_string()).next("list the submissions: eqp packages list")
            }
            other => Self::new(Exit::Failed, "the versions cannot be compared").because(&other),
        }
    }
}
