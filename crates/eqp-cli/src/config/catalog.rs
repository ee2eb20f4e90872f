//! The catalog of all keys of `eqp.toml`. The reference, `eqp init`, the schema for editors and `eqp doctor` are based on it.
//!
//! A key with a flag has the description of that flag, so that help and reference cannot differ.

use super::Security;
use super::file::DISCOVERED;

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// The path of a file or folder, relative to the folder of the configuration file.
    Path,
    /// `true` or `false`.
    Boolean,
    /// A number of bytes.
    Bytes,
    /// The number of a port.
    Port,
    /// A list of texts.
    List,
    /// A table of texts.
    Table,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    /// The table that contains it; empty for a key at the top level, which a profile cannot contain.
    pub(crate) section: &'static str,
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// The type of its value.
    pub(crate) kind: Kind,
    /// The ID of the flag that overrides it.
    pub(crate) flag: Option<&'static str>,
    /// The environment variable that overrides it.
    pub(crate) variable: Option<&'static str>,
    /// An example of its value, in TOML.
    pub(crate) example: &'static str,
    /// The description, if that of the flag does not fit or there is no flag.
    text: Option<&'static str>,
    /// The default, if the description of the flag does not name it.
    default: Option<&'static str>,
}

const ENVIRONMENTS: Kind = Kind::Choice(&["production", "sandbox"]);

