//! One run: reads page by page, compares each page with the tracks, and stores what differs.

use std::collections::HashMap;

use eqp_client::{Client, PackageField, PackageFilter};
use eqp_store::ResourceKind;
use eqp_store::internal::{Resource, RunId};
use eqp_types::{FileUploadId, Package, SubmissionId, Timestamp};
use time::OffsetDateTime;

use super::baseline::Baseline;
use super::call::call;
use super::difference::{Comparison, Difference, compare};
use super::error::{ReconcileError, Result};
use super::findings::{self, Budget};
use super::page_walk::{PAGE_SIZE, PageWalk};
use super::position::{NewestFirst, is_plausible};
use super::report::{ReconcileKind, ReconcileReport};
use super::response::{ReadTime, ResourceResponse};
use super::scope::ReconcileTarget;
use super::storage::Storage;

/// The largest number of files that a run reads.
const MAX_FILES: usize = 50;
/// The largest number of submissions and files that a run reads one by one, because their status is in doubt.
const MAX_DOUBTFUL: i64 = 50;

/// The number of responses that are compared and stored at a time.
const AT_ONCE: usize = 500;

/// Receives each difference that is found.
pub(super) type OnDifference<'a> = &'a mut (dyn FnMut(Difference) + Send);

/// A run in progress.
pub(super) struct Run<'a> {
    pub(super) client: &'a Client,
    pub(super) storage: &'a Storage,
    pub(super) baseline: Baseline,
    /// The run that responses are stored for; `None` in a dry run.
    pub(super) id: Option<RunId>,
    pub(super) report: ReconcileReport,
    pub(super) on_difference: OnDifference<'a>,
    /// The rejections whose reasons may still be read.
    pub(super) budget: Budget,
}

/// The responses that are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// Those that differ from the tracks.
    Differing,
    /// All: a response that repeats the status can confirm it. The database omits those that confirm nothing.
    All,
}

/// A package of a list.
struct ListedPackage {
    id: SubmissionId,
    modified_at: Option<Timestamp>,
    /// `None` if there is nothing to compare, or if it cannot be read.
    response: Option<ResourceResponse>,
}

impl ListedPackage {
    fn of_unreadable(json: String, time: ReadTime) -> Option<Self> {
        let response = ResourceResponse::of_unreadable_package(json, time).ok()?;
        let id = SubmissionId::new(response.report.resource_id.clone()).ok()?;
        Some(Self { id, modified_at: response.report.modified_at, response: Some(response) })
    }
}

/// How a list was read.
enum ListRead {
    /// The list was read completely. Contains the newest change in it.
    Complete(Option<Timestamp>),
    /// The response is not sorted by the time of the last change, so it is unknown where to stop.
    Unsorted,
}

