//! The release lines of Adobe Commerce, as data with its source and date.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use time::macros::{date, format_description};
use time::{Date, Duration, OffsetDateTime};

/// The release lines that this version contains, in the form in which Adobe publishes them.
const BUILT_IN: &str = include_str!("core-releases.json");
const BUILT_IN_SOURCE: &str = "AdobeDocs/commerce-operations.en";
const BUILT_IN_DATE: Date = date!(2026 - 08 - 20);
/// The age after which the data may be old. Adobe plans one patch release a year.
const MAX_AGE: Duration = Duration::days(120);
/// The maximum size of a file with release lines.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The release lines of Adobe Commerce.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseLines {
    /// The source of the data, for people.
    pub source: String,
    /// The date of the data.
    pub date: Date,
    /// The lines, oldest first.
    pub lines: Vec<ReleaseLine>,
}

/// A release line, such as 2.4.8.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseLine {
    /// Its highest version without a suffix; for a line with two numbers, such as 2.3, these.
    pub name: String,
    /// The lowest version, if the data combine several lines.
    pub first: String,
    /// The date of its first release.
    pub released: Date,
    /// The end of standard support.
    pub support_ends: Option<Date>,
}

/// The reason why release lines cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseLinesError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The file is too large.
    #[error("the file is larger than 4 MiB")]
    TooLarge,
    /// The file does not have the form of Adobe's core-releases.json.
    #[error("the file does not have the form of Adobe's core-releases.json: {0}")]
    Malformed(String),
}

/// A line in Adobe's file.
#[derive(Debug, Deserialize)]
struct LineEntry {
    #[serde(default)]
    releases: Vec<ReleaseEntry>,
    #[serde(rename = "end-of-support")]
    end_of_support: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReleaseEntry {
    #[serde(rename = "publishedAt")]
    published_at: String,
}

impl ReleaseLines {
    /// Returns the lines that this version contains.
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN, BUILT_IN_SOURCE.to_owned(), BUILT_IN_DATE)
            .expect("the built-in release lines can be read")
    }

    /// Reads a file in the form of Adobe's `core-releases.json`. Its date is the time of its last change.
    ///
    /// # Errors
    /// [`ReleaseLinesError`] if the file cannot be read, or has another form.
    pub fn read(path: &Path) -> Result<Self, ReleaseLinesError> {
        let metadata = std::fs::metadata(path).map_err(ReleaseLinesError::Unreadable)?;
        if !metadata.is_file() {
            return Err(ReleaseLinesError::Unreadable(std::io::Error::other("it is not a file")));
        }
        if metadata.len() > MAX_BYTES {
            return Err(ReleaseLinesError::TooLarge);
        }
        let text = std::fs::read_to_string(path).map_err(ReleaseLinesError::Unreadable)?;
        let changed = metadata.modified().map_err(ReleaseLinesError::Unreadable)?;
        Self::parse(&text, path.display().to_string(), OffsetDateTime::from(changed).date())
    }

    fn parse(text: &str, source: String, date: Date) -> Result<Self, ReleaseLinesError> {
        let malformed = |reason: String| ReleaseLinesError::Malformed(reason);
        let entries: BTreeMap<String, LineEntry> =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let mut lines = Vec::new();
        for (key, entry) in entries {
            let (first, name) = key.split_once('-').unwrap_or((&key, &key));
            if numbers(first).is_none() || numbers(name).is_none() {
                return Err(malformed(format!("`{key}` is not a release line")));
            }
            let published = entry.releases.iter().map(|release| parse_date(&release.published_at));
            let published: Vec<Date> = published.collect::<Result<_, _>>().map_err(malformed)?;
            let support_ends = entry.end_of_support.as_deref().map(parse_date).transpose().map_err(malformed)?;
            // A line without a release is only planned.
            let Some(released) = published.into_iter().min() else { continue };
            lines.push(ReleaseLine { name: name.to_owned(), first: first.to_owned(), released, support_ends });
        }
        lines.sort_by_key(|line| numbers(&line.name));
        if lines.is_empty() {
            return Err(malformed("it contains no release".to_owned()));
        }
        Ok(Self { source, date, lines })
    }

    /// Returns whether newer releases may be missing.
    pub fn may_be_old(&self, today: Date) -> bool {
        today - self.date > MAX_AGE
    }

    /// Returns the newest line that was released by a date.
    pub fn newest(&self, today: Date) -> Option<&ReleaseLine> {
        self.lines.iter().rev().find(|line| line.released <= today)
    }

    /// Returns the line with a name such as `2.4.9`.
    pub fn line(&self, name: &str) -> Option<&ReleaseLine> {
        self.lines.iter().find(|line| line.name == name)
    }
}

