//! Compares what listings show and require with a release line of Adobe Commerce. No I/O.

use eqp_check::internal::{Constraint, php_versions};
use eqp_types::Sku;
use serde::Serialize;

use super::lines::{ReleaseLine, claimed};
use super::live::{EditionClaims, LiveListing};
use super::source::RequiresError;

/// The gaps of a product for a release line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Recertification {
    /// The SKU.
    pub sku: Sku,
    /// The version in the store.
    pub version: Option<String>,
    /// The versions that the listing shows as compatible.
    pub claims: Vec<EditionClaims>,
    /// Whether these include the line in every edition.
    pub is_claimed: bool,
    /// The versions that a listing with the line would show, as precise as the present ones.
    pub new_claims: Vec<EditionClaims>,
    /// The PHP versions that composer.json allows. Null if its requirements are not known, or do not mention PHP.
    pub php: Option<String>,
    /// The PHP versions of the line that composer.json excludes.
    pub missing_php: Vec<String>,
    /// The reason why the requirements are not known. Null if they are.
    pub problem: Option<String>,
    /// The commands to run, and comments on them. Empty if nothing is missing.
    pub commands: Vec<String>,
}

/// Compares a listing with a line. `requires` are the requirements in its composer.json.
pub fn recertify(
    listing: &LiveListing,
    line: &ReleaseLine,
    requires: Result<&[(String, String)], &RequiresError>,
) -> Recertification {
    let shows = |edition: &EditionClaims| edition.versions.iter().any(|claim| line.is_claimed_by(claim));
    let is_claimed = !listing.compatibility.is_empty() && listing.compatibility.iter().all(shows);
    let new_claim = new_claim(listing, line);
    let new_claims = listing.compatibility.iter().map(|edition| {
        let mut edition = edition.clone();
        if !shows(&edition) {
            edition.versions.push(new_claim.clone());
        }
        edition
    });
    let new_claims: Vec<EditionClaims> = new_claims.collect();
    let php = requires.as_ref().ok().and_then(|requires| requires.iter().find(|(name, _)| name == "php"));
    let php = php.map(|(_, constraint)| constraint.clone());
    let missing_php = php.as_deref().map(|php| excluded(php, line)).unwrap_or_default();
    let mut result = Recertification {
        sku: listing.sku.clone(),
        version: listing.version.clone(),
        claims: listing.compatibility.clone(),
        is_claimed,
        new_claims,
        php,
        missing_php,
        problem: requires.err().map(ToString::to_string),
        commands: Vec::new(),
    };
    result.commands = commands(&result);
    result
}

/// Returns the claim for a line, with as many numbers as the most precise claim of the listing.
fn new_claim(listing: &LiveListing, line: &ReleaseLine) -> String {
    let precision = listing.claims().filter_map(claimed).map(|numbers| numbers.len()).max().unwrap_or(2);
    line.name.split('.').take(precision.clamp(2, 3)).collect::<Vec<_>>().join(".")
}

/// Returns the PHP versions of a line that a constraint excludes. An unsupported constraint excludes nothing.
fn excluded(php: &str, line: &ReleaseLine) -> Vec<String> {
    let Some((constraint, (_, versions))) = Constraint::parse(php).zip(php_versions(&line.name)) else {
        return Vec::new();
    };
    let excluded = versions.iter().filter(|(major, minor)| !constraint.allows_minor(*major, *minor));
    excluded.map(|(major, minor)| format!("{major}.{minor}")).collect()
}

fn commands(result: &Recertification) -> Vec<String> {
    let Recertification { sku, is_claimed, new_claims, missing_php, .. } = result;
    // Without any claim, the Marketplace has not reported what the listing shows.
    let lacks_claim = !is_claimed && !new_claims.is_empty();
    if !lacks_claim && missing_php.is_empty() {
        return Vec::new();
    }
    let manifest = format!("{}.toml", sku.as_str().replace('/', "-"));
    let mut commands = Vec::new();
    if !missing_php.is_empty() {
        commands
            .push(format!("# {sku}: allow PHP {} in composer.json, and tag a new version", missing_php.join(" and ")));
    }
    commands.push(format!("eqp packages init --sku {sku} --output {manifest}"));
    if lacks_claim {
        let quoted =
            |versions: &[String]| versions.iter().map(|version| format!("{version:?}")).collect::<Vec<_>>().join(", ");
        let editions = new_claims
            .iter()
            .map(|one| format!("{{ edition = {:?}, versions = [{}] }}", one.edition, quoted(&one.versions)));
        let editions = editions.collect::<Vec<_>>().join(", ");
        commands.push(format!("# in {manifest}: version_compatibility = [{editions}]"));
    }
    commands.push(format!("eqp release --tag TAG --manifest {manifest} --from-previous"));
    commands
}

#[cfg(test)]
mod tests {
    use super::super::lines::ReleaseLines;
    use super::*;

    fn compared(claims: &[(&str, &[&str])], php: Option<&str>) -> Recertification {
        let lines = ReleaseLines::built_in();
        let listing = LiveListing::of("acme/a", "1.0.0", claims, None);
        let requires = php.map(|php| vec![("php".to_owned(), php.to_owned())]);
        let unknown = RequiresError::NoSource;
        let requires = requires.as_deref().ok_or(&unknown);
        recertify(&listing, lines.line("2.4.9").unwrap(), requires)
    }

    #[test]
    fn a_missing_claim_is_as_precise_as_the_present_ones() {
        let precise = compared(&[("CE", &["2.4.7", "2.4.8"]), ("EE", &["2.4.9"])], Some("~8.3.0||~8.4.0||~8.5.0"));
        assert_eq!((precise.is_claimed, precise.missing_php.len()), (false, 0));
        let new: Vec<_> = precise.new_claims.iter().map(|one| one.versions.join(" ")).collect();
        assert_eq!(new, ["2.4.7 2.4.8 2.4.9", "2.4.9"]);
        assert_eq!(
            precise.commands,
            [
                "eqp packages init --sku acme/a --output acme-a.toml",
                "# in acme-a.toml: version_compatibility = [{ edition = \"CE\", versions = [\"2.4.7\", \"2.4.8\", \
                 \"2.4.9\"] }, { edition = \"EE\", versions = [\"2.4.9\"] }]",
                "eqp release --tag TAG --manifest acme-a.toml --from-previous",
            ]
        );
        let minor = compared(&[("CE", &["2.3"])], None);
        assert_eq!(
            (minor.new_claims[0].versions.join(" "), minor.problem.as_deref()),
            ("2.3 2.4".into(), Some("no source code is configured"))
        );
    }

    #[test]
    fn a_php_version_that_is_excluded_is_missing() {
        let excluded = compared(&[("CE", &["2.4"])], Some("~8.3.0||~8.4.0"));
        assert_eq!((excluded.is_claimed, excluded.missing_php.join(" ")), (true, "8.5".to_owned()));
        assert!(excluded.commands[0].contains("allow PHP 8.5 in composer.json"), "{:?}", excluded.commands);
        let complete = compared(&[("CE", &["2.4"])], Some(">=8.1"));
        assert_eq!((complete.commands.len(), complete.php.as_deref()), (0, Some(">=8.1")));
        assert!(compared(&[("CE", &["2.4"])], Some("dev-main")).missing_php.is_empty());
        assert!(compared(&[], None).commands.is_empty());
    }
}
