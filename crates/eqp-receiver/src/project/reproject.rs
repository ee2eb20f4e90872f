//! Projects again what was projected: after a better decoder, or a better rule.
//!
//! Rebuilds the subjects concerned, each whole, from all their callbacks in the order in which they were projected the
//! first time, under the leadership of projectors; accepting goes on. With the same decoder and rule nothing changes.
//! A subject of which some callback is no longer kept cannot be rebuilt, and is passed over.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::{Known, Numbers, Pending};
use super::changes::CallbackOutcome;
use super::decode::Decoded;
use super::fold::fold;
use super::history::History;
use super::notice::Subject;
use super::rebuilt::{Difference, Old, difference};
use super::run::blames_the_data;
use crate::Error;
use crate::deadline::{ANSWER, within};
use crate::read::{EventKind, Verdict};
use crate::retention::first_id_at;
use crate::store::{self, callback_outcome, event, pending, projector, reprojection, track};

/// So many callbacks are looked at together; their subjects are rebuilt in one transaction.
const PIECE: i64 = 256;
/// The longest that one piece may take.
const DEADLINE: Duration = Duration::from_mins(2);

/// What is to be projected again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReprojectScope {
    /// Every subject of which a callback arrived at this time or later, and every callback without a subject.
    Since(OffsetDateTime),
    /// The submission or file with this id.
    Subject(String),
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Reprojected {
    /// Submissions and files that were rebuilt.
    pub subjects: usize,
    /// Submissions and files that cannot be rebuilt, because some of their callbacks are no longer kept.
    pub passed_over: usize,
    /// Callbacks that were read again.
    pub callbacks: usize,
    /// Events that came out the same.
    pub events_kept: usize,
    /// Events that are new.
    pub events_new: usize,
    /// Events that are no more.
    pub events_gone: usize,
}

/// Projects again.
#[derive(Clone, Debug)]
pub struct Reprojector {
    pool: PgPool,
    dry_run: bool,
}

/// Callbacks to begin with, and the subjects that they lead to.
#[derive(Debug, Default)]
struct Wanted {
    callbacks: HashSet<Uuid>,
    subjects: HashSet<Subject>,
}

/// Callbacks with what they are now and were before, of subjects that can be rebuilt.
struct Material {
    batch: Vec<Pending>,
    outcomes: HashMap<Uuid, CallbackOutcome>,
    subjects: HashSet<Subject>,
    passed_over: HashSet<Subject>,
}

impl Reprojector {
    /// Over the database behind `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, dry_run: false }
    }

    /// Finds out what would change, and changes nothing.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Projects again what is in the scope, piece by piece, each in a transaction. Dropping the future is safe at any
    /// time: a subject is either rebuilt whole or as it was.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn run(&self, scope: &ReprojectScope) -> Result<Reprojected, Error> {
        let mut done = HashSet::new();
        let mut sum = Reprojected::default();
        match scope {
            ReprojectScope::Subject(id) => {
                let subjects = within(ANSWER, self.subjects_named(id)).await?;
                self.piece(Wanted { subjects, ..Wanted::default() }, &mut done, &mut sum).await?;
            }
            ReprojectScope::Since(moment) => {
                let mut after = Uuid::from_u128(first_id_at(*moment).as_u128().saturating_sub(1));
                loop {
                    let ids = within(ANSWER, self.projected_after(after)).await?;
                    let Some(last) = ids.last() else { break };
                    after = *last;
                    let callbacks = ids.into_iter().collect();
                    self.piece(Wanted { callbacks, ..Wanted::default() }, &mut done, &mut sum).await?;
                }
            }
        }
        Ok(sum)
    }

    async fn subjects_named(&self, id: &str) -> Result<HashSet<Subject>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(reprojection::subjects_named(&mut connection, id).await?.into_iter().collect())
    }

    async fn projected_after(&self, after: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        store::projector::look_up_by_key(&mut transaction).await?;
        reprojection::projected_after(&mut transaction, after, PIECE).await
    }

    async fn piece(&self, wanted: Wanted, done: &mut HashSet<Subject>, sum: &mut Reprojected) -> Result<(), Error> {
        let outcome = within(DEADLINE, self.transaction(&wanted, done, Doubt::None)).await;
        let (subjects, piece) = match outcome {
            Err(Error::Database(error)) if blames_the_data(&error) => {
                // Postgres refused before what some callback says, and does so again.
                within(DEADLINE, self.transaction(&wanted, done, Doubt::OfWhatWasUndecodable)).await?
            }
            other => other?,
        };
        done.extend(subjects);
        let Reprojected { subjects, passed_over, callbacks, events_kept, events_new, events_gone } = piece;
        sum.subjects += subjects;
        sum.passed_over += passed_over;
        sum.callbacks += callbacks;
        sum.events_kept += events_kept;
        sum.events_new += events_new;
        sum.events_gone += events_gone;
        Ok(())
    }

    async fn transaction(
        &self,
        wanted: &Wanted,
        done: &HashSet<Subject>,
        doubt: Doubt,
    ) -> Result<(HashSet<Subject>, Reprojected), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let numbers = projector::lead_in_turn(&mut transaction).await?;
        let material = gather(&mut transaction, wanted, done, doubt).await?;
        let reprojected = rebuild(&mut transaction, numbers, &material).await?;
        if self.dry_run {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
        Ok((material.subjects.into_iter().chain(material.passed_over).collect(), reprojected))
    }
}

