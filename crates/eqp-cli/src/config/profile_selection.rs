//! Selects a profile of a configuration file.

use std::collections::BTreeMap;
use std::path::Path;

use eqp_types::Environment;

use super::{IfMissing, Layer};
use crate::failure::{Failure, Result};

/// Selects a profile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProfileSelector<'a> {
    /// The name of the profile.
    pub(super) name: Option<&'a str>,
    /// The environment of the profile.
    pub(super) environment: Option<Environment>,
}

/// Returns the profile to use. If an environment was requested, only a profile of that environment is selected, because
/// the key of another environment must never be sent there.
pub(super) fn select(
    path: &Path,
    default: Option<&str>,
    mut profiles: BTreeMap<String, Layer>,
    selector: ProfileSelector<'_>,
    if_missing: IfMissing,
) -> Result<Option<(String, Layer)>> {
    let fits = |layer: &Layer| match (layer.marketplace.environment, selector.environment) {
        (Some(its), Some(asked)) => its == asked,
        _ => true,
    };
    let Some(name) = selector.name.map(str::to_owned).or_else(|| default.map(str::to_owned)) else {
        return of_environment(path, profiles, selector.environment);
    };
    let Some(chosen) = profiles.remove(&name) else {
        if if_missing == IfMissing::Create {
            return Ok(None);
        }
        let known: Vec<_> = profiles.keys().map(String::as_str).collect();
        let failure = Failure::usage(format!("{} has no profile `{name}`", path.display()));
        return Err(match known.as_slice() {
            [] => failure.next(format!("create it with eqp login, or add a table [profiles.{name}.marketplace]")),
            some => failure.next(format!("existing profiles: {}", some.join(", "))),
        });
    };
    if fits(&chosen) {
        return Ok(Some((name, chosen)));
    }
    // `eqp login` creates the profile.
    if if_missing == IfMissing::Create {
        return Ok(None);
    }
    match (selector.name, chosen.marketplace.environment, selector.environment) {
        (Some(name), Some(its), Some(asked)) => {
            Err(Failure::usage(format!("profile `{name}` is for {its}, but {asked} was requested"))
                .next(format!("remove --environment and EQP_ENVIRONMENT, or use a profile for {asked}")))
        }
        _ => of_environment(path, profiles, selector.environment),
    }
}

/// Returns the profile of an environment, if there is exactly one.
fn of_environment(
    path: &Path,
    mut profiles: BTreeMap<String, Layer>,
    environment: Option<Environment>,
) -> Result<Option<(String, Layer)>> {
    let Some(environment) = environment else { return Ok(None) };
    profiles.retain(|_, layer| layer.marketplace.environment == Some(environment));
    if profiles.len() > 1 {
        let names: Vec<_> = profiles.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!("{} has several profiles for {environment}", path.display()))
            .next(format!("select one with --profile: {}", names.join(", "))));
    }
    Ok(profiles.pop_first())
}
