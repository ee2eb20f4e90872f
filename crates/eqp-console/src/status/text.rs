//! The texts about a whole status, and about a product for people outside.

use eqp_types::Environment;
use time::OffsetDateTime;

use super::model::{ProductStatus, Stale, Status, StatusSource, VersionLine, VersionState};
use super::words;

impl Status {
    /// Returns the accounts and the environment, such as `MAG123456789, production`.
    pub fn title(&self) -> String {
        let mut environments: Vec<Environment> = self.accounts.iter().map(|account| account.environment).collect();
        environments.dedup();
        let environments: Vec<_> = environments.iter().map(|environment| environment.as_str()).collect();
        match &self.accounts[..] {
            [] => self
                .environment
                .map_or_else(|| "no account".to_owned(), |environment| format!("no account, {environment}")),
            [only] => format!("{}, {}", only.mage_id, only.environment),
            several => format!("{} accounts, {}", several.len(), environments.join(" and ")),
        }
    }

    /// Returns the source and the age of the data, such as `database, 40 seconds old`.
    pub fn source_and_age(&self) -> String {
        match (self.source, self.last_response_at) {
            (StatusSource::Marketplace, _) => "Marketplace alone, read just now".to_owned(),
            (source, Some(at)) => format!("{source}, {} old", words::age_in_words(at, self.at)),
            (source, None) => format!("{source}, no response from Adobe yet"),
        }
    }

    /// Returns the number of products in each group that is not empty, such as `2 need you`.
    pub fn counts(&self) -> Vec<String> {
        let need = if self.needs_you.len() == 1 { "needs you" } else { "need you" };
        let groups = [
            (self.needs_you.len(), need),
            (self.stuck.len(), "stuck"),
            (self.in_review.len(), "in review"),
            (self.due.iter().map(|due| due.products.len().max(1)).sum(), "due"),
            (self.fine.len(), "fine"),
        ];
        groups.into_iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect()
    }

    /// Returns whether no product is known.
    pub fn is_empty(&self) -> bool {
        self.products().next().is_none() && self.due.is_empty()
    }

    /// Returns one sentence about everything: that nothing needs the vendor, or the number of products in each group.
    pub fn headline(&self) -> String {
        if self.is_empty() {
            let next = match self.source {
                StatusSource::Database => {
                    " eqp packages list queries the Marketplace; the first callback will appear here."
                }
                StatusSource::Marketplace => "",
            };
            return format!("No products yet.{next}");
        }
        if !self.is_all_well() {
            return self.counts().join("   ");
        }
        let products = if self.in_store == 1 { "1 product".to_owned() } else { format!("{} products", self.in_store) };
        let in_review = match self.in_review.len() {
            0 => "none".to_owned(),
            count => count.to_string(),
        };
        format!("Nothing needs you. {products} in the store, {in_review} in review.")
    }

    /// Returns a warning if the data may be out of date.
    pub fn warning(&self) -> Option<String> {
        let Stale { last_response_at, .. } = self.stale.as_ref()?;
        let response = match last_response_at {
            Some(at) => {
                let age = words::age(*at, self.at).unwrap_or_else(|| "more than 99 d".to_owned());
                format!("the last response from Adobe is {age} old ({})", self.time_of(*at))
            }
            None => "there was no response from Adobe yet".to_owned(),
        };
        Some(format!("MAY BE OUT OF DATE: {response}"))
    }

    /// Returns the time at which the data was current, as a mark for each group: `as of 06:14 UTC`. `None` if the data is current.
    pub fn mark(&self) -> Option<String> {
        let at = self.stale.as_ref()?.last_response_at;
        Some(at.map_or_else(|| "of unknown age".to_owned(), |at| format!("as of {}", self.time_of(at))))
    }

    /// Returns a time of day, with the date if it is another day.
    fn time_of(&self, at: OffsetDateTime) -> String {
        let utc = |time: OffsetDateTime| time.to_offset(time::UtcOffset::UTC).date();
        if utc(at) == utc(self.at) {
            return words::time_of_day(at);
        }
        format!("{}, {}", words::date(at), words::time_of_day(at))
    }

