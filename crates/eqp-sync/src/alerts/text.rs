//! The sentences about each condition: whether anything is lost, what it means, the first command to run, and how it resolves without
//! intervention.

use std::time::Duration;

use time::OffsetDateTime;

use super::condition::{AlertKind, Condition};
use crate::listings::sentence;

/// An alert in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertText {
    /// A few words: the product or the condition.
    pub title: String,
    /// The affected part, such as `1 of 1 endpoint`.
    pub scope: Option<String>,
    /// One or two sentences for a list.
    pub summary: String,
    /// Whether anything is lost.
    pub lost: String,
    /// The meaning.
    pub meaning: String,
    /// The first command to run.
    pub first_check: String,
    /// How it resolves without intervention.
    pub resolves: String,
}

const NOT_LOST: &str = "Nothing is lost.";
/// The most listings that an alert names.
const NAMED: usize = 5;

impl AlertText {
    /// Describes an alert from its stored facts. `kind` is the name of its condition, and facts that this version cannot read are not
    /// described.
    pub fn of(kind: &str, data: &str, now: OffsetDateTime) -> Self {
        match serde_json::from_str::<Condition>(data) {
            Ok(condition) if AlertKind::from(&condition).as_str() == kind => Self::of_condition(&condition, now),
            _ => Self {
                title: kind.replace('_', " "),
                scope: None,
                summary: "This version cannot describe this alert, because another version opened it.".to_owned(),
                lost: "This version cannot tell whether anything is lost.".to_owned(),
                meaning: "Another version opened this alert, so this version cannot describe it.".to_owned(),
                first_check: "eqp doctor".to_owned(),
                resolves: "Resolves automatically if a server of the version that opened it is running.".to_owned(),
            },
        }
    }

