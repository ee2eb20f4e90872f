//! Orders several packages, so that each is released after those that it requires. No I/O.

use eqp_check::internal::{Constraint, Version};
use eqp_types::Sku;

use crate::selection::SelectedPackage;

/// The error that packages require each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the packages require each other: {}", circle.join(" requires "))]
#[non_exhaustive]
pub struct CircularRequirement {
    /// The names of the packages, each of which requires the next one. The last is the first again.
    pub circle: Vec<String>,
}

/// Returns the indexes of packages in the order of their release: each after the others that it requires, otherwise in the given order.
///
/// # Errors
/// [`CircularRequirement`] if packages require each other.
pub fn release_order(packages: &[SelectedPackage]) -> Result<Vec<usize>, CircularRequirement> {
    let required: Vec<Vec<usize>> = packages.iter().map(|package| required_by(package, packages)).collect();
    sorted(&required).map_err(|circle| CircularRequirement {
        circle: circle.into_iter().map(|index| packages[index].label.clone()).collect(),
    })
}

impl SelectedPackage {
    /// Returns whether this is the package with this SKU, in a version that the constraint allows, or may allow.
    pub fn satisfies(&self, sku: &Sku, constraint: &str) -> bool {
        let version = self.package.changes.version.as_deref().and_then(Version::parse);
        let is_allowed = match (Constraint::parse(constraint), version) {
            (Some(constraint), Some(version)) => constraint.allows(&version),
            _ => true,
        };
        is_allowed && self.sku().is_some_and(|own| own.as_str().eq_ignore_ascii_case(sku.as_str()))
    }
}

/// Returns the indexes of the packages that `package` requires in the version that is released.
fn required_by(package: &SelectedPackage, packages: &[SelectedPackage]) -> Vec<usize> {
    let is_required =
        |other: &SelectedPackage| package.requirements.iter().any(|one| other.satisfies(&one.sku, &one.constraint));
    (0..packages.len()).filter(|index| is_required(&packages[*index])).collect()
}

/// Returns the indexes so that each follows the ones that it requires, or a circle.
fn sorted(required: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < required.len() {
        let is_next = |index: &usize| {
            !order.contains(index) && required[*index].iter().all(|other| order.contains(other) || other == index)
        };
        let Some(next) = (0..required.len()).find(is_next) else { return Err(circle(required, &order)) };
        order.push(next);
    }
    Ok(order)
}

/// Follows the requirements of packages that are not in `order`, each of which requires another one of them, until one is repeated.
fn circle(required: &[Vec<usize>], order: &[usize]) -> Vec<usize> {
    let is_open = |index: &usize| !order.contains(index);
    let mut path: Vec<usize> = Vec::new();
    let mut next = (0..required.len()).find(is_open);
    while let Some(index) = next {
        if let Some(start) = path.iter().position(|other| *other == index) {
            path.drain(..start);
            path.push(index);
            return path;
        }
        path.push(index);
        next = required[index].iter().copied().find(|other| is_open(other) && *other != index);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_follows_those_that_it_requires() {
        for (required, order) in [
            (vec![vec![], vec![], vec![]], vec![0, 1, 2]),
            (vec![vec![2], vec![], vec![1]], vec![1, 2, 0]),
            (vec![vec![1, 2], vec![2], vec![]], vec![2, 1, 0]),
            (vec![vec![0], vec![0]], vec![0, 1]),
        ] {
            assert_eq!(sorted(&required), Ok(order), "{required:?}");
        }
    }

    #[test]
    fn a_circle_contains_only_the_packages_that_require_each_other() {
        for (required, circle) in [
            (vec![vec![1], vec![0]], vec![0, 1, 0]),
            (vec![vec![1], vec![2], vec![3], vec![1]], vec![1, 2, 3, 1]),
            (vec![vec![], vec![2, 0], vec![1]], vec![1, 2, 1]),
        ] {
            assert_eq!(sorted(&required), Err(circle), "{required:?}");
        }
        let error = CircularRequirement { circle: ["a 1", "b 2", "a 1"].map(str::to_owned).to_vec() };
        assert_eq!(error.to_string(), "the packages require each other: a 1 requires b 2 requires a 1");
    }
}
