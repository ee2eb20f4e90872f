//! A package of a manifest, as the rules of the store look at it.

use std::collections::HashMap;

use eqp_check::Listing;
use serde_json::{Value, json};

use super::ManifestPackage;
use crate::failure::{Failure, Outcome};

impl ManifestPackage {
    /// What is submitted beside the archive.
    pub(crate) fn listing(&self) -> Outcome<Listing> {
        let mut fields = self.request(&HashMap::new())?;
        one_spelling(&mut fields);
        serde_json::from_value(fields)
            .map_err(|error| Failure::usage(format!("the package {} cannot be checked", self.label())).because(&error))
    }
}

/// The API spells the pricing model in two ways.
fn one_spelling(fields: &mut Value) {
    for name in ["pricing_type", "payment_period"] {
        let Some(value) = fields.get(name).filter(|value| !value.is_null()).cloned() else { continue };
        if !fields["pricing_model"].is_object() {
            fields["pricing_model"] = json!({});
        }
        if fields["pricing_model"][name].is_null() {
            fields["pricing_model"][name] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_the_pricing_model_are_one() {
        for written in [
            json!({"pricing_type": "subscription", "payment_period": "12"}),
            json!({"pricing_model": {"pricing_type": "subscription", "payment_period": 12}}),
            json!({"pricing_model": {"pricing_type": "subscription"}, "payment_period": 12, "pricing_type": "one-time"}),
        ] {
            let package: ManifestPackage = serde_json::from_value(written).unwrap();
            let model = package.listing().unwrap().pricing_model.unwrap();
            assert_eq!(model.pricing_type, "subscription");
            assert_eq!(model.payment_period.unwrap().as_str(), "12");
        }
    }

    #[test]
    fn a_file_is_looked_at_where_it_lies_and_an_id_is_not() {
        let package: ManifestPackage = serde_json::from_value(json!({
            "documentation_artifacts": {"user": "guide.pdf"},
            "media_artifacts": {"icon_image": {"file_upload_id": "5c.1"}},
        }))
        .unwrap();
        let listing = package.listing().unwrap();
        assert_eq!(listing.documentation_artifacts.user.unwrap().file, Some("guide.pdf".into()));
        let icon = listing.media_artifacts.icon_image.unwrap();
        assert_eq!((icon.file, icon.file_upload_id.as_deref()), (None, Some("5c.1")));
    }
}
