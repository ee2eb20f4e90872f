//! A package of a manifest, as the rules of the store look at it.

use std::collections::HashMap;

use eqp_check::Listing;

use super::ManifestPackage;
use crate::failure::{Failure, Outcome};

impl ManifestPackage {
    /// What is submitted beside the archive.
    pub(crate) fn listing(&self) -> Outcome<Listing> {
        let fields = self.request(&HashMap::new())?;
        serde_json::from_value(fields)
            .map_err(|error| Failure::usage(format!("the package {} cannot be checked", self.label())).because(&error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
