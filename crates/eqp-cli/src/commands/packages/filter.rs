//! Filters and sort order of a list of packages.

use std::str::FromStr;

use clap::Args;
use clap::builder::PossibleValuesParser;
use eqp_client::{PackageField, PackageFilter};
use eqp_types::{MarketingStatus, OverallStatus, TechnicalStatus};

use crate::text::nearest;

const TYPES: [&str; 4] = ["extension", "theme", "shared_package", "all"];
const LICENSES: [&str; 9] = ["afl", "apache", "bsd", "gnu-gpl", "gnu-lgpl", "mit", "mozilla", "osl", "custom"];
const TRUTHS: [&str; 2] = ["true", "false"];
const PATCHES: [&str; 3] = ["yes", "no", "unknown"];
const STABILITIES: [&str; 2] = ["stable", "beta"];

/// Filters of a list of packages. All of them must match.
#[derive(Args, Debug)]
#[command(next_help_heading = "Filters")]
pub(super) struct FilterOptions {
    /// Overall status
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(OverallStatus::KNOWN))]
    overall: Option<String>,
    /// Status of the technical review
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(TechnicalStatus::KNOWN))]
    technical: Option<String>,
    /// Status of the marketing review
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(MarketingStatus::KNOWN))]
    marketing: Option<String>,
    /// SKU that contains this text
    #[arg(long, value_name = "TEXT")]
    sku: Option<String>,
    /// Version that contains this text
    #[arg(long, value_name = "TEXT")]
    version: Option<String>,
    /// Title that contains this text
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Submission ID that contains this text
    #[arg(long, value_name = "TEXT")]
    submission: Option<String>,
    /// Item ID (your own ID) that contains this text
    #[arg(long, value_name = "TEXT")]
    item: Option<String>,
    /// Type of package
    #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(TYPES))]
    kind: Option<String>,
    /// Platform, such as M2
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// License type
    #[arg(long, value_name = "LICENSE", value_parser = PossibleValuesParser::new(LICENSES))]
    license: Option<String>,
    /// Name of a custom license that contains this text
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    license_name: Option<String>,
    /// URL of a custom license that contains this text
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    license_url: Option<String>,
    /// Long description that contains this text
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Release notes that contain this text
    #[arg(long, value_name = "TEXT")]
    release_notes: Option<String>,
    /// Stability
    #[arg(long, value_name = "STABILITY", value_parser = PossibleValuesParser::new(STABILITIES))]
    stability: Option<String>,
    /// Whether the version is a patch
    #[arg(long, value_name = "BOOL", value_parser = PossibleValuesParser::new(TRUTHS))]
    is_patch: Option<String>,
    /// Whether the version should be processed as a patch
    #[arg(long, value_name = "VALUE", hide_short_help = true, value_parser = PossibleValuesParser::new(PATCHES))]
    process_as_patch: Option<String>,
    /// Creation date (UTC)
    ///
    /// Dates are sent unchanged, because the API's syntax of date ranges is not documented.
    #[arg(long, value_name = "DATE")]
    created: Option<String>,
    /// Date of the last change (UTC)
    #[arg(long, value_name = "DATE")]
    modified: Option<String>,
    /// Requested launch date (UTC)
    #[arg(long, value_name = "DATE")]
    launch_requested: Option<String>,
    /// Date of the first launch (UTC)
    #[arg(long, value_name = "DATE")]
    launched_first: Option<String>,
    /// Date of the last launch (UTC)
    #[arg(long, value_name = "DATE")]
    launched_last: Option<String>,
    /// Filter by any field and value, also those that this tool does not know
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    conditions: Vec<(PackageField, String)>,
    /// Sort by these fields of the API, descending after `-` [default: -modified_at]
    ///
    /// With --all, the default is -created_at, which does not change during the listing.
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<Sorting>,
}