impl Run<'_> {
    /// Reads everything that has changed since `until`, or everything if the response is not sorted. Returns the newest change.
    pub(super) async fn incremental(&mut self, until: OffsetDateTime) -> Result<Option<Timestamp>> {
        match self.newest_first(until).await? {
            ListRead::Complete(newest) => {
                self.doubtful().await?;
                self.files().await?;
                Ok(newest)
            }
            ListRead::Unsorted => {
                tracing::warn!(
                    mage_id = %self.report.mage_id,
                    environment = %self.report.environment,
                    "the Marketplace's list is not sorted by last change, reading all of it"
                );
                self.report.kind = ReconcileKind::Full;
                self.full().await
            }
        }
    }

    /// Reads everything. Returns the newest change before the run began.
    pub(super) async fn full(&mut self) -> Result<Option<Timestamp>> {
        // A package that changes while the others are read is found by the next run, which reads from here.
        let newest = self.newest().await?;
        let filter = PackageFilter::new().ascending(PackageField::CreatedAt).ascending(PackageField::SubmissionId);
        let mut walk = PageWalk::default();
        loop {
            let (packages, next) = self.page(&filter, walk.offset()).await?;
            let ids: Vec<_> = packages.iter().map(|package| package.id.clone()).collect();
            let new = packages.into_iter().filter(|package| !walk.is_known(&package.id)).collect();
            self.compare_packages(new).await?;
            if !walk.advance(&ids, next)? {
                break;
            }
        }
        self.files().await?;
        Ok(newest)
    }

    /// Reads submissions and products by their IDs.
    pub(super) async fn selected(&mut self, targets: &[ReconcileTarget]) -> Result {
        for target in targets {
            let began_at = OffsetDateTime::now_utc();
            let found = match target {
                ReconcileTarget::Submission(id) => call(self.client.packages().get(id)).await.map(|one| vec![one]),
                ReconcileTarget::Sku(sku) => call(self.client.packages().by_sku(sku, None)).await,
            };
            let packages = match found {
                Err(ReconcileError::Marketplace(error)) if error.is_not_found() => Vec::new(),
                found => found?,
            };
            let packages = self.listed(packages, began_at);
            if packages.is_empty() {
                self.report.not_found.push(target.to_string());
            }
            self.compare_packages(packages).await?;
        }
        Ok(())
    }

    /// Returns the newest change.
    async fn newest(&mut self) -> Result<Option<Timestamp>> {
        let (packages, _) = self.page(&by_last_change(), 0).await?;
        let began_at = self.report.started_at;
        let times = packages.iter().filter_map(|package| package.modified_at);
        Ok(times.filter(|time| is_plausible(*time, began_at)).max())
    }

    async fn newest_first(&mut self, until: OffsetDateTime) -> Result<ListRead> {
        let filter = by_last_change();
        let (mut walk, mut order) = (PageWalk::default(), NewestFirst::new(self.report.started_at));
        let mut newest = None;
        loop {
            let (packages, next) = self.page(&filter, walk.offset()).await?;
            let ids: Vec<_> = packages.iter().map(|package| package.id.clone()).collect();
            let new: Vec<_> = packages.into_iter().filter(|package| !walk.is_known(&package.id)).collect();
            let is_sorted = order.continues(new.iter().map(|package| package.modified_at));
            self.compare_packages(new).await?;
            if !is_sorted {
                return Ok(ListRead::Unsorted);
            }
            newest = newest.or(order.newest());
            if order.has_passed(until) || !walk.advance(&ids, next)? {
                return Ok(ListRead::Complete(newest));
            }
        }
    }

    /// Reads the submissions and files whose status is in doubt, which an incremental run may not have reached.
    async fn doubtful(&mut self) -> Result {
        for Resource { kind, id, .. } in self.storage.doubtful(MAX_DOUBTFUL).await? {
            match kind {
                ResourceKind::Submission => self.submission(&id).await?,
                ResourceKind::File => self.file(&id).await?,
            }
        }
        Ok(())
    }

    /// Reads the known files whose scan has not ended.
    async fn files(&mut self) -> Result {
        for id in self.storage.unfinished_files(MAX_FILES).await? {
            self.file(&id).await?;
        }
        Ok(())
    }

    async fn file(&mut self, id: &str) -> Result {
        let Ok(id) = FileUploadId::new(id) else { return Ok(()) };
        let began_at = OffsetDateTime::now_utc();
        let file = match call(self.client.files().get(&id)).await {
            // A file that was deleted has no status any more.
            Err(ReconcileError::Marketplace(error)) if error.is_not_found() => return Ok(()),
            Err(error) => return self.report.unless_unreadable(format_args!("file {id}"), error),
            Ok(file) => file,
        };
        self.report.files += 1;
        let time = ReadTime { began_at, received_at: OffsetDateTime::now_utc() };
        match ResourceResponse::of_file(&file, time) {
            Ok(response) => self.compare_again(response).await,
            Err(error) => {
                self.report.unreadable(format!("file {id}: {error}"));
                Ok(())
            }
        }
    }

    /// Reads one page. The result contains only packages with an ID. Those that cannot be read are reported.
    async fn page(&mut self, filter: &PackageFilter, offset: u64) -> Result<(Vec<ListedPackage>, Option<u64>)> {
        let began_at = OffsetDateTime::now_utc();
        let filter = filter.clone().offset(offset).limit(PAGE_SIZE);
        let page = call(self.client.packages().list(&filter)).await?;
        let next = page.next_offset(PAGE_SIZE);
        let mut packages = self.listed(page.items, began_at);
        let time = ReadTime { began_at, received_at: OffsetDateTime::now_utc() };
        for record in page.unreadable {
            if let Some(package) = ListedPackage::of_unreadable(record.json, time) {
                packages.push(package);
            } else {
                let at = record.position + 1;
                let field = if record.field.is_empty() { String::new() } else { format!("`{}`: ", record.field) };
                self.report.unreadable(format!("package {at} of the list: {field}{}", record.problem));
            }
        }
        Ok((packages, next))
    }

    /// Prepares the packages of a response for the comparison. Omits packages without an ID, which cannot be compared with anything.
    fn listed(&mut self, packages: Vec<Package>, began_at: OffsetDateTime) -> Vec<ListedPackage> {
        let time = ReadTime { began_at, received_at: OffsetDateTime::now_utc() };
        let mut listed = Vec::with_capacity(packages.len());
        for package in packages {
            let Some(id) = package.submission_id.clone() else { continue };
            let response = ResourceResponse::of_package(&package, time).unwrap_or_else(|error| {
                self.report.unreadable(format!("submission {id}: {error}"));
                None
            });
            listed.push(ListedPackage { id, modified_at: package.modified_at, response });
        }
        listed
    }

    /// Compares packages with their tracks. Those about which a callback has arrived in the meantime are read again, once.
    async fn compare_packages(&mut self, packages: Vec<ListedPackage>) -> Result {
        self.report.submissions += packages.len() as u64;
        let responses = packages.into_iter().filter_map(|package| package.response).collect();
        for overtaken in self.compare(responses, Store::Differing).await? {
            self.submission(&overtaken).await?;
        }
        Ok(())
    }

    /// Reads one submission and compares it.
    async fn submission(&mut self, id: &str) -> Result {
        let Ok(id) = SubmissionId::new(id) else { return Ok(()) };
        let began_at = OffsetDateTime::now_utc();
        let package = match call(self.client.packages().get(&id)).await {
            Err(ReconcileError::Marketplace(error)) if error.is_not_found() => return Ok(()),
            Err(error) => return self.report.unless_unreadable(format_args!("submission {id}"), error),
            Ok(package) => package,
        };
        let response = self.listed(vec![package], began_at).pop().and_then(|package| package.response);
        self.compare_again(response).await
    }

    /// Compares a response about a resource whose status is in doubt. If another callback has arrived in the meantime, the next
    /// run reads it.
    async fn compare_again(&mut self, response: Option<ResourceResponse>) -> Result {
        let overtaken = self.compare(response.into_iter().collect(), Store::All).await?;
        self.report.overtaken += overtaken.len() as u64;
        Ok(())
    }

    /// Compares responses with the tracks, and stores them. Returns the IDs of those that were overtaken by a callback.
    async fn compare(&mut self, responses: Vec<ResourceResponse>, which: Store) -> Result<Vec<String>> {
        let mut overtaken = Vec::new();
        let mut responses = responses.into_iter().peekable();
        // A server that ignores the limit can return everything on one page.
        while responses.peek().is_some() {
            self.compare_some(responses.by_ref().take(AT_ONCE).collect(), which, &mut overtaken).await?;
        }
        Ok(overtaken)
    }

    async fn compare_some(
        &mut self,
        responses: Vec<ResourceResponse>,
        which: Store,
        overtaken: &mut Vec<String>,
    ) -> Result {
        let tracks = self.storage.tracks(&responses).await?;
        if self.id.is_some() {
            self.store_details(&responses).await?;
        }
        let mut stored = Vec::new();
        for response in responses {
            let of_this =
                |resource: &Resource| resource.kind == response.kind && resource.id == response.report.resource_id;
            let tracks = tracks.iter().find(|(resource, _)| of_this(resource)).map_or(&[][..], |(_, tracks)| tracks);
            let baseline = self.baseline.covers(response.report.modified_at, response.report.created_at);
            match compare(&response, tracks, baseline) {
                Comparison::Same if which == Store::All => stored.push((response, baseline)),
                Comparison::Same => {}
                Comparison::Overtaken => overtaken.push(response.report.resource_id),
                Comparison::Differs(difference) => {
                    self.report.count(&difference);
                    stored.push((response, baseline));
                    (self.on_difference)(difference);
                }
            }
        }
        if let Some(run) = self.id {
            self.report.stored += self.storage.store(run, stored).await?;
            self.storage.progress(run, &self.report).await?;
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Stores the details of resources, before the changes are stored that messages with these details are about.
    async fn store_details(&mut self, responses: &[ResourceResponse]) -> Result {
        let known = self.storage.details(responses).await?;
        let mut reasons = HashMap::new();
        for (response, known) in responses.iter().zip(&known) {
            let is_baseline = self.baseline.covers(response.report.modified_at, response.report.created_at);
            // The reasons do not change unless the submission does.
            let is_read = known.as_ref().is_some_and(|known| findings::are_read(known, response));
            if is_baseline || is_read {
                continue;
            }
            if let Some(read) = findings::read(self.client, response, &mut self.budget).await {
                reasons.insert(response.report.resource_id.clone(), read);
            }
        }
        self.storage.store_details(responses, &known, &reasons).await
    }
}

fn by_last_change() -> PackageFilter {
    PackageFilter::new().descending(PackageField::ModifiedAt).ascending(PackageField::SubmissionId)
}
