//! Prices, support, services, categories.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::listing::{
    CATEGORIES, CATEGORY_FORM, EXTERNAL_SERVICES, PRICE_EDITIONS, PRICE_FORM, PRICE_INITIAL, PRICE_RANGE,
    PRICING_MODEL, SUPPORT_SUBSCRIPTION, SUPPORT_TIERS,
};
use crate::ledger::Ledger;
use crate::listing::{Amount, ExternalServices, Listing, Price, SupportTier};
use crate::report::Place;

const MOST_CATEGORIES: usize = 3;
const MOST_TIERS: usize = 3;
const PERIODS: [u64; 5] = [1, 3, 6, 9, 12];
/// In cents.
const HIGHEST_PRICE: u64 = 999_999 * 100;
const LOWEST_PRICE: u64 = 25 * 100;
const LOWEST_SUBSCRIPTION: u64 = 10 * 100;

/// The rules.
pub(super) fn check(listing: &Listing, ledger: &mut Ledger) {
    categories(&listing.categories, ledger);
    prices(listing, ledger);
    if let Some(model) = &listing.pricing_model {
        let period = model.payment_period.as_ref();
        let wanted = match model.pricing_type.as_str() {
            "one-time" => Some(1),
            "subscription" => Some(12),
            _ => None,
        };
        let fits = wanted.is_some() && (period.is_none() || period.and_then(Amount::whole) == wanted);
        if !fits {
            let period = period.map_or_else(|| "none".to_owned(), ToString::to_string);
            let message = format!("the type is `{}`, the period {period}", model.pricing_type);
            ledger.find(&PRICING_MODEL, Place::field("pricing_model"), message);
        }
    }
    if listing.is_subscription() && !listing.support_tiers.is_empty() {
        ledger.find(&SUPPORT_SUBSCRIPTION, Place::field("support_tiers"), "a subscription has support tiers");
    }
    support(&listing.support_tiers, ledger);
    if let Some(services) = &listing.external_services {
        external(services, ledger);
    }
}

fn categories(categories: &[String], ledger: &mut Ledger) {
    let place = || Place::field("categories");
    if categories.len() > MOST_CATEGORIES {
        ledger.find(&CATEGORIES, place(), format!("there are {}", categories.len()));
    }
    let mut mains = BTreeSet::new();
    for category in categories {
        // What stands before the leading // is an empty segment.
        let segments: Vec<_> = category.split("//").map(str::trim).filter(|segment| !segment.is_empty()).collect();
        let Some(main) = segments.first() else {
            ledger.find(&CATEGORIES, place(), format!("`{category}` names no category"));
            continue;
        };
        mains.insert(*main);
        if *category != format!("//{}", segments.join("//")) {
            ledger.find(&CATEGORY_FORM, place(), format!("it is `{category}`"));
        }
    }
    if mains.len() > 1 {
        let mains = mains.into_iter().collect::<Vec<_>>().join(", ");
        ledger.find(&CATEGORIES, place(), format!("they are of several main categories: {mains}"));
    }
}

fn prices(listing: &Listing, ledger: &mut Ledger) {
    let lowest = if listing.is_subscription() { LOWEST_SUBSCRIPTION } else { LOWEST_PRICE };
    let mut priced = BTreeSet::new();
    for (at, price) in listing.prices.iter().enumerate() {
        let field = |name: &str| Place::field(format!("prices[{at}].{name}"));
        if !priced.insert(price.edition.as_str()) {
            ledger.find(&PRICE_FORM, field("edition"), format!("{} is priced twice", price.edition));
        }
        if let Some(currency) = price.currency_code.as_deref().filter(|currency| *currency != "USD") {
            ledger.find(&PRICE_FORM, field("currency_code"), format!("the currency is {currency}"));
        }
        if price.initial_price.is_some() && !listing.is_subscription() {
            ledger.find(&PRICE_INITIAL, field("initial_price"), "it counts for a subscription only");
        }
        for (name, amount) in [
            ("price", &price.price),
            ("initial_price", &price.initial_price),
            ("installation_price", &price.installation_price),
        ] {
            let Some(amount) = amount else { continue };
            match amount.cents() {
                None => ledger.find(&PRICE_FORM, field(name), format!("`{amount}` is no price")),
                Some(cents) if name == "price" && cents > 0 && !(lowest..=HIGHEST_PRICE).contains(&cents) => {
                    ledger.find(&PRICE_RANGE, field(name), format!("the price is {amount} USD"));
                }
                Some(_) => {}
            }
        }
    }
    let claimed: BTreeSet<_> = listing.version_compatibility.iter().map(|claim| claim.edition.as_str()).collect();
    let is_comparable = !priced.is_empty() && !claimed.is_empty() && !claimed.contains("M2");
    if is_comparable && priced != claimed {
        let list = |editions: BTreeSet<&str>| editions.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("prices are for {}, compatibility is claimed for {}", list(priced), list(claimed));
        ledger.find(&PRICE_EDITIONS, Place::field("prices"), message);
    }
}

fn support(tiers: &[SupportTier], ledger: &mut Ledger) {
    let mut of_edition: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, tier) in tiers.iter().enumerate() {
        *of_edition.entry(&tier.edition).or_default() += 1;
        let mut find = |name: &str, message: String| {
            ledger.find(&SUPPORT_TIERS, Place::field(format!("support_tiers[{at}].{name}")), message);
        };
        match &tier.monthly_period {
            Some(period) if period.whole().is_none_or(|months| !PERIODS.contains(&months)) => {
                find("monthly_period", format!("the period is {period} months"));
            }
            _ => {}
        }
        if let Some(number) = tier.tier.as_ref().filter(|number| number.whole().is_none_or(|number| number > 3)) {
            find("tier", format!("the tier is {number}"));
        }
        let is_price = |price: &Price| {
            price.currency_code.as_deref().is_none_or(|currency| currency == "USD")
                && price.price.as_ref().is_none_or(|amount| amount.cents().is_some())
        };
        if tier.prices.len() > 1 || !tier.prices.iter().all(is_price) {
            find("prices", "it is not one price in USD".to_owned());
        }
    }
    for (edition, count) in of_edition.into_iter().filter(|(_, count)| *count > MOST_TIERS) {
        ledger.find(&SUPPORT_TIERS, Place::field("support_tiers"), format!("{edition} has {count}"));
    }
}

fn external(services: &ExternalServices, ledger: &mut Ledger) {
    let mut find = |field: String, message: String| {
        ledger.find(&EXTERNAL_SERVICES, Place::field(format!("external_services.{field}")), message);
    };
    if services.items.len() > 1 {
        find("items".to_owned(), format!("there are {}", services.items.len()));
    }
    for (at, service) in services.items.iter().enumerate() {
        let is_url = |url: &str| {
            ["https://", "http://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|host| !host.is_empty()))
        };
        if let Some(url) = service.url.as_deref().filter(|url| !is_url(url)) {
            find(format!("items[{at}].url"), format!("`{url}` is no URL"));
        }
        for (name, word, known) in [
            ("owner", &service.owner, &["self", "3rd_party", "unknown"][..]),
            ("pay_to", &service.pay_to, &["self", "3rd_party", "both", "none", "unknown"][..]),
        ] {
            if let Some(word) = word.as_deref().filter(|word| !known.contains(word)) {
                find(format!("items[{at}].{name}"), format!("`{word}` is none of {}", known.join(", ")));
            }
        }
    }
}
