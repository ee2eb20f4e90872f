//! Products as the submissions in the database show them.

use eqp_types::{Environment, MageId};

/// Selects a page of products, by SKU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductFilter {
    pub environment: Option<Environment>,
    pub mage_id: Option<MageId>,
    /// SKUs that are listed even if no submission has them.
    pub configured: Vec<String>,
    /// Only SKUs after this one, in the order of the database.
    pub after_sku: Option<String>,
    pub limit: u32,
}

/// A version of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductVersion {
    pub environment: Environment,
    pub mage_id: MageId,
    pub sku: String,
    pub version: Option<String>,
    pub name: Option<String>,
    /// The overall status of the submission, if one was reported.
    pub overall: Option<String>,
}