    /// Returns the name of a product, with its environment or account if there are several.
    pub fn label_of(&self, product: &ProductStatus) -> String {
        let is_of = |environment| self.accounts.iter().filter(|account| account.environment == environment).count();
        match (self.accounts.len(), is_of(product.environment)) {
            (0 | 1, _) => product.label.clone(),
            (_, 1) => format!("{} ({})", product.label, product.environment),
            _ => format!("{} ({})", product.label, product.mage_id),
        }
    }

    /// Returns the sentences about a product that can be forwarded to people outside, such as `1.5.0 has been in review since 26 November;
    /// this step typically takes 4 to 7 days.`
    pub fn sentences_about(&self, product: &ProductStatus) -> Vec<String> {
        let mut sentences: Vec<_> = product.lines.iter().filter_map(|line| forwardable(line, self.at)).collect();
        let is_told = |line: &VersionLine| line.state == VersionState::InStore && line.version == product.store_version;
        if product.is_in_store && !product.lines.iter().any(is_told) {
            let version = product.store_version.as_deref().unwrap_or("A version");
            sentences.push(format!("{version} is in the store."));
        }
        sentences
    }

    /// Returns a few words about a product for a badge, such as `1.4.2 in the store, 1.5.0 in review for 3 d`.
    pub fn badge_of(&self, product: &ProductStatus) -> String {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "a version".to_owned());
        let in_store = match (&product.store_version, product.is_in_store) {
            (Some(version), _) => format!("{version} in the store"),
            (None, true) => "in the store".to_owned(),
            (None, false) => "not in the store".to_owned(),
        };
        let states = product.lines.iter().filter_map(|line| {
            let words = match line.state {
                VersionState::Rejected => "rejected".to_owned(),
                VersionState::RemovedByAdobe => "removed by Adobe".to_owned(),
                VersionState::CanceledByAdobe => "canceled by Adobe".to_owned(),
                VersionState::Stuck | VersionState::InReview => {
                    format!("in review {}", words::lasting(line.since, self.at))
                }
                VersionState::Approved => "approved".to_owned(),
                _ => return None,
            };
            Some(format!("{} {words}", version(&line.version)))
        });
        std::iter::once(in_store).chain(states).collect::<Vec<_>>().join(", ")
    }
}

/// Describes a version for people outside. Returns `None` if there is nothing to report about it.
fn forwardable(line: &VersionLine, now: OffsetDateTime) -> Option<String> {
    let version = line.version.as_deref().unwrap_or("A new version");
    let day = words::day(line.since, now);
    let typical = line.typical_seconds.map(words::range_in_words);
    let typical = typical.map(|range| format!("; this step typically takes {range}")).unwrap_or_default();
    Some(match line.state {
        VersionState::Rejected => {
            let reason = line.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{version} was rejected on {day}{reason}.")
        }
        VersionState::OnlyAtPackagist => format!("{version} is on Packagist, and not in the store yet."),
        VersionState::RemovedByAdobe => format!("{version} was removed from the store by Adobe on {day}."),
        VersionState::CanceledByAdobe => format!("{version} was canceled by Adobe on {day}."),
        VersionState::Stuck => {
            let stage = line.flows.iter().find(|flow| flow.since == line.since).and_then(|flow| flow.stage);
            let stage = stage.map_or_else(|| "review".to_owned(), |stage| stage.to_string());
            format!("{version} has been in {stage} since {day}{typical}.")
        }
        VersionState::InReview => format!("{version} has been in review since {day}{typical}."),
        VersionState::Approved => format!("{version} was approved on {day} and has not been launched yet."),
        VersionState::InStore => format!("{version} has been in the store since {day}."),
        VersionState::RemovalDue
        | VersionState::Recalled
        | VersionState::Draft
        | VersionState::Removed
        | VersionState::Canceled => return None,
    })
}
