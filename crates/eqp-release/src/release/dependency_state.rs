//! Decides whether the store has a required package. No I/O.

use eqp_check::internal::{Constraint, Version};
use eqp_types::{EqpStatus, OverallStatus, Package, PackageType, TechnicalStatus};

use super::phase::{Phase, is_live, review_phases};
use crate::dependencies::{Dependency, DependencyState, Requirement};

/// Returns the state of a requirement. `packages` are all versions of the required package.
pub(super) fn state_of(requirement: &Requirement, packages: &[Package]) -> Dependency {
    let Some(constraint) = Constraint::parse(&requirement.constraint) else { return undecided(requirement) };
    let versions: Vec<(&Package, Option<Version>)> =
        packages.iter().map(|package| (package, package.version.as_deref().and_then(Version::parse))).collect();
    let matching = || versions.iter().filter_map(|(package, version)| Some((*package, version.as_ref()?)));
    let matching = matching().filter(|(_, version)| constraint.allows(version));
    let mut found: Vec<_> = matching.map(|(package, version)| (state_of_version(package), version, package)).collect();
    // The state that is nearest to the store; of several versions in this state, the highest.
    found.sort_by(|(state, version, _), (other, other_version, _)| {
        distance(*state).cmp(&distance(*other)).then_with(|| other_version.cmp(version))
    });
    if let Some((state, _, package)) = found.first().filter(|(state, ..)| *state != DependencyState::Missing) {
        return dependency(requirement, *state, Some(package));
    }
    let live = versions.iter().filter(|(package, _)| status_of(package).is_some_and(is_live));
    if live.clone().any(|(_, version)| version.is_none()) {
        return undecided(requirement);
    }
    let highest = live.max_by(|(_, one), (_, other)| one.cmp(other)).map(|(package, _)| *package);
    dependency(requirement, DependencyState::Missing, highest)
}

pub(super) fn undecided(requirement: &Requirement) -> Dependency {
    dependency(requirement, DependencyState::Undecided, None)
}

fn dependency(requirement: &Requirement, state: DependencyState, package: Option<&Package>) -> Dependency {
    Dependency {
        sku: requirement.sku.clone(),
        constraint: requirement.constraint.clone(),
        state,
        version: package.and_then(|package| package.version.clone()),
        submission_id: package.and_then(|package| package.submission_id.clone()),
    }
}

/// Returns the place of a state in the order of preference.
fn distance(state: DependencyState) -> u8 {
    match state {
        DependencyState::Ready => 0,
        DependencyState::Undecided => 1,
        DependencyState::InReview => 2,
        DependencyState::Rejected => 3,
        DependencyState::Missing => 4,
    }
}

fn status_of(package: &Package) -> Option<&EqpStatus> {
    package.eqp_status.as_ref()
}

fn state_of_version(package: &Package) -> DependencyState {
    let Some(status) = status_of(package) else { return DependencyState::Undecided };
    let is_shared = package.kind == Some(PackageType::SharedPackage);
    // It is not documented whether a shared package is ever released to the store.
    let is_ready_to_share = is_shared && status.technical == Some(TechnicalStatus::Approved);
    match &status.overall {
        Some(OverallStatus::ReleasedToStore) => return DependencyState::Ready,
        Some(OverallStatus::CanceledByDeveloper | OverallStatus::CanceledByAdmin) => return DependencyState::Missing,
        // Composer may still be able to install it.
        Some(OverallStatus::DeveloperRemovedFromStore | OverallStatus::AdminRemovedFromStore) => {
            return DependencyState::Undecided;
        }
        _ if is_ready_to_share => return DependencyState::Ready,
        _ => {}
    }
    let phases = review_phases(status);
    if phases.contains(&Phase::Rejected) {
        DependencyState::Rejected
    } else if phases == [Phase::Open, Phase::Open] {
        DependencyState::Missing
    } else {
        DependencyState::InReview
    }
}

#[cfg(test)]
mod tests {
    use eqp_types::Sku;
    use serde_json::json;

    use super::*;

    fn package(version: &str, status: &str, kind: &str) -> Package {
        let parts: Vec<_> = status.split('/').collect();
        serde_json::from_value(json!({"submission_id": format!("s{}", version.replace('.', "")), "version": version,
            "type": kind, "eqp_status": {"overall": parts[0], "technical": parts[1], "marketing": parts[2]}}))
        .unwrap()
    }

    #[test]
    fn the_state_is_that_of_the_matching_version_nearest_to_the_store() {
        use DependencyState::{InReview, Missing, Ready, Rejected, Undecided};
        const LIVE: &str = "released_to_store/approved/approved";
        const REVIEW: &str = "in_progress/in_manual_qa/approved";
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], DependencyState, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            ("^1.9", &[("1.9.3", LIVE)], Ready, Some("1.9.3")),
            ("^1.9", &[("1.9.2", LIVE), ("1.9.3", REVIEW)], Ready, Some("1.9.2")),
            ("^1.9", &[("1.8.0", LIVE), ("1.9.3", REVIEW)], InReview, Some("1.9.3")),
            ("^1.9", &[("1.9.3", REVIEW), ("1.10.0", REVIEW)], InReview, Some("1.10.0")),
            ("^1.9", &[("1.9.3", "in_progress/rejected/approved")], Rejected, Some("1.9.3")),
            ("^1.9", &[("1.9.3", "approved/approved/approved")], InReview, Some("1.9.3")),
            ("^1.9", &[("1.9.3", "draft/draft/draft"), ("1.8.0", LIVE)], Missing, Some("1.8.0")),
            ("^1.9", &[("1.9.3", "canceled_by_developer/approved/approved")], Missing, None),
            ("^1.9", &[("1.9.3", "in_progress/recalled/recalled")], Missing, None),
            ("^1.9", &[("2.0.0", LIVE), ("10.0.0", LIVE)], Missing, Some("10.0.0")),
            ("^1.9", &[], Missing, None),
            // What cannot be decided never prevents a release.
            ("dev-main", &[], Undecided, None),
            ("^1.9", &[("latest", LIVE)], Undecided, None),
            ("^1.9", &[("1.9.3", "admin_removed_from_store/approved/approved")], Undecided, Some("1.9.3")),
            ("^1.9", &[("1.9.3", "on_the_moon/on_the_moon/on_the_moon")], InReview, Some("1.9.3")),
        ];
        for (constraint, versions, state, version) in cases {
            let sku = Sku::new("acme/core").unwrap();
            let requirement = Requirement { sku, constraint: (*constraint).to_owned() };
            let packages: Vec<_> =
                versions.iter().map(|(version, status)| package(version, status, "extension")).collect();
            let found = state_of(&requirement, &packages);
            assert_eq!((found.state, found.version.as_deref()), (*state, *version), "{constraint} {versions:?}");
        }
    }

    #[test]
    fn a_shared_package_is_ready_after_its_technical_review() {
        let requirement = Requirement { sku: Sku::new("acme/core").unwrap(), constraint: "2.0.1".to_owned() };
        let state = |status, kind| state_of(&requirement, &[package("2.0.1", status, kind)]).state;
        assert_eq!(state("in_progress/approved/draft", "shared_package"), DependencyState::Ready);
        assert_eq!(state("in_progress/in_manual_qa/draft", "shared_package"), DependencyState::InReview);
        assert_eq!(state("in_progress/approved/draft", "extension"), DependencyState::InReview);
    }
}
