//! Reprojects stored callbacks, for example with an improved decoder or rule.
//!
//! Each resource is rebuilt completely from all its callbacks, in the order of their first projection. Projectors pause
//! during this time; callbacks are still accepted. With the same decoder and rule nothing changes. A resource is
//! skipped if some of its callbacks are no longer stored.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::{Known, Pending};
use super::difference::{Difference, Old, difference};
use super::fold::fold;
use super::history::History;
use super::run::is_data_error;
use eqp_store::CallbackDisposition;
use eqp_store::Error;
use eqp_store::internal::first_id_at;
use eqp_store::internal::{ANSWER, within};
use eqp_store::internal::{
    LastNumbers, ProjectedCallback, Resource, callback_disposition, event, pending, projector, reprojection, track,
};

/// The number of callbacks that are selected at a time. Their resources are rebuilt in one transaction.
const BATCH: i64 = 256;
/// The time limit of one transaction.
const DEADLINE: Duration = Duration::from_mins(2);

/// Selects the resources to reproject.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReprojectScope {
    /// Every resource with a callback that was received at this time or later, and every such callback without a resource.
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
    /// Submissions and files that were skipped because some of their callbacks are no longer stored.
    pub skipped: usize,
    /// Callbacks that were decoded again.
    pub callbacks: usize,
    /// Events that are unchanged.
    pub events_kept: usize,
    /// Events that were added. A changed event counts as one that was added and one that was removed.
    pub events_new: usize,
    /// Events that were removed.
    pub events_gone: usize,
}

/// Rebuilds tracks and events from stored callbacks.
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

/// The callbacks and resources to start from.
#[derive(Debug, Default)]
struct Selection {
    callbacks: HashSet<Uuid>,
    resources: HashSet<Resource>,
}

/// The callbacks of resources that can be rebuilt, decoded again, with their stored dispositions.
struct RebuildInput {
    batch: Vec<Pending>,
    projected: HashMap<Uuid, ProjectedCallback>,
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
    /// [`Error::Store`] if the database fails. Resources that were committed before stay rebuilt.
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
                    after = *last;
                    let callbacks = ids.into_iter().collect();
                    self.rebuild_batch(Selection { callbacks, ..Selection::default() }, &mut done, &mut sum).await?;
                }
            }
        }
        Ok(sum)
    }

    async fn resources_with_id(&self, id: &str) -> Result<HashSet<Resource>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(reprojection::resources_with_id(&mut connection, id).await?.into_iter().collect())
    }

    async fn projected_after(&self, after: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
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
                // Postgres rejects a value of some callback, as it did at the first projection.
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

/// Whether callbacks that are undecodable are decoded again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undecodable {
    DecodeAgain,
    Keep,
}

/// Collects the selected callbacks and resources with everything that depends on them: follows callbacks to their old and new
/// resources, and resources to their callbacks, until nothing is added.
async fn gather(
    connection: &mut PgConnection,
    selection: &Selection,
    done: &HashSet<Resource>,
    undecodable: Undecodable,
) -> Result<RebuildInput, sqlx::Error> {
    let mut batch: HashMap<Uuid, Pending> = HashMap::new();
    let mut projected: HashMap<Uuid, ProjectedCallback> = HashMap::new();
    let mut resources: HashSet<Resource> = HashSet::new();
    let mut incomplete: HashSet<Resource> = HashSet::new();
    let (mut new_callbacks, mut new_resources) = (selection.callbacks.clone(), selection.resources.clone());
    while !new_callbacks.is_empty() || !new_resources.is_empty() {
        let found: Vec<Resource> = new_resources.drain().collect();
        let mut of_events = HashMap::new();
        for (resource, origin) in reprojection::origins(connection, &found).await? {
            match origin {
                Some(id) => _ = of_events.insert(id, resource),
                // The event does not come from a callback.
                None => _ = incomplete.insert(resource),
            }
        }
        let ids: Vec<Uuid> = of_events.keys().copied().collect();
        new_callbacks.extend(callback_disposition::duplicates_of(connection, &ids).await?);
        new_callbacks.extend(ids);
        resources.extend(found);

        let ids: Vec<Uuid> = new_callbacks.drain().filter(|id| !batch.contains_key(id)).collect();
        let mut dispositions = callback_disposition::projected(connection, &ids).await?;
        for mut callback in Pending::all(&pending::callbacks(connection, &ids).await?) {
            of_events.remove(&callback.id);
            // A callback without a disposition waits for its first projection.
            let Some(before) = dispositions.remove(&callback.id) else { continue };
            if undecodable == Undecodable::Keep && before.disposition == CallbackDisposition::Undecodable {
                let reason =
                    event::of_callbacks(connection, &[callback.id]).await?.pop().and_then(|event| event.reason);
                callback.make_undecodable(reason.expect("an undecodable callback has an event with a reason"));
            }
            for resource in [resource_before(&callback, &before), callback.resource()].into_iter().flatten() {
                if !resources.contains(&resource) {
                    new_resources.insert(resource);
                }
            }
            projected.insert(callback.id, before);
            batch.insert(callback.id, callback);
        }
        // Events whose callback is no longer stored.
        incomplete
            .extend(of_events.into_iter().filter(|(id, _)| !batch.contains_key(id)).map(|(_, resource)| resource));
    }
    Ok(RebuildInput::rebuildable(batch, projected, resources, incomplete, done))
}

