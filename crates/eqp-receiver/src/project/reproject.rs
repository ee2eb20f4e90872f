//! Reprojects stored callbacks and API reads, for example with an improved decoder or rule.
//!
//! Each resource is rebuilt completely from all its reports, in the order of their first projection. Projectors pause during this
//! time; callbacks are still accepted. With the same decoder and rule nothing changes. A resource is skipped if some of its reports are no
//! longer stored.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::{Known, Pending};
use super::difference::{Difference, Old, difference};
use super::fold::{Projected, fold};
use super::history::History;
use super::run::is_data_error;
use eqp_store::CallbackDisposition;
use eqp_store::Error;
use eqp_store::internal::first_id_at;
use eqp_store::internal::{ANSWER, within};
use eqp_store::internal::{
    ApiReadDisposition, LastNumbers, ProjectedApiRead, ProjectedCallback, ReportId, Resource, api_read,
    callback_disposition, event, missing_callback, pending, projector, reprojection, track,
};

/// The number of reports that are selected at a time. Their resources are rebuilt in one transaction.
const BATCH: i64 = 256;
/// The time limit of one transaction.
const DEADLINE: Duration = Duration::from_mins(2);

/// Selects the resources to reproject.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReprojectScope {
    /// Every resource with a report that was received at this time or later, and every such report without a resource.
    Since(OffsetDateTime),
    /// The submission or file with this ID.
    Resource(String),
}

/// The result of a reprojection, or of its dry run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Reprojected {
    /// Submissions and files that were rebuilt.
    pub resources: usize,
    /// Submissions and files that were skipped because some of their reports are no longer stored.
    pub skipped: usize,
    /// Callbacks and API reads that were decoded again.
    pub callbacks: usize,
    /// Events that are unchanged.
    pub events_kept: usize,
    /// Events that were added. A changed event counts as one that was added and one that was removed.
    pub events_new: usize,
    /// Events that were removed.
    pub events_gone: usize,
}

/// Rebuilds tracks and events from stored callbacks and API reads.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_receiver::{ReprojectScope, Reprojector};
///
/// let scope = ReprojectScope::Resource("s5w9k703ru".to_owned());
/// let result = Reprojector::new(pool).dry_run(true).run(&scope).await?;
/// println!("{} events would be added", result.events_new);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Reprojector {
    pool: PgPool,
    dry_run: bool,
}

/// The reports and resources to start from.
#[derive(Debug, Default)]
struct Selection {
    reports: HashSet<Uuid>,
    resources: HashSet<Resource>,
}

/// The reports of resources that can be rebuilt, decoded again, with their stored dispositions.
struct RebuildInput {
    batch: Vec<Pending>,
    projected: HashMap<Uuid, Before>,
    resources: HashSet<Resource>,
    passed_over: HashSet<Resource>,
}

impl Reprojector {
    /// Creates a reprojector for a database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, dry_run: false }
    }

    /// Sets whether to only compute the changes.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Reprojects the resources in the scope in several transactions. Dropping the future is safe at any time: each resource is
    /// either rebuilt completely or unchanged.
    ///
    /// # Errors
    /// Returns an [`Error`] if the database fails. Resources that were committed before stay rebuilt.
    pub async fn run(&self, scope: &ReprojectScope) -> Result<Reprojected, Error> {
        let mut done = HashSet::new();
        let mut sum = Reprojected::default();
        match scope {
            ReprojectScope::Resource(id) => {
                let resources = within(ANSWER, self.resources_with_id(id)).await?;
                self.rebuild_batch(Selection { resources, ..Selection::default() }, &mut done, &mut sum).await?;
            }
            ReprojectScope::Since(time) => {
                let mut after = Uuid::from_u128(first_id_at(*time).as_u128().saturating_sub(1));
                loop {
                    let ids = within(ANSWER, self.projected_after(after)).await?;
                    let Some(last) = ids.last() else { break };
                    after = last.uuid();
                    let reports = ids.into_iter().map(ReportId::uuid).collect();
                    self.rebuild_batch(Selection { reports, ..Selection::default() }, &mut done, &mut sum).await?;
                }
            }
        }
        Ok(sum)
    }

    async fn resources_with_id(&self, id: &str) -> Result<HashSet<Resource>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(reprojection::resources_with_id(&mut connection, id).await?.into_iter().collect())
    }

    async fn projected_after(&self, after: Uuid) -> Result<Vec<ReportId>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        projector::look_up_by_key(&mut transaction).await?;
        reprojection::projected_after(&mut transaction, after, BATCH).await
    }

    async fn rebuild_batch(
        &self,
        selection: Selection,
        done: &mut HashSet<Resource>,
        sum: &mut Reprojected,
    ) -> Result<(), Error> {
        let result = within(DEADLINE, self.transaction(&selection, done, Undecodable::DecodeAgain)).await;
        let (resources, part) = match result {
            Err(Error::Database(error)) if is_data_error(error.driver_error()) => {
                // Postgres rejects a value of some report, as it did at the first projection.
                within(DEADLINE, self.transaction(&selection, done, Undecodable::Keep)).await?
            }
            other => other?,
        };
        done.extend(resources);
        let Reprojected { resources, skipped, callbacks, events_kept, events_new, events_gone } = part;
        sum.resources += resources;
        sum.skipped += skipped;
        sum.callbacks += callbacks;
        sum.events_kept += events_kept;
        sum.events_new += events_new;
        sum.events_gone += events_gone;
        Ok(())
    }

    async fn transaction(
        &self,
        selection: &Selection,
        done: &HashSet<Resource>,
        undecodable: Undecodable,
    ) -> Result<(HashSet<Resource>, Reprojected), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let numbers = projector::wait_for_leadership(&mut transaction).await?;
        let input = gather(&mut transaction, selection, done, undecodable).await?;
        let reprojected = rebuild(&mut transaction, numbers, &input).await?;
        if self.dry_run {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
        Ok((input.resources.into_iter().chain(input.passed_over).collect(), reprojected))
    }
}

