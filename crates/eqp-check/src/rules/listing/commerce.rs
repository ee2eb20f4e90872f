//! Checks prices, support tiers, external services and categories.

use std::collections::{BTreeMap, BTreeSet};

use eqp_types::{Amount, ExternalServices, Price, PricingType, ServiceOwner, ServicePayee, SupportTier};

use super::is_subscription;
use crate::listing::Listing;
use crate::registry::submission::{
    CATEGORIES, CATEGORY_FORM, EXTERNAL_SERVICES, PRICE_EDITIONS, PRICE_FORM, PRICE_INITIAL, PRICE_RANGE,
    PRICING_MODEL, SUPPORT_SUBSCRIPTION, SUPPORT_TIERS,
};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

const MAX_CATEGORIES: usize = 3;
const MAX_TIERS: usize = 3;
const PERIODS: [u64; 5] = [1, 3, 6, 9, 12];
/// The price limits, in cents.
const MAX_PRICE: u64 = 999_999 * 100;
const MIN_PRICE: u64 = 25 * 100;
const MIN_SUBSCRIPTION: u64 = 10 * 100;

/// Checks the rules of this module.
pub(super) fn check(listing: &Listing, builder: &mut ReportBuilder) {
    categories(listing.categories.as_deref().unwrap_or(&[]), builder);
    prices(listing, builder);
    if let Some(model) = &listing.pricing_model {
        let period = model.payment_period.as_ref();
        let expected = match model.pricing_type {
            Some(PricingType::OneTime) => Some(1),
            Some(PricingType::Subscription) => Some(12),
            _ => None,
        };
        let fits = expected.is_some() && (period.is_none() || period.and_then(Amount::whole) == expected);
        if !fits {
            let period = period.map_or_else(|| "none".to_owned(), ToString::to_string);
            let message = format!(
                "the type is `{}`, the period is {period}",
                model.pricing_type.as_ref().map_or("", AsRef::as_ref)
            );
            builder.add(&PRICING_MODEL, Location::field("pricing_model"), message);
        }
    }
    let tiers = listing.support_tiers.as_deref().unwrap_or(&[]);
    if is_subscription(listing) && !tiers.is_empty() {
        builder.add(&SUPPORT_SUBSCRIPTION, Location::field("support_tiers"), "a subscription has support tiers");
    }
    support(tiers, builder);
    if let Some(services) = &listing.external_services {
        external(services, builder);
    }
}

fn categories(categories: &[String], builder: &mut ReportBuilder) {
    let location = || Location::field("categories");
    if categories.len() > MAX_CATEGORIES {
        builder.add(&CATEGORIES, location(), format!("there are {} categories", categories.len()));
    }
    let mut mains = BTreeSet::new();
    for category in categories {
        // The part before the leading // is empty.
        let segments: Vec<_> = category.split("//").map(str::trim).filter(|segment| !segment.is_empty()).collect();
        let Some(main) = segments.first() else {
            builder.add(&CATEGORIES, location(), format!("`{category}` is not a category"));
            continue;
        };
        mains.insert(*main);
        if *category != format!("//{}", segments.join("//")) {
            builder.add(&CATEGORY_FORM, location(), format!("the category is `{category}`"));
        }
    }
    if mains.len() > 1 {
        let mains = mains.into_iter().collect::<Vec<_>>().join(", ");
        builder.add(&CATEGORIES, location(), format!("there are several main categories: {mains}"));
    }
}

