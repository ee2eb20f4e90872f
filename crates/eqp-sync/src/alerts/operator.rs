//! The actions of operators on alerts: list, acknowledge, snooze, annotate and resolve.

use eqp_store::Error as StoreError;
use eqp_store::internal::{
    ANSWER, NewAlertChange, StoredAlert, StoredAlertChange, StoredNotification, UnprovenEndpoint, alert, alert_facts,
    alert_log, alert_notification, within,
};
use eqp_store::sqlx::{self, PgConnection, PgPool};
use eqp_store::{AlertChangeKind, AlertCounts};
use time::{Duration, OffsetDateTime};

/// The time for which resolved alerts are counted and listed.
const RESOLVED: Duration = Duration::days(30);
/// The longest name of a person and the longest note, in bytes.
const MAX_NAME: usize = 200;
const MAX_NOTE: usize = 4_000;
/// The longest time for which an alert can be snoozed.
const MAX_SNOOZE: Duration = Duration::days(365);

/// The alerts of a database, for operators.
///
/// ```no_run
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), eqp_sync::AlertError> {
/// let alerts = eqp_sync::Alerts::new(pool);
/// alerts.acknowledge(7, "ops", None, time::OffsetDateTime::now_utc()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Alerts {
    pool: PgPool,
}

/// The reason why an alert was not changed or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertError {
    /// There is no alert with this number.
    #[error("there is no alert {0}")]
    NotFound(i64),
    /// The alert is resolved, so that only notes can be added.
    #[error("alert {0} is already resolved")]
    Resolved(i64),
    /// A name or note is empty, too long, or contains a control character.
    #[error("{0}")]
    Text(&'static str),
    /// The alert would be snoozed for no time or for more than a year.
    #[error("an alert can be snoozed for at least 1 second and at most 365 days")]
    Snooze,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The alerts, and what is not proven yet.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct AlertList {
    pub counts: AlertCounts,
    pub alerts: Vec<StoredAlert>,
    /// Registered endpoints at which no callback has ever arrived. This is not an alert.
    pub unproven: Vec<UnprovenEndpoint>,
}

impl Alerts {
    /// Reads and changes the alerts of this database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Returns the open alerts and, if `all`, those that were resolved in the last 30 days.
    #[doc(hidden)]
    pub async fn list(&self, all: bool, now: OffsetDateTime) -> Result<AlertList, AlertError> {
        let since = now - RESOLVED;
        let counts = within(ANSWER, alert::counts(&self.pool, since)).await?;
        let alerts = if all {
            within(ANSWER, alert::since(&self.pool, since)).await?
        } else {
            within(ANSWER, alert::open_ones(&self.pool)).await?
        };
        let unproven = within(ANSWER, alert_facts::unproven_endpoints(&self.pool)).await?;
        Ok(AlertList { counts, alerts, unproven })
    }

    /// Returns an alert with everything that happened to it, oldest first.
    #[doc(hidden)]
    pub async fn show(&self, id: i64) -> Result<(StoredAlert, Vec<StoredAlertChange>), AlertError> {
        let alert = within(ANSWER, alert::get(&self.pool, id)).await?.ok_or(AlertError::NotFound(id))?;
        let changes = within(ANSWER, alert_log::of_alert(&self.pool, id)).await?;
        Ok((alert, changes))
    }

    /// Returns where notifications about an alert went, oldest first.
    #[doc(hidden)]
    pub async fn notifications(&self, id: i64) -> Result<Vec<StoredNotification>, AlertError> {
        Ok(within(ANSWER, alert_notification::of_alert(&self.pool, id)).await?)
    }

    /// Records that a person takes care of an alert. It is no longer named by reminders.
    ///
    /// # Errors
    /// Returns [`AlertError::NotFound`] or [`AlertError::Resolved`] if it is not open, [`AlertError::Text`] if the name or the note
    /// cannot be stored, and [`AlertError::Store`] if the database fails.
    pub async fn acknowledge(
        &self,
        id: i64,
        by: &str,
        note: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), AlertError> {
        self.apply(&AlertOperation { id, by, claimed: None, note, now, verb: AlertVerb::Acknowledge }).await
    }

    /// Postpones the reminders of an alert.
    ///
    /// # Errors
    /// Returns [`AlertError::Snooze`] if the duration is not positive or more than a year, and otherwise the errors of
    /// [`acknowledge`](Self::acknowledge).
    pub async fn snooze(
        &self,
        id: i64,
        by: &str,
        duration: std::time::Duration,
        now: OffsetDateTime,
    ) -> Result<OffsetDateTime, AlertError> {
        self.apply(&AlertOperation { id, by, claimed: None, note: None, now, verb: AlertVerb::Snooze(duration) })
            .await?;
        Ok(now + snooze_time(duration)?)
    }

    /// Adds a note to an alert, which may be resolved.
    ///
    /// # Errors
    /// As of [`acknowledge`](Self::acknowledge), except for [`AlertError::Resolved`].
    pub async fn note(&self, id: i64, by: &str, note: &str, now: OffsetDateTime) -> Result<(), AlertError> {
        self.apply(&AlertOperation { id, by, claimed: None, note: Some(note), now, verb: AlertVerb::Note }).await
    }

    /// Resolves an alert. It is opened again for a new cause, and some kinds also if their condition still holds a day later.
    ///
    /// # Errors
    /// As of [`acknowledge`](Self::acknowledge).
    pub async fn resolve(&self, id: i64, by: &str, note: Option<&str>, now: OffsetDateTime) -> Result<(), AlertError> {
        self.apply(&AlertOperation { id, by, claimed: None, note, now, verb: AlertVerb::Resolve }).await
    }

    /// Applies an operation in a transaction of its own.
    async fn apply(&self, operation: &AlertOperation<'_>) -> Result<(), AlertError> {
        let mut transaction = within(ANSWER, self.pool.begin()).await?;
        operation.apply(&mut transaction).await?;
        within(ANSWER, transaction.commit()).await?;
        Ok(())
    }
}

/// An action of a person on an alert.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct AlertOperation<'a> {
    pub id: i64,
    /// The caller, whose identity is proven.
    pub by: &'a str,
    /// The name that the caller claims. It becomes the beginning of the note.
    pub claimed: Option<&'a str>,
    pub note: Option<&'a str>,
    pub now: OffsetDateTime,
    pub verb: AlertVerb,
}