/// Every key, in the order of the reference.
pub(crate) const KEYS: &[Key] = &[
    key("", "profile", Kind::Text, "\"live\"")
        .flag("profile")
        .variable("EQP_PROFILE")
        .text("Profile that is used unless another profile or environment is requested"),
    key("data", "dir", Kind::Path, "\"/var/lib/eqp\"").flag("data_dir").variable("EQP_DATA_DIR"),
    key("data", "master_key_file", Kind::Path, "\"/etc/eqp/master.key\"")
        .variable("EQP_MASTER_KEY_FILE")
        .text("File (mode 0600) with the master key, which encrypts stored passwords")
        .default("master.key in the data folder"),
    key("marketplace", "environment", ENVIRONMENTS, "\"production\"").flag("environment").variable("EQP_ENVIRONMENT"),
    key("marketplace", "api_url", Kind::Text, "\"https://localhost:7443\"").flag("api_url").variable("EQP_API_URL"),
    key("marketplace", "ca_file", Kind::Path, "\"/etc/eqp/ca.pem\"").flag("ca_file").variable("EQP_CA_FILE"),
    key("marketplace", "application_id", Kind::Text, "\"acme-build\"")
        .flag("application_id")
        .variable("EQP_APPLICATION_ID"),
    key("marketplace", "application_secret_file", Kind::Path, "\"/etc/eqp/application-secret\"")
        .variable("EQP_APPLICATION_SECRET_FILE")
        .text("File (mode 0600) with the application secret of the access key"),
    key("marketplace", "application_secret_keyring", Kind::Boolean, "true")
        .text("Whether the application secret is in the keyring of the operating system; set by eqp login --keyring")
        .default("false"),
    key("marketplace", "verified_api_url", Kind::Text, "\"https://commercedeveloper-api.adobe.com\"").text(
        "API that accepted the access key, and the only one to which the stored secret is sent; set by eqp login",
    ),
    key("database", "url", Kind::Text, "\"postgres://eqp@db.example.com/eqp\"")
        .flag("database_url")
        .variable("EQP_DATABASE_URL")
        .text("URL of the Postgres database; if it contains a password, the configuration file needs mode 0600")
        .default("an embedded Postgres in the data folder"),
    key("database", "url_file", Kind::Path, "\"/etc/eqp/database-url\"")
        .variable("EQP_DATABASE_URL_FILE")
        .text("File (mode 0600) with the URL of the Postgres database"),
    key("server", "url", Kind::Text, "\"https://ops.example.com\"").flag("server").variable("EQP_SERVER_URL"),
    key("server", "token_file", Kind::Path, "\"/etc/eqp/token\"")
        .variable("EQP_TOKEN_FILE")
        .text("File (mode 0600) with the token for the server; used only for a server from the same file"),
    key("receiver", "listen", Kind::Text, "\"0.0.0.0:8443\"").flag("listen").variable("EQP_LISTEN"),
    key("receiver", "tls_cert", Kind::Path, "\"/etc/eqp/tls.crt\"").flag("tls_cert").variable("EQP_TLS_CERT"),
    key("receiver", "tls_key", Kind::Path, "\"/etc/eqp/tls.key\"").flag("tls_key").variable("EQP_TLS_KEY"),
    key("receiver", "behind_proxy", Kind::Boolean, "true")
        .flag("behind_proxy")
        .variable("EQP_BEHIND_PROXY")
        .default("false"),
    key("receiver", "tls_names", Kind::List, "[\"eqp.example.com\", \"192.0.2.7\"]")
        .flag("tls_names")
        .variable("EQP_TLS_NAMES"),
    key("receiver", "spool_dir", Kind::Path, "\"/var/spool/eqp\"").flag("spool_dir").variable("EQP_SPOOL_DIR"),
    key("receiver", "spool_bytes", Kind::Bytes, "1073741824").flag("spool_bytes").variable("EQP_SPOOL_BYTES"),
    key("receiver", "operator_listen", Kind::Text, "\"127.0.0.1:9464\"")
        .flag("operator_listen")
        .variable("EQP_OPERATOR_LISTEN"),
    key("receiver", "operator_hosts", Kind::List, "[\"ops.example.com\"]")
        .flag("operator_hosts")
        .variable("EQP_OPERATOR_HOSTS"),
    key("receiver", "retention", Kind::Text, "\"400d\"").flag("retention").variable("EQP_RETENTION"),
    key("receiver", "roles", Kind::List, "[\"accept\", \"project\"]").flag("role").variable("EQP_ROLE"),
    key("receiver", "reconcile_interval", Kind::Text, "\"10m\"")
        .flag("reconcile_interval")
        .variable("EQP_RECONCILE_INTERVAL"),
    key("receiver", "listings_interval", Kind::Text, "\"24h\"")
        .flag("listings_interval")
        .variable("EQP_LISTINGS_INTERVAL"),
    key("alerts", "severities", Kind::List, "[\"callbacks_missed=ticket\", \"review_stuck=info\"]")
        .text("Severities of kinds of alerts (page, ticket or info), instead of those in docs/alerts.md"),
    key("alerts", "quiet_hours", Kind::Text, "\"22:00-07:00\"")
        .text("Quiet hours (UTC), in which only alerts of severity page are sent")
        .default("none"),
    key("alerts", "scan_limit", Kind::Text, "\"4h\"")
        .text("Time after which a malware scan counts as stuck")
        .default("4h"),
    key("alerts", "automation_limit", Kind::Text, "\"2d\"")
        .text("Time after which the automated tests of a submission count as stuck")
        .default("2d"),
    key("alerts", "manual_qa_limit", Kind::Text, "\"15d\"")
        .text("Time after which the manual QA of a submission counts as stuck")
        .default("15d"),
    key("alerts", "marketing_limit", Kind::Text, "\"15d\"")
        .text("Time after which the marketing review of a submission counts as stuck")
        .default("15d"),
    key("deliver", "allow_networks", Kind::List, "[\"10.1.0.0/16\"]")
        .text("Private networks that webhooks may be sent to")
        .default("none"),
    key("deliver", "proxy", Kind::Text, "\"http://proxy.example.com:3128\"")
        .text("Proxy for webhooks; the proxy then decides which networks can be reached, and HTTPS_PROXY is not used")
        .default("none"),
    key("deliver", "digest_at", Kind::Text, "\"Mon 08:00\"")
        .text("Day and time in UTC at which weekly digests are created")
        .default("Mon 08:00"),
    key("mail", "host", Kind::Text, "\"mail.example.com\"").text("Host name of the mail server that sends mails"),
    key("mail", "port", Kind::Port, "587")
        .text("Port of the mail server")
        .default("587; 465 with security = \"tls\", 25 with \"none\""),
    key("mail", "security", Kind::Choice(Security::NAMES), "\"starttls\"")
        .text(
            "Protection of the connection: starttls, tls (from the start), or none (mail server on this machine only)",
        )
        .default("starttls"),
    key("mail", "ca_file", Kind::Path, "\"/etc/eqp/mail-ca.pem\"")
        .text("CA certificate (PEM) to trust in addition to those of the system"),
    key("mail", "username", Kind::Text, "\"eqp\"").text("User name for the mail server, if it requires authentication"),
    key("mail", "password_file", Kind::Path, "\"/etc/eqp/mail-password\"")
        .variable("EQP_MAIL_PASSWORD_FILE")
        .text("File (mode 0600) with the password for the mail server"),
    key("mail", "from", Kind::Text, "\"eqp <eqp@example.com>\"").text("Sender of mails"),
    key("mail", "timeout", Kind::Text, "\"20s\"").text("Time limit for sending one mail").default("20s"),
    key("composer", "packagist_url", Kind::Text, "\"https://repo.packagist.org\"")
        .flag("packagist_url")
        .variable("EQP_PACKAGIST_URL"),
    key("composer", "repository_url", Kind::Text, "\"https://repo.magento.com\"")
        .flag("repository_url")
        .variable("EQP_REPOSITORY_URL"),
];

