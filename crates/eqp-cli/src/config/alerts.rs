//! The settings of alerts: severities, quiet hours, and the limits after which a review is stuck.

use std::time::Duration;

use eqp_store::AlertSeverity;
use eqp_sync::{AlertKind, AlertSettings, QuietHours, StuckLimits};
use serde::Deserialize;

use crate::arguments::timeout;

/// The settings of alerts. They have no flags: `eqp serve` reads them from the configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AlertOptions {
    severities: Option<Vec<SeverityOfKind>>,
    quiet_hours: Option<QuietTimes>,
    scan_limit: Option<Limit>,
    automation_limit: Option<Limit>,
    manual_qa_limit: Option<Limit>,
    marketing_limit: Option<Limit>,
}

impl AlertOptions {
    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            severities: self.severities.or(weaker.severities),
            quiet_hours: self.quiet_hours.or(weaker.quiet_hours),
            scan_limit: self.scan_limit.or(weaker.scan_limit),
            automation_limit: self.automation_limit.or(weaker.automation_limit),
            manual_qa_limit: self.manual_qa_limit.or(weaker.manual_qa_limit),
            marketing_limit: self.marketing_limit.or(weaker.marketing_limit),
        }
    }

    /// Returns the limits after which a review is stuck, with defaults.
    pub(crate) fn limits(&self) -> StuckLimits {
        let default = StuckLimits::default();
        let limit = |limit: Option<Limit>, default| limit.map_or(default, |limit| limit.0);
        StuckLimits {
            scan: limit(self.scan_limit, default.scan),
            automation: limit(self.automation_limit, default.automation),
            manual_qa: limit(self.manual_qa_limit, default.manual_qa),
            marketing: limit(self.marketing_limit, default.marketing),
        }
    }

    /// Returns the settings with defaults.
    pub(crate) fn resolve(&self) -> AlertSettings {
        let mut settings = AlertSettings::default().limits(self.limits());
        for SeverityOfKind(kind, severity) in self.severities.iter().flatten() {
            settings = settings.severity(*kind, *severity);
        }
        match self.quiet_hours {
            Some(QuietTimes(quiet_hours)) => settings.quiet_hours(quiet_hours),
            None => settings,
        }
    }

    /// Returns the value of each key in words, for `eqp doctor`.
    pub(crate) fn severities(&self) -> Option<String> {
        let named = |SeverityOfKind(kind, severity): &SeverityOfKind| format!("{kind}={severity}");
        self.severities.as_ref().map(|all| all.iter().map(named).collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn quiet_hours(&self) -> Option<String> {
        self.quiet_hours.map(|QuietTimes(quiet_hours)| quiet_hours.to_string())
    }

    pub(crate) fn scan_limit(&self) -> Option<String> {
        self.scan_limit.map(Limit::text)
    }

    pub(crate) fn automation_limit(&self) -> Option<String> {
        self.automation_limit.map(Limit::text)
    }

    pub(crate) fn manual_qa_limit(&self) -> Option<String> {
        self.manual_qa_limit.map(Limit::text)
    }

    pub(crate) fn marketing_limit(&self) -> Option<String> {
        self.marketing_limit.map(Limit::text)
    }
}

/// The severity of a kind of alert, written as `callbacks_missed=ticket`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct SeverityOfKind(AlertKind, AlertSeverity);

impl TryFrom<String> for SeverityOfKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let malformed = || format!("`{text}`: it is not a kind and a severity such as callbacks_missed=ticket");
        let (kind, severity) = text.split_once('=').ok_or_else(malformed)?;
        let kind = kind
            .trim()
            .parse()
            .map_err(|_| format!("`{text}`: the kind is not one of {}", AlertKind::NAMES.join(", ")));
        let severity = severity
            .trim()
            .parse()
            .map_err(|_| format!("`{text}`: the severity is not one of {}", AlertSeverity::VALUES.join(", ")));
        Ok(Self(kind?, severity?))
    }
}

/// The hours in which only pages are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct QuietTimes(QuietHours);

impl TryFrom<String> for QuietTimes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| format!("`{text}`: {error}"))
    }
}

/// The shortest limit. A shorter one is probably a mistake in the unit.
const SHORTEST: Duration = Duration::from_mins(1);

/// The limit after which a review is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Limit(Duration);

impl Limit {
    fn text(self) -> String {
        humantime::format_duration(self.0).to_string()
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let limit = timeout(&text).map_err(|why| format!("`{text}`: {why}"))?;
        if limit < SHORTEST { Err(format!("`{text}`: it is less than a minute")) } else { Ok(Self(limit)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let read = |text: &str| toml::from_str::<AlertOptions>(text).map_err(|error| error.message().to_owned());
        let options = read(
            "severities = [\"callbacks_missed=ticket\", \"review_stuck = info\"]\n\
             quiet_hours = \"22:00-07:00\"\nmanual_qa_limit = \"10d\"",
        );
        let limits = StuckLimits { manual_qa: Duration::from_hours(240), ..StuckLimits::default() };
        let expected = AlertSettings::default()
            .limits(limits)
            .severity(AlertKind::CallbacksMissed, AlertSeverity::Ticket)
            .severity(AlertKind::ReviewStuck, AlertSeverity::Info)
            .quiet_hours("22:00-07:00".parse().unwrap());
        assert_eq!(options.unwrap().resolve(), expected);
        for (text, reason) in [
            ("severities = [\"callbacks_missed\"]", "such as callbacks_missed=ticket"),
            ("severities = [\"callbacks=page\"]", "the kind is not one of callbacks_missed, "),
            ("severities = [\"callbacks_missed=loud\"]", "the severity is not one of page, ticket, info"),
            ("quiet_hours = \"night\"", "`night`: quiet hours are written as 22:00-07:00"),
            ("scan_limit = \"4\"", "it is not a duration"),
            ("scan_limit = \"4s\"", "it is less than a minute"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
