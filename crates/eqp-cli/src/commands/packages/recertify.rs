//! `eqp packages recertify`: shows what products lack for a release line of Adobe Commerce.

use clap::Args;
use eqp_release::listing_dates::{
    LiveListing, Recertification, RequiresError, live_listings, read_requires, recertify,
};
use eqp_release::read_packages;
use eqp_types::{Environment, Sku};
use serde::Serialize;

use crate::commands::listings::release_lines::{ReleaseLinesOption, ReleaseLinesOrigin, origin, print_origin};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, escaped, or_dash};

/// Show what products lack for a release line of Adobe Commerce
///
/// Compares the versions that each listing shows as compatible, and the PHP versions that its composer.json allows, with
/// the line. composer.json is read from the `source` of the product in eqp.toml. New versions are named as precisely as
/// the present ones: a listing that shows 2.4 includes 2.4.9. Ends with the commands to run, and submits nothing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages recertify --commerce 2.4.9
  eqp packages recertify --commerce 2.4.9 acme/checkout acme/blog
  eqp packages recertify --commerce 2.4.9 --json \\
      | jq -r '.products[] | select(.commands != []) | .sku'")]
pub(crate) struct Recertify {
    /// SKUs of products [default: all products in the store]
    #[arg(value_name = "SKU")]
    skus: Vec<Sku>,
    /// Release line, such as 2.4.9
    #[arg(long, value_name = "LINE")]
    commerce: String,
    #[command(flatten)]
    lines: ReleaseLinesOption,
}

/// The gaps of products for a release line.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RecertificationList<'a> {
    /// The environment.
    environment: Environment,
    /// The release line.
    commerce: &'a str,
    /// The origin of the release lines.
    release_lines: ReleaseLinesOrigin<'a>,
    /// The products in the store, by SKU.
    products: &'a [Recertification],
}

impl Recertify {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let lines = self.lines.read()?;
        let Some(line) = lines.line(&self.commerce) else {
            let known = lines.lines.iter().rev().map(|line| line.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!("there is no release line {}", escaped(&self.commerce)))
                .next(format!("known lines: {known}; pass a newer list with --release-lines")));
        };
        let client = client(&context.settings.marketplace)?;
        let listings = self.select(live_listings(&read_packages(&client).await?))?;
        let products: Vec<Recertification> = listings
            .iter()
            .map(|listing| {
                let source = context.loaded.products.get(&listing.sku).and_then(|product| product.source.as_deref());
                let requires = source.map_or(Err(RequiresError::NoSource), read_requires);
                recertify(listing, line, requires.as_deref())
            })
            .collect();
        let environment = client.environment();
        if context.output.is_json() {
            let list = RecertificationList {
                environment,
                commerce: &line.name,
                release_lines: origin(&lines),
                products: &products,
            };
            return context.output.json(&list);
        }
        if products.is_empty() {
            context.output.note(format_args!("no products in the store of {environment}"));
            return Ok(());
        }
        show(&products, context)?;
        print_origin(&lines, context.output)
    }

    /// Returns the selected listings. Fails if one is not in the store.
    fn select(&self, listings: Vec<LiveListing>) -> Result<Vec<LiveListing>> {
        let is = |sku: &Sku, listing: &LiveListing| sku.as_str().eq_ignore_ascii_case(listing.sku.as_str());
        if let Some(unknown) = self.skus.iter().find(|sku| !listings.iter().any(|listing| is(sku, listing))) {
            return Err(Failure::new(Exit::NotFound, format!("{unknown} is not in the store"))
                .next("list the products: eqp products list"));
        }
        let is_selected = |listing: &LiveListing| self.skus.is_empty() || self.skus.iter().any(|sku| is(sku, listing));
        Ok(listings.into_iter().filter(is_selected).collect())
    }
}

fn show(products: &[Recertification], context: &Context) -> Result {
    let output = context.output;
    let mut table = Table::new(&["product", "in the store", "shows", "PHP in composer.json", "missing"]);
    for product in products {
        let claims = product.claims.iter().map(|one| format!("{} {}", one.edition, one.versions.join(" ")));
        table.row([
            product.sku.to_string(),
            or_dash(product.version.as_deref()),
            or_dash(Some(claims.collect::<Vec<_>>().join("; ")).filter(|claims| !claims.is_empty())),
            product.php.clone().unwrap_or_else(|| if product.problem.is_some() { "?".into() } else { "any".into() }),
            missing(product),
        ]);
    }
    output.line(table)?;
    for product in products {
        if let Some(problem) = &product.problem {
            output.note(format_args!("{}: composer.json was not read: {}", product.sku, escaped(problem)));
        }
    }
    let mut commands = products.iter().flat_map(|product| &product.commands).peekable();
    if commands.peek().is_some() {
        output.line("\nRun:")?;
    }
    commands.try_for_each(|command| output.line(format_args!("  {}", escaped(command))))
}

fn missing(product: &Recertification) -> String {
    let claims = product.new_claims.iter().zip(&product.claims).filter(|(new, old)| new != old);
    let claims = claims.filter_map(|(new, _)| Some(format!("{} {}", new.edition, new.versions.last()?)));
    let php = product.missing_php.iter().map(|version| format!("PHP {version}"));
    let missing: Vec<_> = claims.chain(php).collect();
    or_dash(Some(missing.join(", ")).filter(|missing| !missing.is_empty()))
}