/// Whether what was undecodable before is left so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    OfWhatWasUndecodable,
}

/// Follows callbacks to their subjects, before and now, and subjects to their callbacks, until nothing is added.
async fn gather(
    connection: &mut PgConnection,
    wanted: &Wanted,
    done: &HashSet<Subject>,
    doubt: Doubt,
) -> Result<Material, sqlx::Error> {
    let mut batch: HashMap<Uuid, Pending> = HashMap::new();
    let mut outcomes: HashMap<Uuid, CallbackOutcome> = HashMap::new();
    let mut subjects: HashSet<Subject> = HashSet::new();
    let mut incomplete: HashSet<Subject> = HashSet::new();
    let (mut new_callbacks, mut new_subjects) = (wanted.callbacks.clone(), wanted.subjects.clone());
    while !new_callbacks.is_empty() || !new_subjects.is_empty() {
        let looked: Vec<Subject> = new_subjects.drain().collect();
        let mut of_events = HashMap::new();
        for (subject, origin) in reprojection::origins(connection, &looked).await? {
            match origin {
                Some(id) => _ = of_events.insert(id, subject),
                // Told by a look at the Marketplace, and not by a callback.
                None => _ = incomplete.insert(subject),
            }
        }
        let ids: Vec<Uuid> = of_events.keys().copied().collect();
        new_callbacks.extend(reprojection::copies_of(connection, &ids).await?);
        new_callbacks.extend(ids);
        subjects.extend(looked);

        let ids: Vec<Uuid> = new_callbacks.drain().filter(|id| !batch.contains_key(id)).collect();
        let mut became = reprojection::outcomes(connection, &ids).await?;
        for mut callback in pending::callbacks(connection, &ids).await? {
            of_events.remove(&callback.id);
            // One without an outcome waits for its first projection.
            let Some(before) = became.remove(&callback.id) else { continue };
            if doubt == Doubt::OfWhatWasUndecodable && before.verdict == Verdict::Undecodable {
                let reason =
                    reprojection::events(connection, &[callback.id]).await?.pop().and_then(|event| event.reason);
                callback.give_up(Decoded::Undecodable(reason.unwrap_or_default()));
            }
            for subject in [subject_before(&callback, &before), callback.subject()].into_iter().flatten() {
                if !subjects.contains(&subject) {
                    new_subjects.insert(subject);
                }
            }
            outcomes.insert(callback.id, before);
            batch.insert(callback.id, callback);
        }
        // Events whose callback is there no more.
        incomplete.extend(of_events.into_iter().filter(|(id, _)| !batch.contains_key(id)).map(|(_, subject)| subject));
    }
    Ok(Material::of_what_can_be_rebuilt(batch, outcomes, subjects, incomplete, done))
}

