//! Checks the access to the Marketplace's API, and the clock of this machine against those of the API and the database.

use eqp_sync::{Check, ahead_of_marketplace};
use time::Duration;
use url::Url;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Failure;

/// The difference of clocks from which on times in lists and alerts are misleading. The API reports whole seconds, and requests take time.
const TOLERATED: Duration = Duration::seconds(30);

/// Requests a session token from the Marketplace with the access key.
pub(super) async fn marketplace(context: &Context) -> Check<Failure> {
    const NAME: &str = "Marketplace";
    let options = &context.settings.marketplace;
    if !options.has_key() {
        return Check::absent(NAME, format!("no access key for {}; run `eqp login`", options.environment()));
    }
    let asked = async {
        let client = client(options)?;
        let mage_id = client.session().await?.mage_id;
        Ok(format!("{mage_id} in {}, at {}", client.environment(), client.api_url()))
    };
    Check::new(NAME, asked.await)
}

/// Returns by how much this machine is ahead of the Marketplace's API, which is not called without an access key.
pub(super) async fn ahead_of_api(context: &Context) -> Option<Duration> {
    let options = &context.settings.marketplace;
    let usual = || Url::parse(options.environment().base_url()).ok();
    let url = options.api_url().cloned().or_else(usual).filter(|_| options.has_key())?;
    ahead_of_marketplace(&url, options.ca_pem().ok().flatten().as_deref()).await
}

/// Compares the clocks: by how much this machine is ahead of the others, as far as they could be asked.
pub(super) fn clock(ahead_of_api: Option<Duration>, ahead_of_database: Option<Duration>) -> Check<Failure> {
    compared(&[("the Marketplace's API", ahead_of_api), ("the database", ahead_of_database)])
}

/// Returns the check for the differences to other clocks.
fn compared(others: &[(&str, Option<Duration>)]) -> Check<Failure> {
    const NAME: &str = "clock";
    let known: Vec<_> = others.iter().filter_map(|(name, ahead)| Some((*name, (*ahead)?))).collect();
    if known.is_empty() {
        return Check::absent(
            NAME,
            "not checked: neither the Marketplace's API nor the database could be asked for its time",
        );
    }
    let wrong: Vec<String> = known.iter().filter_map(|(name, ahead)| difference(name, *ahead)).collect();
    if wrong.is_empty() {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        return Check::new(NAME, Ok(format!("agrees with {}", names.join(" and "))));
    }
    Check::warning(
        NAME,
        format!("this machine is {}", wrong.join(" and ")),
        "synchronise the clocks with NTP (timedatectl set-ntp true); times in lists, alerts and retries are wrong until then",
    )
}

/// Describes a difference that is too large.
fn difference(name: &str, ahead: Duration) -> Option<String> {
    let seconds = ahead.whole_seconds();
    if ahead.abs() <= TOLERATED {
        return None;
    }
    let length = humantime::format_duration(std::time::Duration::from_secs(seconds.unsigned_abs()));
    Some(format!("{length} {} {name}", if seconds > 0 { "ahead of" } else { "behind" }))
}

#[cfg(test)]
mod tests {
    use eqp_sync::CheckState;

    use super::*;

    #[test]
    fn a_wrong_clock_is_compared_in_words() {
        let checked = |api: Option<i64>, database: Option<i64>| {
            let check =
                compared(&[("the API", api.map(Duration::seconds)), ("the database", database.map(Duration::seconds))]);
            match check.state {
                CheckState::Fine(text) | CheckState::Absent(text) | CheckState::Warning { what: text, .. } => text,
                CheckState::Failed(failure) => failure.to_string(),
            }
        };
        assert_eq!(checked(Some(-30), Some(2)), "agrees with the API and the database");
        assert_eq!(checked(Some(90), Some(0)), "this machine is 1m 30s ahead of the API");
        assert_eq!(
            checked(Some(-90), Some(-3_600)),
            "this machine is 1m 30s behind the API and 1h behind the database"
        );
        assert!(checked(None, None).starts_with("not checked"));
    }
}
