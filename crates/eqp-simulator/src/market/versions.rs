//! What a submission owes to the versions that were there before it.

use serde_json::{Map, Value};

use super::Market;
use super::account::{AccountIndex, PackageIndex};
use crate::refused::Refused;
use crate::review::request::{Ask, Asked};

impl Market {
    /// Refuses a submission without a SKU where an earlier version exists, and one under the name of another product.
    /// `package` is the one that is submitted, where it exists already.
    pub(super) fn check_versions(
        &mut self,
        account: AccountIndex,
        package: Option<PackageIndex>,
        fields: &Map<String, Value>,
        asked: Asked,
    ) -> Result<(), Refused> {
        let submits = |ask: Option<Ask>| ask == Some(Ask::Submit);
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("name").is_empty() || !(submits(asked.technical) || submits(asked.marketing)) {
            return Ok(());
        }
        let packages = &mut self.accounts[account].packages;
        let mut namesakes = packages.with("name", text("name"));
        namesakes.retain(|other| Some(*other) != package && !packages[*other].status.is_at_its_end());
        for other in namesakes.into_iter().map(|other| &packages[other]) {
            let is_other_version = !other.text("sku").is_empty() && other.text("version") != text("version");
            if text("sku").is_empty() && is_other_version && submits(asked.technical) {
                return Err(Refused::insufficient(
                    "Insufficient information for Technical Submission: sku, because an earlier version exists",
                ));
            }
            let skus_differ = ![other.text("sku"), text("sku")].contains(&"") && other.text("sku") != text("sku");
            if skus_differ && submits(asked.marketing) {
                return Err(Refused::bad_request(format!("The name is already used by {}", other.text("sku"))));
            }
        }
        Ok(())
    }
}