fn resource_before(callback: &Pending, before: &ProjectedCallback) -> Option<Resource> {
    let (kind, id) = before.resource.clone()?;
    Some(Resource { account_id: callback.account.id, kind, id })
}

impl RebuildInput {
    /// Removes resources that are done and those that cannot be rebuilt. A callback that moves from one resource to another
    /// makes the two depend on each other, so both are removed.
    fn rebuildable(
        mut batch: HashMap<Uuid, Pending>,
        mut projected: HashMap<Uuid, ProjectedCallback>,
        mut resources: HashSet<Resource>,
        incomplete: HashSet<Resource>,
        done: &HashSet<Resource>,
    ) -> Self {
        let mut left_out: HashSet<Resource> = incomplete.into_iter().chain(done.iter().cloned()).collect();
        loop {
            let before = left_out.len();
            for (id, callback) in &batch {
                let old = projected.get(id).and_then(|before| resource_before(callback, before));
                let both = [old, callback.resource()];
                if both.iter().flatten().any(|resource| left_out.contains(resource)) {
                    left_out.extend(both.into_iter().flatten());
                }
            }
            if left_out.len() == before {
                break;
            }
        }
        batch.retain(|id, callback| {
            let old = projected.get(id).and_then(|before| resource_before(callback, before));
            ![old, callback.resource()].iter().flatten().any(|resource| left_out.contains(resource))
        });
        projected.retain(|id, _| batch.contains_key(id));
        let passed_over = resources
            .iter()
            .filter(|resource| left_out.contains(resource) && !done.contains(resource))
            .cloned()
            .collect();
        resources.retain(|resource| !left_out.contains(resource));
        let mut batch: Vec<Pending> = batch.into_values().collect();
        batch.sort_by_key(|callback| (projected.get(&callback.id).map(|before| before.ordinal), callback.id));
        Self { batch, projected, resources, passed_over }
    }
}

async fn rebuild(
    connection: &mut PgConnection,
    numbers: LastNumbers,
    input: &RebuildInput,
) -> Result<Reprojected, sqlx::Error> {
    let resources: Vec<Resource> = input.resources.iter().cloned().collect();
    let ids: Vec<Uuid> = input.batch.iter().map(|callback| callback.id).collect();
    let tracks = track::load(connection, &resources).await?;
    let old = Old {
        tracks: tracks
            .into_iter()
            .flat_map(|(resource, tracks)| tracks.into_iter().map(move |track| (resource.clone(), track)))
            .collect(),
        events: event::of_callbacks(connection, &ids).await?,
        projected: input.projected.clone(),
    };
    let nothing =
        Known { numbers, tracks: HashMap::new(), history: History::default(), first_with_content: HashMap::new() };
    let rebuilt = fold(nothing, &input.batch);
    rebuilt.log_panics();
    let difference = difference(old, rebuilt, numbers);
    write(connection, &difference).await?;
    Ok(Reprojected {
        resources: resources.len(),
        skipped: input.passed_over.len(),
        callbacks: ids.len(),
        events_kept: difference.kept_events,
        events_new: difference.new_events.len(),
        events_gone: difference.gone_events.len(),
    })
}

async fn write(connection: &mut PgConnection, difference: &Difference) -> Result<(), sqlx::Error> {
    let callbacks: Vec<Uuid> = difference.projected.iter().map(|one| one.callback_id).collect();
    reprojection::remove(connection, &difference.gone_events, &difference.gone_tracks, &callbacks).await?;
    track::save(connection, &difference.tracks).await?;
    event::insert(connection, &difference.new_events).await?;
    callback_disposition::insert(connection, &difference.projected).await?;
    projector::record(connection, difference.numbers).await?;
    if !difference.new_events.is_empty() {
        projector::announce(connection).await?;
    }
    Ok(())
}
