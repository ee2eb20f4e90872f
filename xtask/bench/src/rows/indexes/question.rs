//! The queries that are measured: the documented filters, the lookups of the projector, and retention.

use eqp_store::internal::{ReportId, callback_disposition, event, reprojection};
use eqp_store::{Disposition, EventFilter, EventKind, Reader, SubmissionFilter};
use eqp_types::{Environment, Flow};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Failure;

/// A measured query.
#[derive(Clone, Debug)]
pub(super) enum Question {
    Events(EventFilter),
    Submissions(SubmissionFilter),
    /// Reprojection looks up the events of callbacks.
    OfCallbacks,
    /// Reprojection looks up the callbacks of resources.
    Origins,
    /// Reprojection and `eqp events show` look up duplicates.
    Duplicates,
    /// Row 0 of the rule.
    FirstWithContent,
    /// The neighbours of a time in a track's history.
    History,
    /// Deletes 2,000 callbacks, and rolls back.
    Retention,
    /// Inserts 2,000 events, and rolls back.
    Insert,
}

/// Returns every measured query with its name in the table.
pub(super) fn questions() -> Vec<(&'static str, Question)> {
    let all = EventFilter::default;
    let ago = |hours: i64| Some(OffsetDateTime::now_utc() - time::Duration::hours(hours));
    let text = |text: &str| Some(text.to_owned());
    let events = [
        ("no filter", all()),
        ("tail: after the last event", EventFilter { after_seq: Some(i64::MAX - 1), ..all() }),
        ("--resource-id, of few events", EventFilter { resource_id: text("r290001"), ..all() }),
        ("--resource-id, of many events", EventFilter { resource_id: text("r1"), ..all() }),
        ("--resource-id, unknown", EventFilter { resource_id: text("nobody"), ..all() }),
        ("--resource-id --flow", EventFilter { resource_id: text("r1"), flow: Some(Flow::Marketing), ..all() }),
        ("--flow technical", EventFilter { flow: Some(Flow::Technical), ..all() }),
        ("--flow malware", EventFilter { flow: Some(Flow::Malware), ..all() }),
        ("--flow, unknown", EventFilter { flow: Some(Flow::from("legal")), ..all() }),
        ("--status approved", EventFilter { status: text("approved"), ..all() }),
        ("--status rejected, rare", EventFilter { status: text("rejected"), ..all() }),
        ("--status on_the_moon, very rare", EventFilter { status: text("on_the_moon"), ..all() }),
        ("--status, unknown", EventFilter { status: text("nothing"), ..all() }),
        ("--flow --status", EventFilter { flow: Some(Flow::Technical), status: text("rejected"), ..all() }),
        (
            "--flow --status, never together",
            EventFilter { flow: Some(Flow::Malware), status: text("approved"), ..all() },
        ),
        ("--status --since 7d", EventFilter { status: text("rejected"), since: ago(7 * 24), ..all() }),
        ("--kind submission", EventFilter { kind: Some(EventKind::Submission), ..all() }),
        ("--kind file", EventFilter { kind: Some(EventKind::File), ..all() }),
        ("--kind unknown", EventFilter { kind: Some(EventKind::Unknown), ..all() }),
        ("--disposition applied", EventFilter { disposition: Some(Disposition::Applied), ..all() }),
        ("--disposition late", EventFilter { disposition: Some(Disposition::Late), ..all() }),
        (
            "--disposition ambiguous --since 7d",
            EventFilter { disposition: Some(Disposition::Ambiguous), since: ago(7 * 24), ..all() },
        ),
        ("--since 1h", EventFilter { since: ago(1), ..all() }),
        ("--since 7d", EventFilter { since: ago(7 * 24), ..all() }),
        ("--since, nothing arrived", EventFilter { since: ago(-1), ..all() }),
        ("--environment production", EventFilter { environment: Some(Environment::Production), ..all() }),
        (
            "--environment sandbox --status",
            EventFilter { environment: Some(Environment::Sandbox), status: text("rejected"), ..all() },
        ),
        ("an account of few events", EventFilter { mage_id: "MAG10".parse().ok(), ..all() }),
        ("events of one callback", EventFilter { callback_id: Some(callback(2_500_000)), ..all() }),
    ];
    let submission = SubmissionFilter::default;
    let submissions = [
        ("submissions, no filter", submission()),
        ("submissions --technical rejected", SubmissionFilter { technical: text("rejected"), ..submission() }),
        ("submissions, ambiguous", SubmissionFilter { ambiguous: Some(true), ..submission() }),
        ("submissions, one item_id", SubmissionFilter { item_id: text("item777"), ..submission() }),
        ("submissions, one ID", SubmissionFilter { submission_id: text("r777"), ..submission() }),
    ];
    let lookups = [
        ("history of 500 times", Question::History),
        ("500 contents received before", Question::FirstWithContent),
        ("duplicates of 500 callbacks", Question::Duplicates),
        ("events of 500 callbacks", Question::OfCallbacks),
        ("callbacks of 100 resources", Question::Origins),
        ("retention of 2,000 callbacks", Question::Retention),
        ("insert of 2,000 events", Question::Insert),
    ];
    let events = events.into_iter().map(|(name, filter)| (name, Question::Events(filter)));
    let submissions = submissions.into_iter().map(|(name, filter)| (name, Question::Submissions(filter)));
    events.chain(submissions).chain(lookups).collect()
}

