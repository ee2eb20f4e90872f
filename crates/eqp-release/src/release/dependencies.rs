//! Observes the required packages of the same vendor, and waits for them.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::dependency_state::{state_of, undecided};
use super::error::Error;
use super::observe::versions;
use super::observed_state::DependenciesState;
use super::progress::{Event, Progress, report};
use super::{Release, Run, WaitEnd};
use crate::dependencies::{Dependency, DependencyState};
use crate::wait::is_transient;

/// The maximum number of requirements of one archive that are compared with the Marketplace.
const MAX_REQUIREMENTS: usize = 200;
/// The maximum number of concurrent requests.
const MAX_REQUESTS: usize = 4;

impl Release {
    /// Returns the combined state of the required packages.
    pub(super) fn dependencies_state(&self) -> DependenciesState {
        match &self.dependencies {
            None if self.selected.requirements.is_empty() => DependenciesState::Met,
            None => DependenciesState::Unknown,
            Some(_) => {
                let unmet: Vec<Dependency> = self.unmet_dependencies().cloned().collect();
                if unmet.is_empty() { DependenciesState::Met } else { DependenciesState::Unmet(unmet) }
            }
        }
    }

    /// Compares the requirements with the Marketplace.
    pub(super) async fn find_dependencies(&mut self, progress: &mut dyn Progress) -> Result<(), Error> {
        let found = self.read_dependencies().await?;
        if self.dependencies.is_none() {
            let mut undecided = found.iter().filter(|one| one.state == DependencyState::Undecided);
            undecided.try_for_each(|one| report(progress, Event::DependencyUndecided(one)))?;
        }
        self.dependencies = Some(found);
        Ok(())
    }

    async fn read_dependencies(&self) -> Result<Vec<Dependency>, eqp_client::Error> {
        let requirements = &self.selected.requirements;
        let (compared, others) = requirements.split_at(requirements.len().min(MAX_REQUIREMENTS));
        let read = stream::iter(compared).map(|requirement| async move {
            let packages = versions(&self.client, &requirement.sku).await?;
            Ok::<_, eqp_client::Error>(state_of(requirement, &packages))
        });
        let mut dependencies: Vec<Dependency> = read.buffered(MAX_REQUESTS).try_collect().await?;
        dependencies.extend(others.iter().map(undecided));
        Ok(dependencies)
    }
}

impl Run<'_> {
    /// Waits until the store has the required packages, or one of them was rejected.
    pub(super) async fn wait_for_dependencies(&mut self) -> Result<WaitEnd, Error> {
        let mut reported = Vec::new();
        let mut last_error = None;
        loop {
            last_error = match self.release.find_dependencies(self.progress).await {
                Ok(()) => None,
                Err(Error::Marketplace(error)) if is_transient(&error) => {
                    if last_error.is_none() {
                        self.report(Event::Unanswered(&error))?;
                    }
                    Some(error)
                }
                Err(error) => return Err(error),
            };
            let unmet: Vec<Dependency> = self.release.unmet_dependencies().cloned().collect();
            if unmet.is_empty() || unmet.iter().any(|one| one.state == DependencyState::Rejected) {
                self.poller.reset_interval();
                return Ok(WaitEnd::Finished);
            }
            if unmet != reported {
                self.report(Event::WaitingForDependencies(&unmet))?;
                self.poller.reset_interval();
                reported.clone_from(&unmet);
            }
            let ids: Vec<&str> = unmet
                .iter()
                .filter_map(|one| one.submission_id.as_ref())
                .map(eqp_types::SubmissionId::as_str)
                .collect();
            if !self.poller.next(&ids).await {
                return match last_error {
                    Some(error) => Err(error.into()),
                    None => Ok(WaitEnd::TimedOut),
                };
            }
        }
    }
}