impl FilterOptions {
    /// Converts the options to a filter of the client. `default` is the sort order if none is requested.
    pub(super) fn filter(self, default: Sorting) -> PackageFilter {
        let sorting = if self.sort.is_empty() { vec![default] } else { self.sort };
        let filter = [
            (PackageField::OverallStatus, self.overall),
            (PackageField::TechnicalStatus, self.technical),
            (PackageField::MarketingStatus, self.marketing),
            (PackageField::Sku, self.sku),
            (PackageField::Version, self.version),
            (PackageField::Name, self.name),
            (PackageField::SubmissionId, self.submission),
            (PackageField::ItemId, self.item),
            (PackageField::Type, self.kind),
            (PackageField::Platform, self.platform),
            (PackageField::LicenseType, self.license),
            (PackageField::CustomLicenseName, self.license_name),
            (PackageField::CustomLicenseUrl, self.license_url),
            (PackageField::LongDescription, self.description),
            (PackageField::ReleaseNotes, self.release_notes),
            (PackageField::Stability, self.stability),
            (PackageField::IsPatch, self.is_patch),
            (PackageField::ProcessAsPatch, self.process_as_patch),
            (PackageField::CreatedAt, self.created),
            (PackageField::ModifiedAt, self.modified),
            (PackageField::RequestedLaunchDate, self.launch_requested),
            (PackageField::OriginalLaunchDate, self.launched_first),
            (PackageField::LatestLaunchDate, self.launched_last),
        ];
        let given = filter.into_iter().filter_map(|(field, text)| Some((field, text?)));
        let filter = given
            .chain(self.conditions)
            .fold(PackageFilter::new(), |filter, (field, text)| filter.matching(field, text));
        sorting.into_iter().fold(filter, |filter, by| {
            if by.is_descending { filter.descending(by.field) } else { filter.ascending(by.field) }
        })
    }
}

/// A field to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sorting {
    field: PackageField,
    is_descending: bool,
}

impl Sorting {
    /// Sorts by this field in descending order.
    pub(super) fn descending(field: PackageField) -> Self {
        Self { field, is_descending: true }
    }
}

impl FromStr for Sorting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (is_descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        field(name).map(|field| Self { field, is_descending })
    }
}

fn condition(text: &str) -> Result<(PackageField, String), String> {
    let (name, value) = text.split_once('=').ok_or("write FIELD=VALUE")?;
    Ok((field(name)?, value.to_owned()))
}

fn field(name: &str) -> Result<PackageField, String> {
    let names = || PackageField::ALL.iter().map(|field| field.as_str());
    let found = PackageField::ALL.iter().copied().find(|field| field.as_str() == name);
    found.ok_or_else(|| match nearest(name, names()) {
        Some(near) => format!("unknown field; did you mean `{near}`?"),
        None => format!("unknown field; known fields: {}", names().collect::<Vec<_>>().join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: FilterOptions,
    }

    fn filter(arguments: &[&str]) -> PackageFilter {
        let line = Line::try_parse_from([&["list"], arguments].concat()).unwrap();
        line.filter.filter(Sorting::descending(PackageField::ModifiedAt))
    }

    #[test]
    fn every_field_of_the_api_has_a_flag() {
        let flags = [
            "overall=draft",
            "technical=draft",
            "marketing=draft",
            "sku=a/b",
            "version=1",
            "name=a",
            "submission=s",
            "item=i",
            "type=theme",
            "platform=M2",
            "license=mit",
            "license-name=a",
            "license-url=a",
            "description=a",
            "release-notes=a",
            "stability=beta",
            "is-patch=true",
            "process-as-patch=yes",
            "created=2026-01-01",
            "modified=2026-01-01",
            "launch-requested=2026-01-01",
            "launched-first=2026-01-01",
            "launched-last=2026-01-01",
        ];
        let mut fields: Vec<PackageField> = Vec::new();
        for flag in flags {
            let value = flag.split_once('=').unwrap().1;
            let filter = filter(&[&format!("--{flag}")]);
            let named = PackageField::ALL.iter().copied().find(|field| {
                let expected = PackageFilter::new().matching(*field, value).descending(PackageField::ModifiedAt);
                expected == filter
            });
            fields.push(named.unwrap_or_else(|| panic!("--{flag} filters by no field")));
        }
        fields.sort_unstable();
        let mut all = PackageField::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(fields, all);
    }

    #[test]
    fn conditions_and_orders_take_any_field_and_any_value() {
        let expected = PackageFilter::new()
            .matching(PackageField::OverallStatus, "on_the_moon")
            .descending(PackageField::CreatedAt)
            .ascending(PackageField::Sku);
        assert_eq!(filter(&["--where", "eqp_status.overall=on_the_moon", "--sort", "-created_at,sku"]), expected);
        assert_eq!(field("modifed_at").unwrap_err(), "unknown field; did you mean `modified_at`?");
        assert!("-colour".parse::<Sorting>().is_err() && condition("sku").is_err());
    }
}