    /// Describes a condition.
    #[allow(clippy::too_many_lines, reason = "one arm with a few sentences for each condition")]
    pub fn of_condition(condition: &Condition, now: OffsetDateTime) -> Self {
        let text =
            |title: String, scope: Option<String>, lost: &str, meaning: String, check: &str, resolves: &str| Self {
                title,
                scope,
                summary: format!("{meaning} {lost}"),
                lost: lost.to_owned(),
                meaning,
                first_check: check.to_owned(),
                resolves: resolves.to_owned(),
            };
        match condition {
            Condition::CallbacksMissed { callbacks, endpoints, silent_endpoints, .. } => {
                let meaning = format!("The API shows {} for which no callback arrived.", counted(*callbacks, "change"));
                let read = if *callbacks == 1 { "It was" } else { "They were" };
                Self {
                    summary: format!("{meaning} {read} read from the API (reconcile): nothing is lost."),
                    ..text(
                        "callbacks missed".to_owned(),
                        Some(format!("{silent_endpoints} of {}", counted(*endpoints, "endpoint"))),
                        "Nothing is lost: reconciliation has read the changes from the API.",
                        meaning,
                        "eqp doctor --canary",
                        "Resolves automatically when a callback arrives and no other one was missed for an hour.",
                    )
                }
            }
            Condition::CallbacksRejected { endpoint, requests, .. } => text(
                "callbacks rejected".to_owned(),
                Some(format!("endpoint {endpoint}")),
                "Nothing is lost: reconciliation reads the changes from the API.",
                format!(
                    "{} with the user name of this endpoint had a wrong password. Was the password changed?",
                    counted(*requests, "request")
                ),
                "eqp callbacks plan",
                "Resolves automatically when a callback is accepted or the endpoint is registered again, and no request was \
                 rejected for an hour.",
            ),
            Condition::RegistrationDrift { endpoint, state, .. } => text(
                "registration drift".to_owned(),
                Some(format!("endpoint {endpoint}")),
                "Nothing is lost: reconciliation reads the changes from the API until the registration is repaired.",
                format!(
                    "The Marketplace's list of callbacks does not contain this endpoint as it should: {}.",
                    words(state)
                ),
                "eqp callbacks plan",
                "Resolves automatically when the list contains the registration again. Each reconciliation compares it, and each \
                 command that changes registrations.",
            ),
            Condition::CertificateExpiresWithinWeek { expires_at, receivers }
            | Condition::CertificateExpiresWithinMonth { expires_at, receivers } => {
                let has_expired = *expires_at <= now;
                let (verb, lost) = if has_expired {
                    ("expired", "Nothing is lost: callbacks fail, but reconciliation reads the changes from the API.")
                } else {
                    ("expires", "Nothing is lost yet. Callbacks will fail once the certificate has expired.")
                };
                let when = if has_expired { "ago" } else { "from now" };
                let distance = span_of((*expires_at - now).unsigned_abs());
                text(
                    format!("certificate {verb}"),
                    Some(counted(*receivers, "receiver")),
                    lost,
                    format!("The certificate of the receiver {verb} on {}, {distance} {when}.", date(*expires_at)),
                    "eqp doctor",
                    "Resolves automatically when the receiver serves a renewed certificate. Changed files are reloaded without a \
                     restart.",
                )
            }
            Condition::SpoolNotEmpty { callbacks, oldest_at, receivers } => text(
                "spool not empty".to_owned(),
                Some(counted(*receivers, "receiver")),
                "Nothing is lost: the callbacks are on the receiver's disk.",
                format!(
                    "{} received since {} could not be moved from the spool to the database.",
                    counted(*callbacks, "callback"),
                    date_and_time(*oldest_at)
                ),
                "eqp spool show",
                "Resolves automatically when the spool is empty. The receiver keeps retrying.",
            ),
            Condition::ProjectionBehind { oldest_at } => text(
                "projection behind".to_owned(),
                None,
                "Nothing is lost: the callbacks are stored.",
                format!(
                    "Callbacks received since {} have not been projected into events, so statuses are out of date.",
                    date_and_time(*oldest_at)
                ),
                "eqp doctor",
                "Resolves automatically when a running `eqp serve` with the role project has projected them.",
            ),
            Condition::ClockDoubtful { modified_at, .. } => text(
                "clock in doubt".to_owned(),
                None,
                "Nothing is lost: implausible times are not used to order events.",
                match modified_at {
                    Some(time) => {
                        format!(
                            "The Marketplace reported the time {time}, more than 48 hours ahead of this server's clock."
                        )
                    }
                    None => {
                        "The Marketplace reported a time more than 48 hours ahead of this server's clock.".to_owned()
                    }
                },
                "timedatectl",
                "Resolves automatically when later reports have had plausible times for an hour.",
            ),
            Condition::ReviewStuck { resource_id, sku, version, stage, since, typical, .. } => {
                let waited = span_of((now - *since).unsigned_abs());
                let typical = typical.map(|typical| {
                    let [p25, p75] = [typical.p25_seconds, typical.p75_seconds].map(Duration::from_secs);
                    format!("; your last {} took {}", typical.samples, range(p25, p75))
                });
                let stage = *stage;
                Self {
                    title: product(sku.as_deref(), version.as_deref(), resource_id),
                    scope: None,
                    summary: format!("In {stage} for {waited}{}.", typical.as_deref().unwrap_or_default()),
                    lost: NOT_LOST.to_owned(),
                    meaning: format!("In {stage} for {waited}{}.", typical.as_deref().unwrap_or_default()),
                    first_check: match stage {
                        super::Stage::Scan => format!("eqp files show {}", quoted(resource_id)),
                        _ => format!("eqp submissions letter {}", quoted(resource_id)),
                    },
                    resolves: "Resolves automatically when the Marketplace reports the next status.".to_owned(),
                }
            }
            Condition::StatusUnconfirmed { resource_id, sku, version, flow, status, .. } => text(
                product(sku.as_deref(), version.as_deref(), resource_id),
                None,
                NOT_LOST,
                format!(
                    "The API and the last callback report different {flow} statuses. The one from the API is shown: {}.",
                    words(status)
                ),
                &format!("eqp reconcile {}", quoted(resource_id)),
                "Resolves automatically when a later callback or API response confirms the status.",
            ),
            Condition::PackagistConflict { sku, packagist, store, consequence, .. } => {
                let store = store.as_deref().unwrap_or("none");
                text(
                    sku.clone(),
                    None,
                    NOT_LOST,
                    format!("Packagist has {packagist}, the store {store}: {consequence}."),
                    &format!("eqp packages published {}", quoted(sku)),
                    "Resolves automatically when the store has the version, or Packagist no longer has it. This is checked once a day.",
                )
            }
            Condition::ListingDue { rule, line, skus, due_at } => {
                let sentence = sentence(*rule, line.as_deref(), skus.len(), *due_at, now);
                let named = skus.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
                let more = match skus.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                text(
                    if rule.is_removal() { "removal from the store".to_owned() } else { "listing due".to_owned() },
                    Some(format!("{named}{more}")),
                    NOT_LOST,
                    format!("{sentence}. The date is computed; Adobe's e-mail takes precedence."),
                    "eqp listings due",
                    "Resolves automatically when the version in the store meets the rule. This is checked once a day.",
                )
            }
            Condition::UnknownEventCode { code, callbacks, .. } => text(
                "unknown event code".to_owned(),
                Some(code.clone()),
                "Nothing is lost: the callbacks are stored and can be projected again.",
                format!("{} had an event code that this version does not know.", counted(*callbacks, "callback")),
                "eqp events list --kind unknown",
                "Resolves automatically 30 days after the last such callback, or when a newer version has projected the callbacks \
                 again.",
            ),
            Condition::DeliveryDead { subscription, deliveries, .. } => text(
                "delivery failed".to_owned(),
                Some(format!("subscription {subscription}")),
                "Nothing is lost: failed deliveries are stored for 180 days and can be sent again.",
                match deliveries {
                    1 => "1 delivery is dead: its last attempt failed, and it is not retried automatically.".to_owned(),
                    _ => format!(
                        "{deliveries} deliveries are dead: their last attempts failed, and they are not retried automatically."
                    ),
                },
                &format!("eqp deliveries list --dead --subscription {}", quoted(subscription)),
                "Resolves automatically when all dead deliveries of the subscription have been retried or discarded.",
            ),
            Condition::SubscriptionPaused { subscription, reason, since, .. } => text(
                "subscription paused".to_owned(),
                Some(format!("subscription {subscription}")),
                "Nothing is lost: its events are delivered once it is resumed.",
                format!("The subscription was paused on {}: {reason}.", date_and_time(*since)),
                &format!("eqp subscriptions show {}", quoted(subscription)),
                "Resolves automatically when the subscription is resumed or removed.",
            ),
        }
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Quotes an ID for a shell, because the sender of callbacks chooses it and people copy the command.
pub fn quoted(id: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let is_word = id.starts_with(|letter: char| letter.is_ascii_alphanumeric()) && id.chars().all(is_plain);
    if is_word { id.to_owned() } else { format!("'{}'", id.replace('\'', r"'\''")) }
}

/// Returns a name of the API or of ours in words.
fn words(name: &str) -> String {
    name.replace('_', " ").replace("manual qa", "manual QA")
}

fn product(sku: Option<&str>, version: Option<&str>, resource_id: &str) -> String {
    match (sku, version) {
        (Some(sku), Some(version)) => format!("{sku} {version}"),
        (Some(sku), None) => sku.to_owned(),
        _ => resource_id.to_owned(),
    }
}

/// The unit in which a duration is shown, with its length in seconds.
fn unit(duration: Duration) -> (&'static str, u64) {
    match duration.as_secs() {
        0..3_600 => ("min", 60),
        3_600..172_800 => ("h", 3_600),
        _ => ("d", 86_400),
    }
}

/// Returns a duration in its largest unit, such as `19 d`.
pub(super) fn span_of(duration: Duration) -> String {
    let (name, seconds) = unit(duration);
    format!("{} {name}", duration.as_secs() / seconds)
}

/// Returns two durations in the unit of the longer one, such as `4 to 7 d`.
pub(super) fn range(from: Duration, to: Duration) -> String {
    let (name, seconds) = unit(to);
    let [from, to] = [from, to].map(|one| one.as_secs().div_ceil(seconds));
    if from == to { format!("{to} {name}") } else { format!("{from} to {to} {name}") }
}

/// Returns a date such as `22 Nov 2026`.
pub(super) fn date(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let month = at.month().to_string();
    format!("{} {} {}", at.day(), &month[..3], at.year())
}

fn date_and_time(at: OffsetDateTime) -> String {
    let utc = at.to_offset(time::UtcOffset::UTC);
    format!("{}, {:02}:{:02} UTC", date(at), utc.hour(), utc.minute())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::alerts::{Stage, Typical};

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);

    fn stuck(resource_id: &str, typical: Option<Typical>) -> Condition {
        Condition::ReviewStuck {
            resource_id: resource_id.to_owned(),
            sku: Some("acme/giftcard".to_owned()),
            version: Some("3.0.0".to_owned()),
            stage: Stage::ManualQa,
            since: datetime!(2026-11-10 10:00 UTC),
            limit_seconds: 0,
            typical,
        }
    }

    #[test]
    fn the_sentences_are_those_of_the_screens() {
        let day = 86_400;
        let typical = Typical { samples: 8, p25_seconds: 4 * day, median_seconds: 5 * day, p75_seconds: 7 * day };
        let text = AlertText::of_condition(&stuck("s1", Some(typical)), NOW);
        assert_eq!((text.title.as_str(), text.scope), ("acme/giftcard 3.0.0", None));
        assert_eq!(text.summary, "In manual QA for 19 d; your last 8 took 4 to 7 d.");
        assert_eq!(AlertText::of_condition(&stuck("s1", None), NOW).summary, "In manual QA for 19 d.");
        let missed = Condition::CallbacksMissed {
            callbacks: 2,
            endpoints: 1,
            silent_endpoints: 1,
            first_found_at: NOW,
            last_found_at: NOW,
        };
        let text = AlertText::of_condition(&missed, NOW);
        assert_eq!((text.title.as_str(), text.scope.as_deref()), ("callbacks missed", Some("1 of 1 endpoint")));
        assert_eq!(
            text.summary,
            "The API shows 2 changes for which no callback arrived. They were read from the API (reconcile): nothing is lost."
        );
    }

    #[test]
    fn an_id_in_a_command_is_one_word() {
        for (id, word) in [("s5w9k703ru", "s5w9k703ru"), ("a; rm -rf ~", "'a; rm -rf ~'"), ("--x'y", r"'--x'\''y'")] {
            let text = AlertText::of_condition(&stuck(id, None), NOW);
            assert_eq!(text.first_check, format!("eqp submissions letter {word}"));
        }
    }

    #[test]
    fn an_alert_of_another_version_is_shown_by_name() {
        for (kind, data) in
            [("delivery_dead", "{}"), ("review_stuck", "{}"), ("review_stuck", r#"{"condition":"other"}"#)]
        {
            let text = AlertText::of(kind, data, NOW);
            assert_eq!(text.title, kind.replace('_', " "));
        }
    }
}