/// Environment variables that do not stand for a key.
pub(crate) const OTHER_VARIABLES: &[(&str, &str)] = &[
    ("EQP_CONFIG", "Configuration file (flag `--config`)"),
    ("EQP_APPLICATION_SECRET", "Application secret of the access key"),
    ("EQP_MAIL_PASSWORD", "Password for the mail server"),
    ("EQP_CALLBACK_PASSWORD", "Password that `eqp trigger` sends"),
    ("EQP_CALLBACK_PASSWORD_FILE", "File (mode 0600) with that password"),
    ("EQP_TOKEN", "Token for the server (flag `--server`)"),
    ("EQP_RELEASE_LINES_FILE", "Release lines of Adobe Commerce, as Adobe publishes them (flag `--release-lines`)"),
    ("EQP_LOG", "Log level for each module, such as `eqp_receiver=debug,info`"),
    ("EQP_LOG_FORMAT", "Log format of `eqp serve`, `text` or `json` (flag `--log-format`)"),
    ("EQP_SIMULATOR_CONTROL_URL", "Control API of a running simulator; set by the file that `eqp simulator` writes"),
    ("EQP_SIMULATOR_CONTROL_TOKEN_FILE", "File with the token for that API; set by the same file"),
];

/// Returns a key without flag, variable and texts, which the methods below add.
pub(super) const fn key(section: &'static str, name: &'static str, kind: Kind, example: &'static str) -> Key {
    Key { section, name, kind, flag: None, variable: None, example, text: None, default: None }
}

impl Key {
    const fn flag(self, id: &'static str) -> Self {
        Self { flag: Some(id), ..self }
    }

    const fn variable(self, name: &'static str) -> Self {
        Self { variable: Some(name), ..self }
    }