impl ReleaseLine {
    /// Returns whether a claim of a listing, such as `2.4`, `2.4.x` or `2.4.9-p1`, includes this line.
    pub fn is_claimed_by(&self, claim: &str) -> bool {
        let Some(claimed) = claimed(claim) else { return false };
        let Some((first, last)) = numbers(&self.first).zip(numbers(&self.name)) else { return false };
        let start = |numbers: &[u64]| numbers[..claimed.len().min(numbers.len())].to_vec();
        let (low, high) = (start(&first), start(&last));
        let claimed_start = claimed[..claimed.len().min(low.len())].to_vec();
        low <= claimed_start && claimed_start <= high
    }

    /// Returns whether this is the first release of a minor version, in Adobe's terms, such as 2.5.0.
    pub fn is_minor(&self) -> bool {
        numbers(&self.first).is_none_or(|numbers| numbers.len() < 3 || numbers[2] == 0)
    }
}

/// Returns the numbers of a claim, without a suffix.
pub(super) fn claimed(claim: &str) -> Option<Vec<u64>> {
    let claim = claim.trim();
    let claim = claim.split_once('-').map_or(claim, |(line, _)| line);
    numbers(claim.trim_end_matches(".x").trim_end_matches(".*"))
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    let numbers: Option<Vec<u64>> = text.split('.').map(|part| part.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() <= 4)
}

/// Parses a date, or the date of a timestamp.
fn parse_date(text: &str) -> Result<Date, String> {
    let date = text.get(..10).unwrap_or(text);
    Date::parse(date, format_description!("[year]-[month]-[day]"))
        .map_err(|_| format!("`{}` is not a date", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_lines_are_complete_and_in_order() {
        let lines = ReleaseLines::built_in();
        let names: Vec<_> = lines.lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["2.3", "2.4.3", "2.4.4", "2.4.5", "2.4.6", "2.4.7", "2.4.8", "2.4.9"]);
        assert!(lines.lines.iter().all(|line| line.support_ends.is_some_and(|end| end > line.released)));
        assert_eq!(lines.newest(date!(2026 - 11 - 29)).unwrap().name, "2.4.9");
        assert_eq!(lines.newest(date!(2026 - 05 - 11)).unwrap().name, "2.4.8");
        assert!(!lines.may_be_old(date!(2026 - 12 - 18)) && lines.may_be_old(date!(2026 - 12 - 19)));
        let minor: Vec<_> = lines.lines.iter().filter(|line| line.is_minor()).map(|line| line.name.as_str()).collect();
        assert_eq!(minor, ["2.3", "2.4.3"]);
    }

    #[test]
    fn a_claim_includes_the_lines_that_begin_with_it() {
        let lines = ReleaseLines::built_in();
        for (claim, included) in [
            ("2.4", &["2.4.3", "2.4.4", "2.4.5", "2.4.6", "2.4.7", "2.4.8", "2.4.9"][..]),
            ("2.4.x", &["2.4.3", "2.4.4", "2.4.5", "2.4.6", "2.4.7", "2.4.8", "2.4.9"]),
            ("2.4.9-p1", &["2.4.9"]),
            ("2.4.1", &["2.4.3"]),
            ("2.3.7", &["2.3"]),
            ("2.3", &["2.3"]),
            ("2.5", &[]),
            ("all", &[]),
        ] {
            let found = lines.lines.iter().filter(|line| line.is_claimed_by(claim));
            assert_eq!(found.map(|line| line.name.as_str()).collect::<Vec<_>>(), included, "{claim}");
        }
    }

    #[test]
    fn adobe_s_file_is_read_with_dates_and_timestamps() {
        let text = r#"{"2.5.0": {"releases": [{"publishedAt": "2027-05-11T14:00:00Z", "tagName": "2.5.0", "releaseNotes": "x"}]},
            "2.5.1": {"releases": [], "end-of-support": "2030-05-31"}}"#;
        let lines = ReleaseLines::parse(text, "a file".to_owned(), date!(2027 - 06 - 01)).unwrap();
        let [line] = &lines.lines[..] else { panic!("{lines:?}") };
        assert_eq!((line.released, line.support_ends, line.is_minor()), (date!(2027 - 05 - 11), None, true));
        for malformed in
            ["[]", "{}", r#"{"next": {"releases": []}}"#, r#"{"2.4.9": {"releases": [{"publishedAt": "May"}]}}"#]
        {
            assert!(ReleaseLines::parse(malformed, String::new(), date!(2027 - 06 - 01)).is_err(), "{malformed}");
        }
    }
}