/// The kind of an action of a person on an alert.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertVerb {
    Acknowledge,
    Snooze(std::time::Duration),
    Note,
    Resolve,
}

impl AlertOperation<'_> {
    /// Checks the operation, applies it, and adds it to the log, in a transaction of the caller.
    #[doc(hidden)]
    pub async fn apply(&self, connection: &mut PgConnection) -> Result<(), AlertError> {
        let Self { id, by, claimed, note, now, verb } = *self;
        for name in [Some(by), claimed].into_iter().flatten() {
            check(
                "the name of a person must have 1 to 200 bytes and no control or invisible characters",
                name,
                MAX_NAME,
            )?;
        }
        let noted = claimed.map(|name| note.map_or_else(|| name.to_owned(), |note| format!("{name}: {note}")));
        let note = noted.as_deref().or(note);
        if let Some(note) = note {
            check(
                "a note must have 1 to 4,000 bytes and no control or invisible characters except line breaks and tabs",
                note,
                MAX_NOTE,
            )?;
        }
        let snoozed_until = match verb {
            AlertVerb::Snooze(duration) => Some(now + snooze_time(duration)?),
            _ => None,
        };
        let change = match verb {
            AlertVerb::Acknowledge => AlertChangeKind::Acknowledged,
            AlertVerb::Snooze(_) => AlertChangeKind::Snoozed,
            AlertVerb::Note => AlertChangeKind::Noted,
            AlertVerb::Resolve => AlertChangeKind::Resolved,
        };
        let changing = async {
            alert_log::lock(&mut *connection).await?;
            let Some(stored) = alert::get(&mut *connection, id).await? else {
                return Ok(Err(AlertError::NotFound(id)));
            };
            let is_open = match (verb, snoozed_until) {
                (AlertVerb::Acknowledge, _) => alert::acknowledge(connection, id, by, now).await?,
                (AlertVerb::Resolve, _) => alert::resolve(connection, id, Some(by), now).await?,
                (AlertVerb::Snooze(_), Some(until)) => alert::snooze(connection, id, until).await?,
                // A note can also be added to a resolved alert.
                (AlertVerb::Note | AlertVerb::Snooze(_), _) => true,
            };
            if !is_open {
                return Ok(Err(AlertError::Resolved(id)));
            }
            let (data, severity) = (stored.data.as_str(), stored.severity);
            let by = Some(by);
            let new = NewAlertChange { alert: Some(id), change, at: now, by, note, data, severity, notify_after: now };
            alert_log::append(connection, &new).await?;
            Ok::<_, sqlx::Error>(Ok(()))
        };
        within(ANSWER, changing).await?
    }
}

fn snooze_time(duration: std::time::Duration) -> Result<Duration, AlertError> {
    let duration = Duration::try_from(duration).ok().filter(|one| one.is_positive() && *one <= MAX_SNOOZE);
    duration.ok_or(AlertError::Snooze)
}

fn check(rule: &'static str, text: &str, max: usize) -> Result<(), AlertError> {
    let is_control = |character: char| character.is_control() && !(max == MAX_NOTE && matches!(character, '\n' | '\t'));
    let is_refused = |character: char| is_control(character) || is_invisible(character);
    let is_fine = !text.trim().is_empty() && text.len() <= max && !text.chars().any(is_refused);
    if is_fine { Ok(()) } else { Err(AlertError::Text(rule)) }
}

/// Returns whether a character takes no space or changes the direction of the text around it: a name or note with it would look like
/// another one. The joiners within emoji and words are allowed.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_visible() {
        for good in ["ann", "Ann O'Neill", "josé", "👩\u{200d}💻"] {
            assert!(check("", good, MAX_NAME).is_ok(), "{good}");
        }
        for bad in ["", " ", "\u{200b}", "an\u{200b}n", "ann\u{202e}", "\u{feff}ann", "a\nb"] {
            assert!(check("", bad, MAX_NAME).is_err(), "{bad:?}");
        }
        assert!(check("", "two\nlines\tand a tab", MAX_NOTE).is_ok());
        assert!(check("", "two\u{2028}lines", MAX_NOTE).is_err());
    }
}