    pub(super) const fn text(self, text: &'static str) -> Self {
        Self { text: Some(text), ..self }
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Returns the name with the section, such as `receiver.listen`.
    pub(crate) fn path(&self) -> String {
        if self.section.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }

    /// Returns whether a file that was found in the current folder may set it.
    pub(crate) fn is_allowed_in_discovered_files(&self) -> bool {
        DISCOVERED.contains(&self.path().as_str())
    }
}

/// A key with the texts of its flag.
#[derive(Debug)]
pub(crate) struct DescribedKey {
    /// The key.
    pub(crate) key: &'static Key,
    /// Its meaning.
    pub(crate) meaning: String,
    /// The value that is used if it is not set, or `None` if there is none.
    pub(crate) default: Option<String>,
    /// The flag, such as `--listen`.
    pub(crate) flag: Option<String>,
    /// The commands that have the flag; empty if all have it.
    pub(crate) commands: Vec<String>,
}

/// Returns every key with the texts of the flags in the definition of the command line.
pub(crate) fn described(definition: &clap::Command) -> Vec<DescribedKey> {
    KEYS.iter().map(|key| describe(key, definition)).collect()
}

pub(super) fn describe(key: &'static Key, definition: &clap::Command) -> DescribedKey {
    let found = key.flag.map(|id| arguments(definition, id)).unwrap_or_default();
    // A command may have another flag with the same name, such as the address of the simulator.
    let is_of_key = |argument: &clap::Arg| {
        argument.is_global_set() || argument.get_env().and_then(|name| name.to_str()) == key.variable
    };
    let found: Vec<_> = found.into_iter().filter(|(_, argument)| is_of_key(argument)).collect();
    let argument = found.first().map(|(_, argument)| *argument);
    let help = argument.and_then(clap::Arg::get_help).map(ToString::to_string).unwrap_or_default();
    let (meaning, default) = match help.strip_suffix(']').and_then(|help| help.rsplit_once(" [default: ")) {
        Some((meaning, default)) => (meaning.to_owned(), Some(default.to_owned())),
        None => (help, None),
    };
    let is_global = argument.is_some_and(clap::Arg::is_global_set);
    DescribedKey {
        key,
        meaning: key.text.map_or(meaning, str::to_owned),
        // The default of a flag with another description may be another one too.
        default: key.default.map(str::to_owned).or(default.filter(|_| key.text.is_none())),
        flag: argument.and_then(clap::Arg::get_long).map(|long| format!("--{long}")),
        commands: if is_global { Vec::new() } else { found.into_iter().map(|(command, _)| command).collect() },
    }
}

/// Returns the arguments with this ID, each with the path of its command.
fn arguments<'a>(command: &'a clap::Command, id: &str) -> Vec<(String, &'a clap::Arg)> {
    let own = command.get_arguments().filter(|argument| argument.get_id() == id);
    let own = own.map(|argument| (command.get_name().to_owned(), argument));
    let inner = command.get_subcommands().flat_map(|inner| arguments(inner, id));
    own.chain(inner.map(|(path, argument)| (format!("{} {path}", command.get_name()), argument))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::file::read_text;
    use super::super::keys::names_of;
    use super::super::profile_selection::ProfileSelector;
    use super::super::{
        AlertOptions, ComposerOptions, DataOptions, DatabaseOptions, DeliverOptions, IfMissing, Layer, MailOptions,
        MarketplaceOptions, ReceiverOptions, ServerOptions,
    };
    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_catalog_has_every_key_that_the_reader_accepts() {
        let sections: [(&str, &[&str]); 9] = [
            ("data", names_of::<DataOptions>()),
            ("marketplace", names_of::<MarketplaceOptions>()),
            ("database", names_of::<DatabaseOptions>()),
            ("server", names_of::<ServerOptions>()),
            ("receiver", names_of::<ReceiverOptions>()),
            ("alerts", names_of::<AlertOptions>()),
            ("deliver", names_of::<DeliverOptions>()),
            ("mail", names_of::<MailOptions>()),
            ("composer", names_of::<ComposerOptions>()),
        ];
        assert_eq!(sections.map(|(section, _)| section), names_of::<Layer>(), "a new section belongs here too");
        let accepted =
            sections.iter().flat_map(|(section, names)| names.iter().map(move |name| format!("{section}.{name}")));
        let listed: Vec<_> = KEYS.iter().map(Key::path).collect();
        assert_eq!(listed, ["profile".to_owned()].into_iter().chain(accepted).collect::<Vec<_>>());
        assert!(DISCOVERED.iter().all(|name| listed.iter().any(|listed| listed == name)));
    }

    #[test]
    fn every_flag_exists_and_has_the_variable_of_its_key() {
        for DescribedKey { key, meaning, flag, .. } in described(&Cli::definition()) {
            assert!(!meaning.is_empty() && !meaning.contains('['), "{}: {meaning}", key.path());
            let Some(id) = key.flag else { continue };
            assert!(flag.is_some(), "there is no flag {id} with the variable of {}", key.path());
            for (command, argument) in
                arguments(&Cli::definition(), id).iter().filter(|(_, found)| found.is_global_set())
            {
                // The URL of the database may contain a password, so clap must not read it.
                let expected = key.variable.filter(|_| id != "database_url");
                assert_eq!(argument.get_env().and_then(|name| name.to_str()), expected, "{command} {id}");
            }
        }
    }

    #[test]
    fn exactly_the_paths_are_relative_to_the_folder_of_the_file() {
        for key in KEYS.iter().filter(|key| !key.section.is_empty()) {
            let value = if key.kind == Kind::Path { "\"relative\"" } else { key.example };
            let text = format!("[{}]\n{} = {value}\n", key.section, key.name);
            let read = read_text(Path::new("/folder/eqp.toml"), &text, ProfileSelector::default(), IfMissing::Fail);
            let read = format!("{:?}", read.unwrap().base);
            assert_eq!(read.contains("/folder/"), key.kind == Kind::Path, "{}: {read}", key.path());
        }
    }

    #[test]
    fn every_variable_of_the_sources_is_listed() {
        fn variables(folder: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    variables(&entry, found);
                } else {
                    let text = std::fs::read_to_string(&entry).unwrap();
                    let literals = text.split('"').filter(|literal| literal.len() > 4 && literal.starts_with("EQP_"));
                    let is_name =
                        |literal: &&str| literal.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
                    found.extend(literals.filter(is_name).map(str::to_owned));
                }
            }
        }
        let mut found = Vec::new();
        variables(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let is_listed = |name: &str| {
            KEYS.iter().any(|key| key.variable == Some(name)) || OTHER_VARIABLES.iter().any(|(other, _)| *other == name)
        };
        found.retain(|name| !is_listed(name));
        assert_eq!(found, [""; 0]);
    }
}
