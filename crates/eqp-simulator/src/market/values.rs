//! What the fields of a package may say once it is submitted: words, numbers, and what has to agree with what.
//!
//! A draft is only looked at for its types.

use serde_json::{Map, Value};

use crate::refused::Refused;

/// Fields that hold one of some words.
const WORDS: &[(&str, &[&str])] = &[
    ("type", &["extension", "theme", "shared_package"]),
    ("platform", &["M2"]),
    ("license_type", &["afl", "apache", "bsd", "gnu-gpl", "gnu-lgpl", "mit", "mozilla", "osl", "custom"]),
    ("priority", &["high", "medium", "low"]),
    ("stability", &["stable", "beta"]),
    ("process_as_patch", &["yes", "no", "unknown"]),
];
const EDITIONS: &[&str] = &["CE", "EE", "ECE"];
const OWNERS: &[&str] = &["self", "3rd_party", "unknown"];
const PAID: &[&str] = &["self", "3rd_party", "both", "none", "unknown"];
const SUPPORT_MONTHS: &[u64] = &[1, 3, 6, 9, 12];
/// So many support tiers an edition has at most.
const MOST_TIERS: usize = 3;

/// Checks every field that is there.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), Refused> {
    for (name, words) in WORDS {
        word(fields, name, words)?;
    }
    let editions = editions(fields)?;
    pricing_model(fields)?;
    prices(fields, &editions)?;
    support_tiers(fields, &editions)?;
    external_services(fields)
}

fn word(object: &Map<String, Value>, name: &str, words: &[&str]) -> Result<(), Refused> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if text.is_empty() || words.contains(&text.as_str()) => Ok(()),
        Some(other) => {
            let shown = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            Err(Refused::bad_request(format!("`{name}` cannot be `{shown}`: {}", words.join(", "))))
        }
    }
}

/// The objects of a list.
fn objects<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Vec<&'a Map<String, Value>>, Refused> {
    let items = fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let object =
        |item: &'a Value| item.as_object().ok_or_else(|| Refused::bad_request(format!("`{name}` must hold objects")));
    items.iter().map(object).collect()
}

/// The editions that the package runs on.
fn editions(fields: &Map<String, Value>) -> Result<Vec<String>, Refused> {
    let mut editions = Vec::new();
    for item in objects(fields, "version_compatibility")? {
        word(item, "edition", EDITIONS)?;
        editions.extend(item.get("edition").and_then(Value::as_str).map(str::to_owned));
    }
    Ok(editions)
}

/// Paid once, or by the year.
fn pricing_model(fields: &Map<String, Value>) -> Result<(), Refused> {
    let Some(Value::Object(model)) = fields.get("pricing_model") else { return Ok(()) };
    word(model, "pricing_type", &["one-time", "subscription"])?;
    let Some(period) = model.get("payment_period").and_then(number) else { return Ok(()) };
    let wanted = match model.get("pricing_type").and_then(Value::as_str) {
        Some("one-time") => "1",
        Some("subscription") => "12",
        _ => return Ok(()),
    };
    if period == wanted {
        return Ok(());
    }
    Err(Refused::bad_request(format!("`payment_period` must be {wanted} for this `pricing_type`")))
}

/// US dollars with at most two decimals, for editions that the package runs on.
fn prices(fields: &Map<String, Value>, editions: &[String]) -> Result<(), Refused> {
    for item in objects(fields, "prices")? {
        of_an_edition(item, "prices", editions)?;
        in_dollars(item, "prices")?;
        for (name, value) in item.iter().filter(|(name, _)| name.contains("price")) {
            let is_price = number(value).is_some_and(|text| is_amount(&text));
            if !is_price && !value.is_null() {
                return Err(Refused::bad_request(format!(
                    "`prices.{name}` must be an amount with at most two decimals"
                )));
            }
        }
    }
    Ok(())
}

fn support_tiers(fields: &Map<String, Value>, editions: &[String]) -> Result<(), Refused> {
    let tiers = objects(fields, "support_tiers")?;
    for item in &tiers {
        of_an_edition(item, "support_tiers", editions)?;
        objects(item, "prices")?.into_iter().try_for_each(|price| in_dollars(price, "support_tiers.prices"))?;
        if let Some(period) = item.get("monthly_period").and_then(number)
            && !SUPPORT_MONTHS.iter().any(|months| months.to_string() == period)
        {
            return Err(Refused::bad_request("`support_tiers.monthly_period` must be 1, 3, 6, 9 or 12"));
        }
        let edition = item.get("edition");
        if tiers.iter().filter(|other| other.get("edition") == edition).count() > MOST_TIERS {
            return Err(Refused::bad_request(format!("`support_tiers` has at most {MOST_TIERS} for each edition")));
        }
    }
    Ok(())
}