fn callback(number: u128) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 | number)
}

impl Question {
    /// Runs the query once; `number` determines the rows that it selects.
    pub(super) async fn ask(&self, pool: &PgPool, number: u128) -> Result<(), Failure> {
        let spread = |count: u128| (1..=count).map(move |n| callback(n * 9_000 + number * 5 + 1)).collect::<Vec<_>>();
        match self {
            Self::Events(filter) => drop(Reader::new(pool.clone()).events(filter).await?),
            Self::Submissions(filter) => drop(Reader::new(pool.clone()).submissions(filter).await?),
            Self::Insert => {
                let mut transaction = pool.begin().await?;
                sqlx::query(
                    "insert into eqp.event
                     select 100000000 + seq, track_id, account_id, kind, resource_id, flow, status,
                            modified_at + interval '30 years', clock_doubtful, received_at, origin, explicit, disposition,
                            applied, reason, callback_id
                     from eqp.event where seq between $1 and $1 + 1999",
                )
                .bind(i64::try_from(number)? * 100_000)
                .execute(&mut *transaction)
                .await?;
                transaction.rollback().await?;
            }
            Self::Retention => {
                let mut transaction = pool.begin().await?;
                eqp_store::internal::projector::look_up_by_key(&mut transaction).await?;
                let first = i64::try_from(number)? * 2_000;
                let ids: Vec<Uuid> =
                    (first..first + 2_000).filter_map(|n| Some(callback(u128::try_from(n).ok()?))).collect();
                for table in ["callback_disposition where callback_id", "callback where id"] {
                    let sql = format!("delete from eqp.{table} = any($1)");
                    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&ids).execute(&mut *transaction).await?;
                }
                transaction.rollback().await?;
            }
            Self::History | Self::FirstWithContent | Self::Duplicates | Self::OfCallbacks | Self::Origins => {
                let mut transaction = pool.begin().await?;
                eqp_store::internal::projector::look_up_by_key(&mut transaction).await?;
                self.look_up(&mut transaction, &spread(500)).await?;
                transaction.rollback().await?;
            }
        }
        Ok(())
    }

    async fn look_up(&self, connection: &mut PgConnection, ids: &[Uuid]) -> Result<(), Failure> {
        match self {
            Self::Duplicates => drop(callback_disposition::duplicates_of(connection, ids).await?),
            Self::OfCallbacks => {
                let reports: Vec<_> = ids.iter().copied().map(ReportId::Callback).collect();
                drop(event::of_reports(connection, &reports).await?);
            }
            Self::FirstWithContent => {
                let digests: Vec<[u8; 16]> = ids.iter().map(|id| *id.as_bytes()).collect();
                drop(eqp_store::internal::callback_disposition::first_with_content(connection, &digests).await?);
            }
            Self::Origins => {
                let resource = |id: &Uuid| eqp_store::internal::Resource {
                    account_id: 1,
                    kind: eqp_store::ResourceKind::Submission,
                    id: format!("r{}", 100_000 + id.as_u128() % 199_999),
                };
                let resources: Vec<_> = ids.iter().take(100).map(resource).collect();
                drop(reprojection::origins(connection, &resources).await?);
            }
            _ => {
                let at = |id: &Uuid| {
                    let number = i64::try_from(id.as_u128() % 5_000_000).expect("it is below 5,000,000");
                    let time = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(1_500_000_000 + number * 2);
                    (300_000 + number % 500_000, eqp_types::Timestamp::of(time))
                };
                drop(event::history(connection, ids.iter().map(at)).await?);
            }
        }
        Ok(())
    }
}
