//! The query of a list, and its page.

use serde_json::Value;

use crate::error_response::ErrorResponse;

const EXACT: [&str; 9] = [
    "type",
    "platform",
    "license_type",
    "is_patch",
    "process_as_patch",
    "stability",
    "eqp_status.overall",
    "eqp_status.technical",
    "eqp_status.marketing",
];
const SUBSTRING: [&str; 9] = [
    "item_id",
    "submission_id",
    "sku",
    "version",
    "name",
    "long_description",
    "release_notes",
    "custom_license_name",
    "custom_license_url",
];
const DATES: [&str; 5] =
    ["requested_launch_date", "original_launch_date", "latest_launch_date", "created_at", "modified_at"];

/// The default number of records of a page.
const DEFAULT_LIMIT: usize = 20;

/// The query of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListQuery {
    pub(super) filters: Vec<(&'static str, Match)>,
    /// Fields to sort by, each with whether the order is reversed.
    pub(super) sort: Vec<(&'static str, bool)>,
    pub(super) offset: usize,
    /// `None` means no limit.
    pub(super) limit: Option<usize>,
}

/// A condition for the text of a field.
#[derive(Clone, Debug)]
pub(super) enum Match {
    Exact(String),
    Substring(String),
    Present,
    /// From and to, both inclusive; a date without a time means the whole day.
    Range(String, String),
}

#[cfg(test)]
impl Match {
    /// Returns whether a text matches. This is the straightforward implementation, with which the indexes are compared.
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == wanted,
            Self::Substring(wanted) => text.to_lowercase().contains(wanted),
            Self::Present => !text.is_empty(),
            Self::Range(from, to) => {
                !text.is_empty() && text >= from.as_str() && (text <= to.as_str() || text.starts_with(to.as_str()))
            }
        }
    }
}

/// A page of a list.
pub(crate) struct Page {
    /// The number of records that match, on all pages: `X-Total-Count`.
    pub(crate) total: usize,
    pub(crate) items: Vec<Value>,
}

impl ListQuery {
    /// Reads query parameters and ignores undocumented ones.
    ///
    /// # Errors
    /// Returns a 400 if a number is invalid, or a list cannot be sorted by a field.
    pub(crate) fn read(parameters: &[(String, String)]) -> Result<Self, ErrorResponse> {
        let mut query = Self { limit: Some(DEFAULT_LIMIT), ..Self::default() };
        for (name, value) in parameters {
            match name.as_str() {
                "offset" => query.offset = number(name, value)?,
                "limit" if value == "-1" => query.limit = None,
                "limit" => query.limit = Some(number(name, value)?),
                "sort" => query.sort = sort(value)?,
                _ => query.filters.extend(filter(name, value)),
            }
        }
        Ok(query)
    }

    /// Restricts the list to packages that have a SKU.
    pub(crate) fn with_sku(mut self) -> Self {
        self.filters.push(("sku", Match::Present));
        self
    }

    /// Restricts the list to packages that have an item ID.
    pub(crate) fn with_item_id(mut self) -> Self {
        self.filters.push(("item_id", Match::Present));
        self
    }

    pub(crate) fn page<T>(&self, records: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        records.skip(self.offset).take(self.limit.unwrap_or(usize::MAX))
    }
}

fn number(name: &str, value: &str) -> Result<usize, ErrorResponse> {
    value.parse().map_err(|_| ErrorResponse::bad_request(format!("`{name}` must be a whole number")))
}

/// Reads the fields to sort by. An unescaped `+` arrives as a space.
fn sort(value: &str) -> Result<Vec<(&'static str, bool)>, ErrorResponse> {
    let field = |wanted: &str| EXACT.iter().chain(&SUBSTRING).chain(&DATES).find(|name| **name == wanted).copied();
    value
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let reversed = part.trim().starts_with('-');
            let name = part.trim().trim_start_matches(['+', '-']);
            field(name)
                .map(|name| (name, reversed))
                .ok_or_else(|| ErrorResponse::bad_request(format!("Lists cannot be sorted by `{name}`")))
        })
        .collect()
}

fn filter(name: &str, value: &str) -> Option<(&'static str, Match)> {
    let known = |names: &[&'static str]| names.iter().find(|known| **known == name).copied();
    if let Some(name) = known(&EXACT) {
        let is_everything = name == "type" && value == "all";
        return (!is_everything).then(|| (name, Match::Exact(value.to_owned())));
    }
    if let Some(name) = known(&SUBSTRING) {
        return Some((name, Match::Substring(value.to_lowercase())));
    }
    let (from, to) = value.split_once(',').unwrap_or((value, value));
    let to = if to.trim().is_empty() { "9" } else { to.trim() };
    known(&DATES).map(|name| (name, Match::Range(from.trim().to_owned(), to.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<ListQuery, ErrorResponse> {
        let owned: Vec<_> = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        ListQuery::read(&owned)
    }

    #[test]
    fn a_page_has_twenty_records_unless_asked_otherwise() {
        assert_eq!(read(&[]).unwrap().limit, Some(20));
        assert_eq!(read(&[("limit", "-1")]).unwrap().limit, None);
        assert_eq!(read(&[("offset", "3"), ("limit", "2")]).unwrap().page(0..9).collect::<Vec<_>>(), [3, 4]);
        assert!(read(&[("limit", "many")]).is_err());
    }

    #[test]
    fn sorts_by_every_filter_field_and_no_other() {
        assert_eq!(read(&[("sort", " name,-created_at")]).unwrap().sort, [("name", false), ("created_at", true)]);
        assert!(read(&[("sort", "+colour")]).is_err());
    }

    #[test]
    fn a_date_means_its_whole_day_and_two_a_range() {
        for (value, fits) in [
            ("2026-01-02", true),
            ("2026-01-01", false),
            ("2026-01-01,2026-01-02", true),
            ("2026-01-01,2026-01-02 03:00:00", false),
            ("2026-01-02,", true),
            (",2026-01-01", false),
        ] {
            let query = read(&[("created_at", value)]).unwrap();
            assert_eq!(query.filters[0].1.fits("2026-01-02 03:04:05"), fits, "{value}");
        }
    }
}