fn in_dollars(item: &Map<String, Value>, name: &str) -> Result<(), Refused> {
    match item.get("currency_code") {
        None | Some(Value::Null) => Ok(()),
        Some(code) if code == "USD" => Ok(()),
        Some(other) => Err(Refused::bad_request(format!("`{name}.currency_code` must be USD and not {other}"))),
    }
}

fn of_an_edition(item: &Map<String, Value>, name: &str, editions: &[String]) -> Result<(), Refused> {
    word(item, "edition", EDITIONS)?;
    match item.get("edition").and_then(Value::as_str) {
        Some(edition) if !editions.is_empty() && !editions.iter().any(|known| known == edition) => {
            Err(Refused::bad_request(format!("`{name}` names {edition}, which `version_compatibility` does not")))
        }
        _ => Ok(()),
    }
}

fn external_services(fields: &Map<String, Value>) -> Result<(), Refused> {
    let Some(Value::Object(services)) = fields.get("external_services") else { return Ok(()) };
    let items = objects(services, "items")?;
    if items.len() > 1 {
        return Err(Refused::bad_request("`external_services.items` has at most one"));
    }
    items.into_iter().try_for_each(|item| {
        word(item, "owner", OWNERS)?;
        word(item, "pay_to", PAID)
    })
}

/// A number, or the text of one.
fn number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()),
        _ => None,
    }
}

fn is_amount(text: &str) -> bool {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    !whole.is_empty() && digits(whole) && digits(decimals) && decimals.len() <= 2
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(fields: &Value) -> bool {
        check(fields.as_object().unwrap()).is_ok()
    }

    #[test]
    fn what_the_documentation_lists_is_taken() {
        assert!(fits(&json!({})));
        assert!(fits(&json!({
            "type": "extension", "platform": "M2",
            "pricing_model": {"pricing_type": "subscription", "payment_period": "12"},
            "license_type": "custom", "priority": "low", "stability": "beta", "process_as_patch": "unknown",
            "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}, {"edition": "ECE"}],
            "prices": [{"edition": "CE", "price": 99.5, "installation_price": "10.00"}, {"edition": "ECE", "price": "0"}],
            "support_tiers": [{"edition": "CE", "monthly_period": 3, "price": 5}, {"edition": "CE", "monthly_period": "12"}],
            "external_services": {"is_saas": true, "items": [{"owner": "3rd_party", "pay_to": "both"}]},
        })));
        assert!(fits(&json!({"priority": null, "stability": "", "external_services": []})));
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            json!({"type": "module"}),
            json!({"platform": "M1"}),
            json!({"license_type": "MIT"}),
            json!({"priority": 1}),
            json!({"version_compatibility": [{"edition": "B2B"}]}),
            json!({"version_compatibility": ["2.4"]}),
            json!({"pricing_model": {"pricing_type": "one-time", "payment_period": 12}}),
            json!({"pricing_model": {"pricing_type": "subscription", "payment_period": 1}}),
            json!({"pricing_model": {"pricing_type": "barter"}}),
            json!({"prices": [{"edition": "CE", "currency_code": "EUR", "price": 99}]}),
            json!({"support_tiers": [{"edition": "CE", "prices": [{"currency_code": "EUR", "price": 9}]}]}),
            json!({"prices": [{"edition": "CE", "price": 9.999}]}),
            json!({"prices": [{"edition": "CE", "price": "free"}]}),
            json!({"prices": [{"edition": "EE", "price": 9}], "version_compatibility": [{"edition": "CE"}]}),
            json!({"support_tiers": [{"edition": "CE", "monthly_period": 2}]}),
            json!({"support_tiers": [{"edition": "CE"}, {"edition": "CE"}, {"edition": "CE"}, {"edition": "CE"}]}),
            json!({"external_services": {"items": [{}, {}]}}),
            json!({"external_services": {"items": [{"owner": "me"}]}}),
        ] {
            assert!(!fits(&wrong), "{wrong}");
        }
    }
}
