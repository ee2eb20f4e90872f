//! Lists every setting with its value and origin. For secrets, only the place where they are stored is shown.

use std::path::{Path, PathBuf};

use eqp_receiver::SpoolSettings;
use eqp_types::Secret;
use serde::Serialize;

use crate::config::catalog::{KEYS, Key};
use crate::config::{DatabaseUrl, HostName, Layer, variable};
use crate::context::Context;

/// The effective value of a setting.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Setting {
    /// Its name in the configuration file.
    pub(super) name: &'static str,
    /// Its value.
    pub(super) value: String,
    /// The flag, the variable, the profile or the file that set it, or `default`.
    pub(super) from: String,
}

/// The way in which the value of a key is read from the configuration.
struct Known {
    name: &'static str,
    value: fn(&Layer) -> Option<String>,
    /// The value if nothing is set.
    default: fn(&Layer) -> String,
}

fn shown(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

fn none(_: &Layer) -> String {
    "-".to_owned()
}

/// Creates an entry of the table below.
const fn known(name: &'static str, value: fn(&Layer) -> Option<String>, default: fn(&Layer) -> String) -> Known {
    Known { name, value, default }
}

const KNOWN: &[Known] = &[
    known(
        "data.dir",
        |l| shown(l.data.dir.as_ref()),
        |l| l.data.place().map_or_else(|_| "-".into(), |place| place.display().to_string()),
    ),
    known(
        "data.master_key_file",
        |l| shown(l.data.master_key_file.as_ref()),
        |_| "master.key in the data folder".to_owned(),
    ),
    known(
        "marketplace.environment",
        |l| l.marketplace.environment.map(|environment| environment.to_string()),
        |l| l.marketplace.environment().to_string(),
    ),
    known(
        "marketplace.api_url",
        |l| l.marketplace.api_url.as_ref().map(ToString::to_string),
        |l| l.marketplace.environment().base_url().to_owned(),
    ),
    known("marketplace.ca_file", |l| shown(l.marketplace.ca_file.as_ref()), none),
    known("marketplace.application_id", |l| l.marketplace.application_id.clone(), none),
    known("marketplace.application_secret_file", |l| shown(l.marketplace.application_secret_file.as_ref()), none),
    known(
        "marketplace.application_secret_keyring",
        |l| l.marketplace.application_secret_keyring.map(|in_keyring| in_keyring.to_string()),
        none,
    ),
    known("marketplace.verified_api_url", |l| l.marketplace.verified_api_url.as_ref().map(ToString::to_string), none),
    known("database.url", |l| l.database.url.as_ref().map(place), none),
    known("database.url_file", |l| shown(l.database.url_file.as_ref()), none),
    known("server.url", |l| l.server.url.as_ref().map(ToString::to_string), none),
    known("server.token_file", |l| shown(l.server.token_file.as_ref()), none),
    known(
        "receiver.listen",
        |l| l.receiver.listen.map(|address| address.to_string()),
        |l| l.receiver.listen().to_string(),
    ),
    known("receiver.tls_cert", |l| shown(l.receiver.tls_cert.as_ref()), |_| "issued by the local CA".to_owned()),
    known("receiver.tls_key", |l| shown(l.receiver.tls_key.as_ref()), none),
    known(
        "receiver.behind_proxy",
        |l| l.receiver.behind_proxy.map(|behind| behind.to_string()),
        |_| "false".to_owned(),
    ),
    known("receiver.tls_names", |l| l.receiver.tls_names.as_ref().map(|names| names.join(",")), none),
    known("receiver.spool_dir", |l| shown(l.receiver.spool_dir.as_ref()), |_| "spool in the data folder".to_owned()),
    known(
        "receiver.spool_bytes",
        |l| l.receiver.spool_bytes.map(|bytes| bytes.to_string()),
        |_| SpoolSettings::DEFAULT_BYTES.to_string(),
    ),
    known(
        "receiver.operator_listen",
        |l| l.receiver.operator_listen.map(|listen| listen.to_string()),
        |l| l.receiver.operator_listen().to_string(),
    ),
    known(
        "receiver.operator_hosts",
        |l| Some(l.receiver.operator_hosts.as_ref()?.iter().map(HostName::as_str).collect::<Vec<_>>().join(",")),
        none,
    ),
    known("receiver.retention", |l| l.receiver.retention.map(|period| period.to_string()), |_| "unlimited".to_owned()),
    known(
        "receiver.roles",
        |l| Some(l.receiver.roles.as_ref()?.iter().map(|role| role.name()).collect::<Vec<_>>().join(",")),
        |_| "all".to_owned(),
    ),
    known(
        "receiver.reconcile_interval",
        |l| l.receiver.reconcile_interval.map(|interval| interval.to_string()),
        |_| "10m".to_owned(),
    ),
    known(
        "receiver.listings_interval",
        |l| l.receiver.listings_interval.map(|interval| interval.to_string()),
        |_| "24h".to_owned(),
    ),
    known("alerts.severities", |l| l.alerts.severities(), none),
    known("alerts.quiet_hours", |l| l.alerts.quiet_hours(), none),
    known("alerts.scan_limit", |l| l.alerts.scan_limit(), |_| "4h".to_owned()),
    known("alerts.automation_limit", |l| l.alerts.automation_limit(), |_| "2d".to_owned()),
    known("alerts.manual_qa_limit", |l| l.alerts.manual_qa_limit(), |_| "15d".to_owned()),
    known("alerts.marketing_limit", |l| l.alerts.marketing_limit(), |_| "15d".to_owned()),
    known("deliver.allow_networks", |l| l.deliver.allow_networks.as_ref().map(|names| names.join(",")), none),
    // The URL of a proxy can contain a password.
    known("deliver.proxy", |l| l.deliver.proxy.as_ref().map(|_| "(set)".to_owned()), none),
    known("deliver.digest_at", |l| l.deliver.digest_at.map(|at| at.0.to_string()), |_| "Mon 08:00".to_owned()),
    known("mail.host", |l| l.mail.host.clone(), none),
    known("mail.port", |l| l.mail.port.map(|port| port.to_string()), none),
    known("mail.security", |l| l.mail.security.map(|security| security.name().to_owned()), |_| "starttls".to_owned()),
    known("mail.ca_file", |l| shown(l.mail.ca_file.as_ref()), none),
    known("mail.username", |l| l.mail.username.clone(), none),
    known("mail.password_file", |l| shown(l.mail.password_file.as_ref()), none),
    known("mail.from", |l| l.mail.from.clone(), none),
    known(
        "mail.timeout",
        |l| l.mail.timeout.map(|timeout| humantime::format_duration(timeout.0).to_string()),
        |_| "20s".to_owned(),
    ),
    known("composer.packagist_url", |l| l.composer.packagist_url.as_ref().map(ToString::to_string), none),
    known("composer.repository_url", |l| l.composer.repository_url.as_ref().map(ToString::to_string), none),
];

/// Returns every setting.
pub(super) fn all(context: &Context) -> Vec<Setting> {
    let keys = KEYS.iter().filter_map(|key| Some((key, KNOWN.iter().find(|known| known.name == key.path())?)));
    let keys = keys.map(|(key, known)| setting(context, key, known));
    sources(context).into_iter().chain(keys).chain([secret()]).collect()
}

/// Returns the configuration file and the profile from which other settings are read.
fn sources(context: &Context) -> [Setting; 2] {
    let given = |flag: &'static str, variable: &'static str| {
        let by_flag = context.flags.iter().any(|given| given == flag);
        let is_set = crate::config::variable(variable).is_some();
        if by_flag { Some(format!("--{flag}")) } else { is_set.then(|| variable.to_owned()) }
    };
    let loaded = &context.loaded;
    let default = || "default".to_owned();
    let profile = loaded.profile.as_ref().map(|(name, _)| name.clone());
    let chosen = given("profile", "EQP_PROFILE").filter(|_| profile.is_some());
    let by_environment = || given("environment", "EQP_ENVIRONMENT").filter(|_| profile.is_some());
    [
        Setting {
            name: "configuration file",
            value: loaded.file.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string()),
            from: given("config", "EQP_CONFIG").unwrap_or_else(default),
        },
        Setting {
            name: "profile",
            from: chosen.or_else(by_environment).unwrap_or_else(default),
            value: profile.clone().unwrap_or_else(|| "-".to_owned()),
        },
    ]
}

