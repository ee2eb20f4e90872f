//! Compares the conditions that hold now with the open alerts, and opens, updates and resolves them.
//!
//! An evaluation is one transaction under the lock of the log, and changes nothing if nothing has changed. Any number of processes may
//! evaluate; one that finds the lock held does nothing.

use std::collections::{HashMap, HashSet};

use eqp_store::Error;
use eqp_store::internal::{ANSWER, AlertSubject, NewAlertChange, OpenAlerts, StoredAlert, alert, alert_log, within};
use eqp_store::sqlx::{self, PgConnection, PgPool};
use eqp_store::{AlertChangeKind, AlertSeverity};
use time::{Duration, OffsetDateTime};

use super::condition::{AlertKind, Finding, Observation};
use super::settings::AlertSettings;
use super::{channel, data, deliveries, listings, receivers, reminder, review};

/// The time for which resolved alerts are stored.
const RETENTION: Duration = Duration::days(180);
/// The shortest time between two updates of an alert in the log.
const UPDATE_PERIOD: Duration = Duration::hours(1);
/// After this time, an alert that a person has resolved is opened again if its condition still holds.
const COMES_BACK_AFTER: Duration = Duration::days(1);

/// Evaluates alerts.
///
/// ```no_run
/// use eqp_sync::{AlertEngine, AlertSettings};
///
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), eqp_store::Error> {
/// let mut engine = AlertEngine::new(pool, AlertSettings::default());
/// let evaluation = engine.evaluate(time::OffsetDateTime::now_utc()).await?;
/// println!("{} alerts were opened", evaluation.opened);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AlertEngine {
    pool: PgPool,
    settings: AlertSettings,
    histories: review::Histories,
}

/// The changes made by an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertEvaluation {
    /// Whether another process was evaluating, so that this one did nothing.
    pub skipped: bool,
    /// The number of alerts that were opened.
    pub opened: u64,
    /// The number of open alerts whose facts have changed.
    pub updated: u64,
    /// The number of alerts whose condition has ended.
    pub resolved: u64,
    /// The number of alerts that reminders have named.
    pub reminded: u64,
    /// The open alerts, including acknowledged ones.
    #[doc(hidden)]
    pub open: OpenAlerts,
}

impl AlertEngine {
    /// Evaluates the alerts of this database.
    pub fn new(pool: PgPool, settings: AlertSettings) -> Self {
        Self { pool, settings, histories: review::Histories::default() }
    }

    /// Opens, updates and resolves alerts as of `now`. Repeating it changes nothing.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if a query fails or takes longer than a minute. Nothing was changed then.
    pub async fn evaluate(&mut self, now: OffsetDateTime) -> Result<AlertEvaluation, Error> {
        // Postgres stores microseconds.
        let now = now.replace_nanosecond(now.microsecond() * 1_000).unwrap_or(now);
        let Self { pool, settings, histories } = self;
        let evaluating = async {
            let mut transaction = pool.begin().await?;
            if !alert_log::try_lock(&mut transaction).await? {
                return Ok((AlertEvaluation { skipped: true, ..AlertEvaluation::default() }, Vec::new()));
            }
            let mut pass = Pass { settings, now, evaluation: AlertEvaluation::default(), messages: Vec::new() };
            let observation = observe(&mut transaction, settings, histories, now).await?;
            let remaining = pass.compare(&mut transaction, observation).await?;
            let reminded = reminder::remind(&mut transaction, settings, &remaining, now).await?;
            pass.evaluation.reminded = reminded.len() as u64;
            pass.messages.extend(reminded.into_iter().map(|id| Message::Reminded { id }));
            alert_log::delete_before(&mut transaction, now - RETENTION).await?;
            transaction.commit().await?;
            Ok::<_, sqlx::Error>((pass.evaluation, pass.messages))
        };
        let (evaluation, messages) = within(ANSWER, evaluating).await?;
        // Logged after the commit, so that the log does not report what was rolled back.
        messages.into_iter().for_each(Message::log);
        Ok(evaluation)
    }
}

async fn observe(
    connection: &mut PgConnection,
    settings: &AlertSettings,
    histories: &mut review::Histories,
    now: OffsetDateTime,
) -> Result<Observation, sqlx::Error> {
    let mut all = channel::observe(connection, now).await?;
    for family in [
        receivers::observe(connection, now).await?,
        review::observe(connection, &settings.limits, histories, now).await?,
        data::observe(connection, now).await?,
        deliveries::observe(connection).await?,
        listings::observe(connection, now).await?,
    ] {
        all.findings.extend(family.findings);
        all.unknown.extend(family.unknown);
    }
    Ok(all)
}

/// One evaluation in progress.
struct Pass<'a> {
    settings: &'a AlertSettings,
    now: OffsetDateTime,
    evaluation: AlertEvaluation,
    messages: Vec<Message>,
}

/// A line for the log.
enum Message {
    Opened { id: i64, severity: AlertSeverity, subject: AlertSubject },
    Resolved { id: i64, subject: AlertSubject },
    Reminded { id: i64 },
}

