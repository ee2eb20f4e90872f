//! Releases several products in the order in which they require each other.

use eqp_release::{Dependency, Error, NoProgress, Release, ReleaseResult, SelectedPackage, release_order};

use super::prepare::Prepared;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};

/// Returns the products in the order of their release.
pub(super) fn in_order(prepared: Vec<Prepared>) -> Result<Vec<Prepared>> {
    let packages: Vec<_> = prepared.iter().map(|one| one.selected.clone()).collect();
    let order = release_order(&packages).map_err(|error| {
        Failure::new(Exit::Failed, escaped(&error.to_string()))
            .next("remove a requirement of the circle from composer.json, or release the products separately")
    })?;
    let mut prepared: Vec<Option<Prepared>> = prepared.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|index| prepared[index].take()).collect())
}

/// Fails if a product requires a package that neither the store nor this call has, before anything is sent.
pub(super) async fn refuse_missing(releases: &mut [Release], waits: bool) -> Result {
    let sent: Vec<SelectedPackage> = releases.iter().map(|one| one.selected().clone()).collect();
    for release in releases {
        let plan = release.observe(&mut NoProgress).await.map_err(|error: Error| Failure::from(error))?;
        if waits || !matches!(plan.result(), Some(ReleaseResult::DependenciesNotReady(_))) {
            continue;
        }
        let is_sent = |one: &Dependency| sent.iter().any(|other| other.satisfies(&one.sku, &one.constraint));
        if !release.unmet_dependencies().all(is_sent) {
            return Err(super::outcome::not_ready(&release.selected().label, release.unmet_dependencies())
                .why("nothing was sent, of the other products either"));
        }
    }
    Ok(())
}

/// Collects the failures of several releases.
#[derive(Default)]
pub(super) struct Failures(Vec<(String, Failure)>);

impl Failures {
    /// Adds the result of a release. Fails if the others would fail too.
    pub(super) fn add(&mut self, label: &str, result: Result, output: Output) -> Result {
        let Err(failure) = result else { return Ok(()) };
        if !matches!(failure.exit(), Exit::Failed | Exit::Rejected | Exit::TimedOut | Exit::ThenFailed) {
            return Err(failure);
        }
        output.note(failure.in_one_line());
        self.0.push((label.to_owned(), failure));
        Ok(())
    }

    /// Returns the first failure, which also names the other products that failed.
    pub(super) fn first(self) -> Result {
        let mut failures = self.0.into_iter();
        let Some((_, first)) = failures.next() else { return Ok(()) };
        Err(failures.fold(first, |failure, (label, _)| failure.why(format!("{label} was not released either"))))
    }
}
