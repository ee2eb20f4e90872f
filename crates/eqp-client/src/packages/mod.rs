//! Submissions of packages: `/products/packages`.

mod by_item;
mod by_sku;
mod create;
mod filter;
mod get;
mod list;
mod lookup;
mod update;
mod update_one;

pub use filter::{PackageField, PackageFilter};
pub use update_one::PackageRef;

use eqp_types::{BatchItem, Package};
use serde_json::Value;

use crate::answer::Answer;
use crate::{Client, Error};

/// Calls about submissions of packages.
#[derive(Clone, Copy, Debug)]
pub struct Packages<'a> {
    client: &'a Client,
}

impl Client {
    /// Submissions of packages.
    pub fn packages(&self) -> Packages<'_> {
        Packages { client: self }
    }
}

/// The items of a batch's answer, one for each that was sent, in their order.
fn items(answer: &Answer, sent: usize) -> Result<Vec<BatchItem>, Error> {
    let items: Vec<BatchItem> = answer.json()?;
    if items.len() == sent {
        return Ok(items);
    }
    Err(answer.shape("", format!("{sent} items were sent, and {} answered", items.len())))
}

/// One package, answered as an object or as a list.
fn one_or_many(answer: &Answer) -> Result<Vec<Package>, Error> {
    match answer.json::<Value>()? {
        Value::Object(_) => Ok(vec![answer.json()?]),
        Value::Null => Ok(Vec::new()),
        _ => answer.json(),
    }
}
