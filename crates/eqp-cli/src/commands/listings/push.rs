//! `eqp listings push`: sends edited prices to the Marketplace.

use clap::{Args, ValueEnum};
use eqp_client::Client;
use eqp_release::listing_files::{Listing, PricePush, PushRefusal};
use eqp_types::{Environment, PackageUpdate, Price};
use serde::Serialize;

use super::ListingOptions;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, counted, escaped};

/// Send edited prices to the Marketplace; this starts no review
///
/// The prices in listing.json are sent if they differ from those at the Marketplace. Afterwards they are read back. If they were also
/// changed at the Marketplace after the last pull, nothing is sent.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp listings push --only prices --dry-run
  eqp listings push --only prices acme/checkout --yes")]
pub(crate) struct Push {
    #[command(flatten)]
    options: ListingOptions,
    /// Fields to send
    #[arg(long, value_enum, value_name = "FIELDS")]
    only: Fields,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// The fields that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fields {
    /// Prices per edition
    Prices,
}

/// A dry run as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PushDryRun {
    /// The environment.
    environment: Environment,
    /// The requests that would be sent, in the form of the API.
    would_send: Vec<PackageUpdate>,
}

/// The changed products as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PushedPrices {
    /// The environment.
    environment: Environment,
    /// The products whose prices were changed.
    changed: Vec<String>,
}

struct PushPlan {
    environment: Environment,
    pushes: Vec<PricePush>,
}

impl Plan for PushPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            let would_send = self.pushes.iter().map(PricePush::request).collect();
            return output.json(&PushDryRun { environment: self.environment, would_send });
        }
        if self.pushes.is_empty() {
            return output.line(format_args!("no edited prices to send ({})", self.environment));
        }
        self.pushes.iter().try_for_each(|push| output.line(format_args!("would change {}", described(push))))
    }

    fn notes(&self) -> Vec<String> {
        self.pushes.iter().map(described).collect()
    }

    fn question(&self) -> Question {
        match self.pushes.len() {
            0 => Question::Nothing,
            products => {
                Question::Write(self.environment, format!("Change the prices of {}", counted(products, "product")))
            }
        }
    }
}

/// Describes a change by the prices before and after it. If these look alike, another field differs, and all fields are shown as JSON.
fn described(push: &PricePush) -> String {
    let (before, after) = push.values();
    let (mut from, mut to) = (prices_in_words(before), prices_in_words(after));
    if from == to {
        [from, to] = [before, after].map(|json| escaped(json.unwrap_or("none")));
    }
    format!("prices of {}: {from} -> {to}", escaped(push.sku().as_str()))
}

/// Describes prices, such as `CE 99 USD, EE 199 USD (first year 149)`.
pub(super) fn prices_in_words(json: Option<&str>) -> String {
    let Some(json) = json else { return "none".to_owned() };
    let Ok(prices) = serde_json::from_str::<Vec<Price>>(json) else { return escaped(json) };
    let price = |price: &Price| {
        let parts = [
            price.edition.as_ref().map(ToString::to_string),
            price.price.as_ref().map(ToString::to_string),
            price.currency_code.clone(),
        ];
        let others = [
            price.initial_price.as_ref().map(|amount| format!("first year {amount}")),
            price.installation_price.as_ref().map(|amount| format!("installation {amount}")),
        ];
        let others = others.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let price = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        if others.is_empty() { price } else { format!("{price} ({others})") }
    };
    let prices = prices.iter().map(price).collect::<Vec<_>>().join(", ");
    if prices.is_empty() { "none".to_owned() } else { escaped(&prices) }
}

struct ListingPush<'a> {
    client: Client,
    options: &'a Push,
    output: Output,
}

impl Change for ListingPush<'_> {
    type Plan = PushPlan;
    type Applied = PushedPrices;

    async fn observe(&mut self) -> Result<PushPlan> {
        let mut pushes = Vec::new();
        for (sku, folder) in self.options.options.folders()? {
            let name = escaped(sku.as_str());
            let stored = folder.read()?.ok_or_else(|| {
                Failure::new(Exit::NotFound, format!("the listing of {name} was not pulled"))
                    .next(format!("eqp listings pull {name}"))
            })?;
            let live = Listing::read(&self.client, &sku).await?;
            pushes.extend(PricePush::plan(folder, stored, live).map_err(|refusal| refused(&name, &refusal))?);
        }
        Ok(PushPlan { environment: self.client.environment(), pushes })
    }

    async fn apply(self, plan: PushPlan, _: Confirmation) -> Result<PushedPrices> {
        let mut changed = Vec::new();
        for push in plan.pushes {
            let sku = push.sku().to_string();
            if let Err(error) = push.apply(&self.client).await {
                if !changed.is_empty() {
                    self.output.note(format_args!("changed before the failure: {}", escaped(&changed.join(", "))));
                }
                return Err(error.into());
            }
            changed.push(sku);
        }
        Ok(PushedPrices { environment: plan.environment, changed })
    }
}

fn refused(sku: &str, refusal: &PushRefusal) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("the prices of {sku} cannot be sent")).why(refusal.to_string());
    match refusal {
        PushRefusal::ChangedAtMarketplace => failure
            .next(format!("compare them: eqp listings diff {sku}"))
            .next(format!("take those of the Marketplace: eqp listings pull --overwrite {sku}")),
        PushRefusal::OtherVersion => failure.next(format!("read it first: eqp listings pull {sku}")),
        _ => failure
            .next(format!("correct `prices` in listing.json, or restore it: eqp listings pull --overwrite {sku}")),
    }
    .why("nothing was sent")
}

impl Push {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let Fields::Prices = self.only;
        let client = client(&context.settings.marketplace)?;
        let change = ListingPush { client, options: &self, output: context.output };
        let Some(pushed) = change::run(context, change, self.dry_run).await? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&pushed);
        }
        if pushed.changed.is_empty() {
            return context.output.line(format_args!("no edited prices to send ({})", pushed.environment));
        }
        pushed.changed.iter().try_for_each(|sku| context.output.line(format_args!("{}: prices changed", escaped(sku))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_described_with_edition_and_currency() {
        let json = r#"[{"edition": "CE", "currency_code": "USD", "price": "99.00"},
            {"edition": "EE", "currency_code": "USD", "price": 199, "initial_price": 149, "installation_price": "20"}]"#;
        let words = "CE 99.00 USD, EE 199 USD (first year 149, installation 20)";
        assert_eq!(prices_in_words(Some(json)), words);
        for (json, words) in [(None, "none"), (Some("[]"), "none"), (Some("7"), "7")] {
            assert_eq!(prices_in_words(json), words);
        }
    }
}