/// Whether reports that are undecodable are decoded again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undecodable {
    DecodeAgain,
    Keep,
}

/// The stored disposition of a report.
#[derive(Clone, Debug)]
enum Before {
    Callback(ProjectedCallback),
    Read(ProjectedApiRead),
}

impl Before {
    fn ordinal(&self) -> i64 {
        match self {
            Self::Callback(callback) => callback.ordinal,
            Self::Read(read) => read.ordinal,
        }
    }

    fn is_undecodable(&self) -> bool {
        match self {
            Self::Callback(callback) => callback.disposition == CallbackDisposition::Undecodable,
            Self::Read(read) => read.disposition == ApiReadDisposition::Undecodable,
        }
    }

    /// Returns the resource to which the report was assigned. An API read is always about the resource that was requested.
    fn resource(&self, report: &Pending) -> Option<Resource> {
        match self {
            Self::Callback(callback) => {
                let (kind, id) = callback.resource.clone()?;
                Some(Resource { account_id: report.account.id, kind, id })
            }
            Self::Read(_) => report.resource(),
        }
    }
}

/// Collects the selected reports and resources with everything that depends on them: follows reports to their old and new
/// resources, and resources to their reports, until nothing is added.
async fn gather(
    connection: &mut PgConnection,
    selection: &Selection,
    done: &HashSet<Resource>,
    undecodable: Undecodable,
) -> Result<RebuildInput, sqlx::Error> {
    let mut batch: HashMap<Uuid, Pending> = HashMap::new();
    let mut projected: HashMap<Uuid, Before> = HashMap::new();
    let mut resources: HashSet<Resource> = HashSet::new();
    let mut incomplete: HashSet<Resource> = HashSet::new();
    let (mut new_reports, mut new_resources) = (selection.reports.clone(), selection.resources.clone());
    while !new_reports.is_empty() || !new_resources.is_empty() {
        let found: Vec<Resource> = new_resources.drain().collect();
        let mut of_events = HashMap::new();
        for (resource, origin) in reprojection::origins(connection, &found).await? {
            match origin {
                Some(report) => _ = of_events.insert(report.uuid(), resource),
                // Which report caused the event is not known.
                None => _ = incomplete.insert(resource),
            }
        }
        let ids: Vec<Uuid> = of_events.keys().copied().collect();
        new_reports.extend(callback_disposition::duplicates_of(connection, &ids).await?);
        new_reports.extend(ids);
        new_reports.extend(api_read::of_resources(connection, &found).await?.into_iter().map(|(_, id)| id));
        resources.extend(found);

        let ids: Vec<Uuid> = new_reports.drain().filter(|id| !batch.contains_key(id)).collect();
        let mut dispositions = dispositions(connection, &ids).await?;
        for mut report in Pending::all(&pending::reports(connection, &ids).await?) {
            let id = report.id.uuid();
            of_events.remove(&id);
            // A report without a disposition waits for its first projection.
            let Some(before) = dispositions.remove(&id) else { continue };
            if undecodable == Undecodable::Keep && before.is_undecodable() {
                let reason = event::of_reports(connection, &[report.id]).await?.pop().and_then(|event| event.reason);
                report.make_undecodable(reason.expect("an undecodable report has an event with a reason"));
            }
            for resource in [before.resource(&report), report.resource()].into_iter().flatten() {
                if !resources.contains(&resource) {
                    new_resources.insert(resource);
                }
            }
            projected.insert(id, before);
            batch.insert(id, report);
        }
        // Events whose report is no longer stored.
        incomplete
            .extend(of_events.into_iter().filter(|(id, _)| !batch.contains_key(id)).map(|(_, resource)| resource));
    }
    Ok(RebuildInput::rebuildable(batch, projected, resources, incomplete, done))
}

