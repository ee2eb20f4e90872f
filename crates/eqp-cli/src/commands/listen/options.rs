//! The options of `eqp listen`, and the default name of its subscription.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use time::OffsetDateTime;

use crate::arguments::{since, timeout};
use crate::commands::subscriptions::filter::FilterOptions;

/// The longest name of a user or a machine in the name of a subscription.
const MAX_PART: usize = 45;
/// The limits of --timeout.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
const LONGEST_TIMEOUT: Duration = Duration::from_mins(10);

/// Show events as they arrive, and forward them to a program or URL on this machine
///
/// Creates a temporary subscription, and fetches its messages. Events that arrive while the command is not running are
/// shown the next time; after 7 days without use, the subscription is removed. A server (`eqp serve`) with the roles
/// project and deliver must be running.
///
/// A program receives each message as JSON on its standard input. With exit code 0, the message is done; with 65, it is
/// not sent again; with any other code, it is sent again, first after 5 s, later after up to a minute.
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("handler").args(["forward_to", "exec", "command"]),
    after_help = "\
Examples:
  eqp listen
  eqp listen --since 2h --sku 'acme/*' --json
  eqp listen --forward-to http://localhost:8080/hooks/eqp
  eqp listen --flow overall --status approved -- ./publish.sh --dry-run
  eqp listen --forward-to http://localhost:8080 \\
      --raw --raw-user main --raw-password-file password
  eqp listen --name staging --server https://eqp.example.com"
)]
pub(crate) struct Listen {
    /// Send each message to this URL with the headers of Standard Webhooks
    #[arg(long, value_name = "URL", help_heading = "Handler")]
    pub(super) forward_to: Option<String>,
    /// Run the program with this name in the configuration of this machine (exec.NAME)
    #[arg(long, value_name = "NAME", help_heading = "Handler")]
    pub(super) exec: Option<String>,
    /// Run this command for each message
    #[arg(last = true, value_name = "COMMAND", help_heading = "Handler")]
    pub(super) command: Vec<String>,
    /// File (mode 0600) with the secret that signs requests, whsec_… of Standard Webhooks
    #[arg(long, value_name = "FILE", requires = "forward_to", conflicts_with = "raw", help_heading = "Handler")]
    pub(super) secret_file: Option<PathBuf>,
    /// Send the callback as the Marketplace sent it, once per callback, instead of the message
    #[arg(long, requires = "forward_to", help_heading = "Handler")]
    pub(super) raw: bool,
    /// User name of the Basic authorization
    #[arg(long, value_name = "NAME", requires_all = ["raw", "raw_password_file"], help_heading = "Handler")]
    pub(super) raw_user: Option<String>,
    /// File (mode 0600) with the password of the Basic authorization
    #[arg(long, value_name = "FILE", requires = "raw_user", help_heading = "Handler")]
    pub(super) raw_password_file: Option<PathBuf>,
    /// Time limit of one attempt, between 1s and 10m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = attempt_timeout, help_heading = "Handler")]
    pub(super) timeout: Duration,
    /// Name of the subscription [default: listen/USER@HOST]
    ///
    /// Commands with the same name share the messages; with different names, each receives all of them.
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Start with the events recorded since this UTC time or age (90s, 15m, 2h, 3d), if the subscription is new
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(super) since: Option<OffsetDateTime>,
    #[command(flatten)]
    pub(super) filter: FilterOptions,
}

fn attempt_timeout(text: &str) -> Result<Duration, String> {
    let time = timeout(text)?;
    if (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&time) {
        return Ok(time);
    }
    Err("it is not between 1s and 10m".to_owned())
}

/// Returns the name of the subscription of this user on this machine.
pub(super) fn default_name() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    let user = user.unwrap_or_else(|| rustix::process::getuid().as_raw().to_string());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("listen/{}@{}", plain(&user), plain(&host))
}

/// Returns a text with which a subscription can be named.
fn plain(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    text.chars().take(MAX_PART).map(|letter| if is_plain(letter) { letter } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_name_is_plain() {
        assert_eq!(plain("Jörg Ω/x"), "J-rg---x");
        assert!(default_name().starts_with("listen/") && default_name().contains('@'));
        assert!(plain(&"x".repeat(200)).len() * 2 + "listen/@".len() <= 100);
    }
}