fn prices(listing: &Listing, builder: &mut ReportBuilder) {
    let lowest = if is_subscription(listing) { MIN_SUBSCRIPTION } else { MIN_PRICE };
    let mut priced = BTreeSet::new();
    for (at, price) in listing.prices.iter().flatten().enumerate() {
        let field = |name: &str| Location::field(format!("prices[{at}].{name}"));
        let edition = price.edition.as_ref().map_or("", AsRef::as_ref);
        if !priced.insert(edition) {
            builder.add(&PRICE_FORM, field("edition"), format!("{edition} has more than one price"));
        }
        if let Some(currency) = price.currency_code.as_deref().filter(|currency| *currency != "USD") {
            builder.add(&PRICE_FORM, field("currency_code"), format!("the currency is {currency}"));
        }
        if price.initial_price.is_some() && !is_subscription(listing) {
            builder.add(&PRICE_INITIAL, field("initial_price"), "it is only used for subscriptions");
        }
        for (name, amount) in [
            ("price", &price.price),
            ("initial_price", &price.initial_price),
            ("installation_price", &price.installation_price),
        ] {
            let Some(amount) = amount else { continue };
            match amount.cents() {
                None => builder.add(&PRICE_FORM, field(name), format!("`{amount}` is not a price")),
                Some(cents) if name == "price" && cents > 0 && !(lowest..=MAX_PRICE).contains(&cents) => {
                    builder.add(&PRICE_RANGE, field(name), format!("the price is {amount} USD"));
                }
                Some(_) => {}
            }
        }
    }
    let claims = listing.version_compatibility.iter().flatten();
    let claimed: BTreeSet<_> = claims.map(|claim| claim.edition.as_ref().map_or("", AsRef::as_ref)).collect();
    let is_comparable = !priced.is_empty() && !claimed.is_empty() && !claimed.contains("M2");
    if is_comparable && priced != claimed {
        let list = |editions: BTreeSet<&str>| editions.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("there are prices for {}, but version_compatibility has {}", list(priced), list(claimed));
        builder.add(&PRICE_EDITIONS, Location::field("prices"), message);
    }
}

fn support(tiers: &[SupportTier], builder: &mut ReportBuilder) {
    let mut of_edition: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, tier) in tiers.iter().enumerate() {
        *of_edition.entry(tier.edition.as_ref().map_or("", AsRef::as_ref)).or_default() += 1;
        let mut add = |name: &str, message: String| {
            builder.add(&SUPPORT_TIERS, Location::field(format!("support_tiers[{at}].{name}")), message);
        };
        match &tier.monthly_period {
            Some(period) if period.whole().is_none_or(|months| !PERIODS.contains(&months)) => {
                add("monthly_period", format!("the period is {period} months"));
            }
            _ => {}
        }
        if let Some(number) = tier.tier.as_ref().filter(|number| number.whole().is_none_or(|number| number > 3)) {
            add("tier", format!("the tier is {number}"));
        }
        let is_price = |price: &Price| {
            price.currency_code.as_deref().is_none_or(|currency| currency == "USD")
                && price.price.as_ref().is_none_or(|amount| amount.cents().is_some())
        };
        let prices = tier.prices.as_deref().unwrap_or(&[]);
        if prices.len() > 1 || !prices.iter().all(is_price) {
            add("prices", "there must be one price in USD".to_owned());
        }
    }
    for (edition, count) in of_edition.into_iter().filter(|(_, count)| *count > MAX_TIERS) {
        builder.add(&SUPPORT_TIERS, Location::field("support_tiers"), format!("{edition} has {count} support tiers"));
    }
}

fn external(services: &ExternalServices, builder: &mut ReportBuilder) {
    let mut add = |field: String, message: String| {
        builder.add(&EXTERNAL_SERVICES, Location::field(format!("external_services.{field}")), message);
    };
    let items = services.items.as_deref().unwrap_or(&[]);
    if items.len() > 1 {
        add("items".to_owned(), format!("there are {} services", items.len()));
    }
    for (at, service) in items.iter().enumerate() {
        let is_url = |url: &str| {
            ["https://", "http://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|host| !host.is_empty()))
        };
        if let Some(url) = service.url.as_deref().filter(|url| !is_url(url)) {
            add(format!("items[{at}].url"), format!("`{url}` is not a URL"));
        }
        for (name, value, known) in [
            ("owner", service.owner.as_ref().map(AsRef::as_ref), ServiceOwner::KNOWN),
            ("pay_to", service.pay_to.as_ref().map(AsRef::as_ref), ServicePayee::KNOWN),
        ] {
            if let Some(value) = value.filter(|value: &&str| !known.contains(value)) {
                add(format!("items[{at}].{name}"), format!("`{value}` is not one of {}", known.join(", ")));
            }
        }
    }
}