/// Returns the dispositions of reports, by their ID.
async fn dispositions(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Before>, sqlx::Error> {
    let callbacks = callback_disposition::projected(connection, ids).await?;
    let mut found: HashMap<_, _> = callbacks.into_iter().map(|(id, one)| (id, Before::Callback(one))).collect();
    if found.len() < ids.len() {
        let reads = api_read::projected(connection, ids).await?;
        found.extend(reads.into_iter().map(|(id, one)| (id, Before::Read(one))));
    }
    Ok(found)
}

impl RebuildInput {
    /// Removes resources that are done and those that cannot be rebuilt. A report that moves from one resource to another
    /// makes the two depend on each other, so both are removed.
    fn rebuildable(
        mut batch: HashMap<Uuid, Pending>,
        mut projected: HashMap<Uuid, Before>,
        mut resources: HashSet<Resource>,
        incomplete: HashSet<Resource>,
        done: &HashSet<Resource>,
    ) -> Self {
        let mut left_out: HashSet<Resource> = incomplete.into_iter().chain(done.iter().cloned()).collect();
        loop {
            let before = left_out.len();
            for (id, report) in &batch {
                let old = projected.get(id).and_then(|before| before.resource(report));
                let both = [old, report.resource()];
                if both.iter().flatten().any(|resource| left_out.contains(resource)) {
                    left_out.extend(both.into_iter().flatten());
                }
            }
            if left_out.len() == before {
                break;
            }
        }
        batch.retain(|id, report| {
            let old = projected.get(id).and_then(|before| before.resource(report));
            ![old, report.resource()].iter().flatten().any(|resource| left_out.contains(resource))
        });
        projected.retain(|id, _| batch.contains_key(id));
        let passed_over = resources
            .iter()
            .filter(|resource| left_out.contains(resource) && !done.contains(resource))
            .cloned()
            .collect();
        resources.retain(|resource| !left_out.contains(resource));
        let mut batch: Vec<Pending> = batch.into_values().collect();
        batch.sort_by_key(|report| (projected.get(&report.id.uuid()).map(Before::ordinal), report.id));
        Self { batch, projected, resources, passed_over }
    }
}

async fn rebuild(
    connection: &mut PgConnection,
    numbers: LastNumbers,
    input: &RebuildInput,
) -> Result<Reprojected, sqlx::Error> {
    let resources: Vec<Resource> = input.resources.iter().cloned().collect();
    let reports: Vec<ReportId> = input.batch.iter().map(|report| report.id).collect();
    let tracks = track::load(connection, &resources).await?;
    let mut old = Old {
        tracks: tracks
            .into_iter()
            .flat_map(|(resource, tracks)| tracks.into_iter().map(move |track| (resource.clone(), track)))
            .collect(),
        events: event::of_reports(connection, &reports).await?,
        callbacks: HashMap::new(),
        reads: HashMap::new(),
    };
    for (id, before) in &input.projected {
        match before {
            Before::Callback(callback) => _ = old.callbacks.insert(*id, callback.clone()),
            Before::Read(read) => _ = old.reads.insert(*id, read.clone()),
        }
    }
    let nothing =
        Known { numbers, tracks: HashMap::new(), history: History::default(), first_with_content: HashMap::new() };
    let rebuilt = fold(nothing, &input.batch);
    rebuilt.log_panics();
    let difference = difference(old, rebuilt, numbers);
    write(connection, &difference).await?;
    Ok(Reprojected {
        resources: resources.len(),
        skipped: input.passed_over.len(),
        callbacks: reports.len(),
        events_kept: difference.kept_events,
        events_new: difference.new_events.len(),
        events_gone: difference.gone_events.len(),
    })
}

async fn write(connection: &mut PgConnection, difference: &Difference) -> Result<(), sqlx::Error> {
    let Projected { callbacks, reads } = &difference.projected;
    let reports = callbacks.iter().map(|one| ReportId::Callback(one.callback_id));
    let reports: Vec<_> = reports.chain(reads.iter().map(|one| ReportId::ApiRead(one.api_read_id))).collect();
    reprojection::remove(connection, &difference.gone_events, &difference.gone_tracks, &reports).await?;
    missing_callback::remove(connection, &difference.gone_missing).await?;
    track::save(connection, &difference.tracks).await?;
    event::insert(connection, &difference.new_events).await?;
    callback_disposition::insert(connection, callbacks).await?;
    api_read::insert_dispositions(connection, reads).await?;
    missing_callback::insert(connection, &difference.missing).await?;
    missing_callback::arrived(connection, &difference.arrived).await?;
    projector::record(connection, difference.numbers).await?;
    if !difference.new_events.is_empty() {
        projector::announce(connection).await?;
    }
    Ok(())
}
