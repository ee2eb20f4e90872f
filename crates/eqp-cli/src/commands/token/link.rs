//! `eqp token link`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use eqp_console::{Scope, SignInLink};
use serde::Serialize;
use time::OffsetDateTime;
use url::{Host, Url};

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::config::{HostName, OperatorListen};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, utc};

/// Print a link that signs a browser in to the web pages, valid once and for 5 minutes
///
/// The browser gets the scopes of the token, for 12 hours or until the token is revoked. The code is in the fragment of
/// the link (after #), which browsers do not send: it appears in no log, and a chat that previews the link cannot use
/// it up.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp token link dashboard
  eqp token link dashboard --at https://ops.example.com
  open \"$(eqp token link dashboard --quiet)\"")]
pub(crate) struct Link {
    /// Name of the token, as shown by `eqp token list`
    name: String,
    /// Base URL of the pages, such as https://ops.example.com [default: that of the server]
    #[arg(long, value_name = "URL", value_parser = base_url)]
    at: Option<Url>,
    /// The variables of `eqp serve`, which decide where the pages are.
    #[arg(long, hide = true, env = "EQP_OPERATOR_LISTEN", hide_env_values = true)]
    operator_listen: Option<OperatorListen>,
    #[arg(
        long = "operator-host",
        hide = true,
        env = "EQP_OPERATOR_HOSTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    operator_hosts: Option<Vec<HostName>>,
    /// Show which token the link would be for, and create nothing
    #[arg(long)]
    dry_run: bool,
}

/// The name of the token for which a link is created.
struct LinkPlan(String);

impl Plan for LinkPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&LinkDryRun { would_link: &self.0 });
        }
        output.line(format_args!("would print a sign-in link for the token {}", self.0))
    }

    /// The link expires within minutes.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Creates a link.
struct Creation<'a> {
    operator: &'a Operator,
    name: String,
}

impl Change for Creation<'_> {
    type Plan = LinkPlan;
    type Applied = SignInLink;

    async fn observe(&mut self) -> Result<LinkPlan> {
        let tokens = self.operator.client().tokens().await?.tokens;
        let now = OffsetDateTime::now_utc();
        let is_valid = |expires: Option<OffsetDateTime>| expires.is_none_or(|at| at > now);
        let mut valid = tokens.iter().filter(|token| token.revoked_at.is_none() && is_valid(token.expires_at));
        if let Some(token) = valid.find(|token| token.name == self.name) {
            if token.scopes.contains(&Scope::Read) {
                return Ok(LinkPlan(self.name.clone()));
            }
            return Err(Failure::new(Exit::Failed, format!("the token {} cannot be used for the pages", self.name))
                .why("it does not have the scope read")
                .next("create one: eqp token create NAME --scope read,operate"));
        }
        Err(Failure::new(Exit::NotFound, format!("there is no valid token named {}", self.name))
            .next("list the tokens: eqp token list")
            .next(format!("create it: eqp token create {} --scope read,operate", self.name)))
    }

    async fn apply(self, LinkPlan(name): LinkPlan, _: Confirmation) -> Result<SignInLink> {
        Ok(self.operator.client().create_sign_in_link(&name).await?)
    }
}

/// A created link as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LinkCreation<'a> {
    /// The link, which can be used once.
    link: &'a str,
    /// When it becomes invalid.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    expires_at: OffsetDateTime,
}

/// The dry run of a creation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LinkDryRun<'a> {
    /// The name of the token for which a link would be created.
    would_link: &'a str,
}

impl Link {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let base = match &self.at {
            Some(base) => base.clone(),
            None => self.default_base(context)?,
        };
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let creation = Creation { operator: &operator, name: self.name };
        let created = change::run(context, creation, self.dry_run).await;
        operator.close().await?;
        let Some(created) = created? else { return Ok(()) };
        let link = format!("{}{}", base.as_str().trim_end_matches('/'), created.path.expose());
        if context.output.is_json() {
            return context.output.json(&LinkCreation { link: &link, expires_at: created.expires_at });
        }
        context
            .output
            .note(format_args!("open this link in a browser, once, until {} (UTC):", utc(created.expires_at)));
        context.output.line(link)
    }
}

impl Link {
    /// Returns the base URL of the pages: of the server that is called, of the first name under which the operator listener can be called,
    /// or of its address.
    fn default_base(&self, context: &Context) -> Result<Url> {
        if let Some(server) = context.settings.server.resolve()? {
            return Ok(server.url);
        }
        let receiver = &context.settings.receiver;
        let hosts = self.operator_hosts.as_ref().or(receiver.operator_hosts.as_ref());
        let name = hosts.into_iter().flatten().next().map(HostName::as_str);
        let listen = self.operator_listen.unwrap_or_else(|| receiver.operator_listen());
        let text = match (name, listen.address().or(OperatorListen::Usual.address())) {
            (Some(name), _) => format!("https://{name}"),
            (None, Some(address)) => format!("http://{}", reachable(address)),
            (None, None) => {
                return Err(Failure::usage("the address of the pages is not known").next("pass it with --at URL"));
            }
        };
        text.parse().map_err(|_| Failure::usage("the address of the pages is not known").next("pass it with --at URL"))
    }
}

/// Returns an address that can be connected to instead of one that represents all addresses of the machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { (IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()).into() } else { address }
}

/// Parses the URL of the pages.
fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "it is not a URL such as https://ops.example.com".to_owned())?;
    let is_usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    let is_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if is_usable && url.scheme() == "http" && !is_this_machine {
        return Err("over plain HTTP, others could read the code; use https:// except on this machine".to_owned());
    }
    if is_usable {
        return Ok(url);
    }
    Err("it has more than a scheme, a host and a port; write it like https://ops.example.com".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_base_of_a_url_is_accepted() {
        for text in ["https://ops.example.com", "http://127.0.0.1:8444/"] {
            assert!(base_url(text).is_ok(), "{text}");
        }
        for text in [
            "ops.example.com",
            "http://ops.example.com",
            "ftp://x",
            "https://a:b@x",
            "https://x/path",
            "https://x?q",
            "https://x/#f",
            "",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }
}