fn setting(context: &Context, key: &Key, known: &Known) -> Setting {
    let loaded = &context.loaded;
    let file = loaded.file.as_deref().unwrap_or(Path::new("")).display();
    let (value, from) = if let Some(value) = (known.value)(&loaded.given) {
        let by_flag = key.flag.filter(|flag| context.flags.iter().any(|given| given == flag));
        match (by_flag, key.variable) {
            // The only flag whose name differs from its ID.
            (Some("database_url"), _) => (value, "--database".to_owned()),
            (Some(flag), _) => (value, format!("--{}", flag.replace('_', "-"))),
            (None, variable) => (value, variable.unwrap_or("environment").to_owned()),
        }
    } else if let Some((variable, value)) = key.variable.and_then(|name| Some((name, variable(name)?))) {
        // Read where it is used, not by the configuration.
        (value.display().to_string(), variable.to_owned())
    } else if let Some((path, value)) =
        loaded.discovered.as_ref().and_then(|(path, layer)| Some((path, (known.value)(layer)?)))
    {
        (value, path.display().to_string())
    } else if let Some((name, value)) =
        loaded.profile.as_ref().and_then(|(name, layer)| Some((name, (known.value)(layer)?)))
    {
        (value, format!("profile {name} of {file}"))
    } else if let Some(value) = (known.value)(&loaded.base) {
        (value, file.to_string())
    } else {
        ((known.default)(&loaded.settings), "default".to_owned())
    };
    Setting { name: known.name, value, from }
}

/// Returns where the application secret comes from. The secret itself is not shown.
fn secret() -> Setting {
    let is_set = variable("EQP_APPLICATION_SECRET").is_some();
    let (value, from) = if is_set { ("(set)", "EQP_APPLICATION_SECRET") } else { ("-", "default") };
    Setting { name: "application secret", value: value.to_owned(), from: from.to_owned() }
}

/// Formats a database URL without its password.
fn place(url: &Secret) -> String {
    DatabaseUrl::parse(url).map_or_else(|_| "(unusable)".to_owned(), |url| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_a_value() {
        for url in ["postgres://me:hush@h/d", "postgres://h/d?password=hush", "hush"] {
            assert!(!place(&Secret::new(url)).contains("hush"), "{}", place(&Secret::new(url)));
        }
        assert_eq!(place(&Secret::new("postgres://me:hush@h:1/d?sslmode=require")), "postgres://me@h:1/d");
    }

    #[test]
    fn every_key_of_the_configuration_is_shown() {
        // The profile is shown with the file.
        let keys: Vec<_> = KEYS.iter().filter(|key| !key.section.is_empty()).map(Key::path).collect();
        let mut shown: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        assert_eq!(shown, keys);
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown.len(), KNOWN.len(), "names are unique");
    }
}
