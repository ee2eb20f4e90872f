//! Checks the values of a submitted package's fields, and fields that have to agree with each other.
//!
//! Drafts are not checked here: only the JSON types of their fields are.

use eqp_types::{
    Edition, LicenseType, PackageType, Platform, PricingType, Priority, ProcessAsPatch, ServiceOwner, ServicePayee,
    Stability,
};
use serde_json::{Map, Value};

use crate::error_response::ErrorResponse;

/// Fields whose value must be a documented one.
const ENUMS: &[(&str, &[&str])] = &[
    ("type", PackageType::KNOWN),
    ("platform", Platform::KNOWN),
    ("license_type", LicenseType::KNOWN),
    ("priority", Priority::KNOWN),
    ("stability", Stability::KNOWN),
    ("process_as_patch", ProcessAsPatch::KNOWN),
];
const SUPPORT_MONTHS: &[u64] = &[1, 3, 6, 9, 12];
/// The largest number of support tiers of an edition.
const MOST_TIERS: usize = 3;

/// Checks every field that is set.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), ErrorResponse> {
    for (name, values) in ENUMS {
        one_of(fields, name, values)?;
    }
    let editions = editions(fields)?;
    pricing_model(fields)?;
    prices(fields, &editions)?;
    support_tiers(fields, &editions)?;
    external_services(fields)
}

fn one_of(object: &Map<String, Value>, name: &str, values: &[&str]) -> Result<(), ErrorResponse> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if text.is_empty() || values.contains(&text.as_str()) => Ok(()),
        Some(other) => {
            let shown = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            Err(ErrorResponse::bad_request(format!("`{name}` cannot be `{shown}`: {}", values.join(", "))))
        }
    }
}

/// Returns the objects of a list; an empty list if the field is not set.
fn objects<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Vec<&'a Map<String, Value>>, ErrorResponse> {
    let items = fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let object = |item: &'a Value| {
        item.as_object().ok_or_else(|| ErrorResponse::bad_request(format!("`{name}` must contain objects")))
    };
    items.iter().map(object).collect()
}

/// Returns the editions that the package runs on.
fn editions(fields: &Map<String, Value>) -> Result<Vec<String>, ErrorResponse> {
    let mut editions = Vec::new();
    for item in objects(fields, "version_compatibility")? {
        one_of(item, "edition", Edition::KNOWN)?;
        editions.extend(item.get("edition").and_then(Value::as_str).map(str::to_owned));
    }
    Ok(editions)
}

/// Checks that the payment period fits the pricing type: 1 month for a single payment, 12 for a subscription.
fn pricing_model(fields: &Map<String, Value>) -> Result<(), ErrorResponse> {
    let Some(Value::Object(model)) = fields.get("pricing_model") else { return Ok(()) };
    one_of(model, "pricing_type", PricingType::KNOWN)?;
    let Some(period) = model.get("payment_period").and_then(number) else { return Ok(()) };
    let wanted = match model.get("pricing_type").and_then(Value::as_str) {
        Some("one-time") => "1",
        Some("subscription") => "12",
        _ => return Ok(()),
    };
    if period == wanted {
        return Ok(());
    }
    Err(ErrorResponse::bad_request(format!("`payment_period` must be {wanted} for this `pricing_type`")))
}

/// Checks that prices are US dollars with at most two decimals, for editions that the package runs on.
fn prices(fields: &Map<String, Value>, editions: &[String]) -> Result<(), ErrorResponse> {
    for item in objects(fields, "prices")? {
        of_an_edition(item, "prices", editions)?;
        in_dollars(item, "prices")?;
        for (name, value) in item.iter().filter(|(name, _)| name.contains("price")) {
            let is_price = number(value).is_some_and(|text| is_amount(&text));
            if !is_price && !value.is_null() {
                return Err(ErrorResponse::bad_request(format!(
                    "`prices.{name}` must be an amount with at most two decimals"
                )));
            }
        }
    }
    Ok(())
}

fn support_tiers(fields: &Map<String, Value>, editions: &[String]) -> Result<(), ErrorResponse> {
    let tiers = objects(fields, "support_tiers")?;
    for item in &tiers {
        of_an_edition(item, "support_tiers", editions)?;
        objects(item, "prices")?.into_iter().try_for_each(|price| in_dollars(price, "support_tiers.prices"))?;
        if let Some(period) = item.get("monthly_period").and_then(number)
            && !SUPPORT_MONTHS.iter().any(|months| months.to_string() == period)
        {
            return Err(ErrorResponse::bad_request("`support_tiers.monthly_period` must be 1, 3, 6, 9 or 12"));
        }
        let edition = item.get("edition");
        if tiers.iter().filter(|other| other.get("edition") == edition).count() > MOST_TIERS {
            return Err(ErrorResponse::bad_request(format!(
                "`support_tiers` must have at most {MOST_TIERS} entries for each edition"
            )));
        }
    }
    Ok(())
}

fn in_dollars(item: &Map<String, Value>, name: &str) -> Result<(), ErrorResponse> {
    match item.get("currency_code") {
        None | Some(Value::Null) => Ok(()),
        Some(code) if code == "USD" => Ok(()),
        Some(other) => Err(ErrorResponse::bad_request(format!("`{name}.currency_code` must be USD and not {other}"))),
    }
}

fn of_an_edition(item: &Map<String, Value>, name: &str, editions: &[String]) -> Result<(), ErrorResponse> {
    one_of(item, "edition", Edition::KNOWN)?;
    match item.get("edition").and_then(Value::as_str) {
        Some(edition) if !editions.is_empty() && !editions.iter().any(|known| known == edition) => {
            Err(ErrorResponse::bad_request(format!("`{name}` names {edition}, which `version_compatibility` does not")))
        }
        _ => Ok(()),
    }
}

fn external_services(fields: &Map<String, Value>) -> Result<(), ErrorResponse> {
    let Some(Value::Object(services)) = fields.get("external_services") else { return Ok(()) };
    let items = objects(services, "items")?;
    if items.len() > 1 {
        return Err(ErrorResponse::bad_request("`external_services.items` must have at most one entry"));
    }
    items.into_iter().try_for_each(|item| {
        one_of(item, "owner", ServiceOwner::KNOWN)?;
        one_of(item, "pay_to", ServicePayee::KNOWN)
    })
}

/// Returns the text of a number, which may be quoted.
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
    fn documented_values_are_accepted() {
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
    fn undocumented_values_are_refused() {
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