fn subject_before(callback: &Pending, before: &CallbackOutcome) -> Option<Subject> {
    if !matches!(before.kind, EventKind::Submission | EventKind::File) {
        return None;
    }
    Some(Subject { account_id: callback.account_id, kind: before.kind, id: before.subject.clone()? })
}

impl Material {
    /// Leaves out what is done and what cannot be rebuilt. A callback that goes from one subject to another ties them
    /// together.
    fn of_what_can_be_rebuilt(
        mut batch: HashMap<Uuid, Pending>,
        mut outcomes: HashMap<Uuid, CallbackOutcome>,
        mut subjects: HashSet<Subject>,
        incomplete: HashSet<Subject>,
        done: &HashSet<Subject>,
    ) -> Self {
        let mut left_out: HashSet<Subject> = incomplete.into_iter().chain(done.iter().cloned()).collect();
        loop {
            let before = left_out.len();
            for (id, callback) in &batch {
                let old = outcomes.get(id).and_then(|outcome| subject_before(callback, outcome));
                let both = [old, callback.subject()];
                if both.iter().flatten().any(|subject| left_out.contains(subject)) {
                    left_out.extend(both.into_iter().flatten());
                }
            }
            if left_out.len() == before {
                break;
            }
        }
        batch.retain(|id, callback| {
            let old = outcomes.get(id).and_then(|outcome| subject_before(callback, outcome));
            ![old, callback.subject()].iter().flatten().any(|subject| left_out.contains(subject))
        });
        outcomes.retain(|id, _| batch.contains_key(id));
        let passed_over = subjects.iter().filter(|s| left_out.contains(s) && !done.contains(s)).cloned().collect();
        subjects.retain(|subject| !left_out.contains(subject));
        let mut batch: Vec<Pending> = batch.into_values().collect();
        batch.sort_by_key(|callback| (outcomes.get(&callback.id).map(|outcome| outcome.ordinal), callback.id));
        Self { batch, outcomes, subjects, passed_over }
    }
}

async fn rebuild(
    connection: &mut PgConnection,
    numbers: Numbers,
    material: &Material,
) -> Result<Reprojected, sqlx::Error> {
    let subjects: Vec<Subject> = material.subjects.iter().cloned().collect();
    let ids: Vec<Uuid> = material.batch.iter().map(|callback| callback.id).collect();
    let tracks = track::load(connection, &subjects).await?;
    let old = Old {
        tracks: tracks.into_iter().flat_map(|(s, tracks)| tracks.into_iter().map(move |t| (s.clone(), t))).collect(),
        events: reprojection::events(connection, &ids).await?,
        outcomes: material.outcomes.clone(),
    };
    let nothing = Known { numbers, tracks: HashMap::new(), history: History::default(), said: HashMap::new() };
    let rebuilt = fold(nothing, &material.batch);
    rebuilt.log_panics();
    let difference = difference(old, rebuilt, numbers);
    write(connection, &difference).await?;
    Ok(Reprojected {
        subjects: subjects.len(),
        passed_over: material.passed_over.len(),
        callbacks: ids.len(),
        events_kept: difference.kept_events,
        events_new: difference.new_events.len(),
        events_gone: difference.gone_events.len(),
    })
}

async fn write(connection: &mut PgConnection, difference: &Difference) -> Result<(), sqlx::Error> {
    let outcomes: Vec<Uuid> = difference.outcomes.iter().map(|outcome| outcome.callback_id).collect();
    reprojection::remove(connection, &difference.gone_events, &difference.gone_tracks, &outcomes).await?;
    track::save(connection, &difference.tracks).await?;
    event::insert(connection, &difference.new_events).await?;
    callback_outcome::insert(connection, &difference.outcomes).await?;
    projector::record(connection, difference.numbers).await?;
    if !difference.new_events.is_empty() {
        projector::announce(connection).await?;
    }
    Ok(())
}