impl Pass<'_> {
    /// Brings the open alerts in line with what was observed, and returns those that are open afterwards.
    async fn compare(
        &mut self,
        connection: &mut PgConnection,
        observation: Observation,
    ) -> Result<Vec<StoredAlert>, sqlx::Error> {
        let open = alert::all_open(&mut *connection).await?;
        let mut open: HashMap<AlertSubject, StoredAlert> =
            open.into_iter().map(|alert| (alert.subject.clone(), alert)).collect();
        let resolved = alert::resolved_by_persons(connection, self.now - RETENTION).await?;
        let (mut remaining, mut seen) = (Vec::new(), HashSet::new());
        for finding in observation.findings {
            let subject = finding.subject();
            // Keys are shortened, so two conditions can have the same subject.
            if !seen.insert(subject.clone()) {
                continue;
            }
            if let Some(alert) = open.remove(&subject) {
                self.update(connection, &alert, &finding).await?;
                remaining.push(StoredAlert { severity: self.settings.severity_of(finding.kind()), ..alert });
            } else if resolved.get(&subject).is_none_or(|at| self.opens_again(&finding, *at)) {
                remaining.extend(self.open(connection, subject, &finding).await?);
            }
        }
        for (subject, alert) in open {
            // An alert of a newer version, or one about which nothing is known now.
            let kind = subject.kind.parse::<AlertKind>();
            if kind.is_ok_and(|kind| !observation.unknown.contains(&kind)) {
                self.resolve(connection, alert).await?;
            } else {
                remaining.push(alert);
            }
        }
        for alert in &remaining {
            let count = match alert.severity {
                AlertSeverity::Page => &mut self.evaluation.open.page,
                AlertSeverity::Ticket => &mut self.evaluation.open.ticket,
                AlertSeverity::Info => &mut self.evaluation.open.info,
            };
            *count += 1;
        }
        Ok(remaining)
    }

    /// Returns whether a condition that holds opens an alert although a person has resolved one about it.
    fn opens_again(&self, finding: &Finding, resolved_at: OffsetDateTime) -> bool {
        let is_old = finding.kind().comes_back() && self.now - resolved_at >= COMES_BACK_AFTER;
        finding.caused_at > resolved_at || is_old
    }

    async fn open(
        &mut self,
        connection: &mut PgConnection,
        subject: AlertSubject,
        finding: &Finding,
    ) -> Result<Option<StoredAlert>, sqlx::Error> {
        let (severity, data) = (self.settings.severity_of(finding.kind()), finding.data());
        let id = alert::open(connection, &subject, severity, &data, self.now).await?;
        self.log(connection, id, AlertChangeKind::Opened, severity, &data).await?;
        self.evaluation.opened += 1;
        self.messages.push(Message::Opened { id, severity, subject });
        alert::get(connection, id).await
    }

    async fn update(
        &mut self,
        connection: &mut PgConnection,
        stored: &StoredAlert,
        finding: &Finding,
    ) -> Result<(), sqlx::Error> {
        let (severity, data) = (self.settings.severity_of(finding.kind()), finding.data());
        if !alert::update(connection, stored.id, severity, &data, self.now).await? {
            return Ok(());
        }
        self.evaluation.updated += 1;
        let logged_at = alert_log::last_update(connection, stored.id).await?;
        if logged_at.is_none_or(|at| self.now - at >= UPDATE_PERIOD) {
            self.log(connection, stored.id, AlertChangeKind::Updated, severity, &data).await?;
        }
        Ok(())
    }

    async fn resolve(&mut self, connection: &mut PgConnection, alert: StoredAlert) -> Result<(), sqlx::Error> {
        alert::resolve(connection, alert.id, None, self.now).await?;
        self.log(connection, alert.id, AlertChangeKind::Resolved, alert.severity, &alert.data).await?;
        self.evaluation.resolved += 1;
        self.messages.push(Message::Resolved { id: alert.id, subject: alert.subject });
        Ok(())
    }

    async fn log(
        &self,
        connection: &mut PgConnection,
        alert: i64,
        change: AlertChangeKind,
        severity: AlertSeverity,
        data: &str,
    ) -> Result<(), sqlx::Error> {
        let notify_after = self.settings.notify_after(severity, self.now);
        let change = NewAlertChange {
            alert: Some(alert),
            change,
            at: self.now,
            by: None,
            note: None,
            data,
            severity,
            notify_after,
        };
        alert_log::append(connection, &change).await.map(drop)
    }
}

impl Message {
    fn log(self) {
        match self {
            Self::Opened { id, severity, subject } => {
                let (kind, key, severity) = (subject.kind, subject.key, severity.as_str());
                tracing::warn!(alert = id, severity, kind, key, "alert opened");
            }
            Self::Resolved { id, subject } => {
                tracing::info!(alert = id, kind = subject.kind, key = subject.key, "alert resolved");
            }
            Self::Reminded { id } => tracing::warn!(alert = id, "alert is still open"),
        }
    }
}
