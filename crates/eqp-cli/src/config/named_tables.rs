//! The part of the catalog about tables whose entries have names that the user chooses.

use super::catalog::{DescribedKey, Key, Kind, describe, key};

/// A table that contains a table for each name that the user chooses, such as `[products."acme/checkout"]`. A profile cannot contain it.
#[derive(Debug)]
pub(crate) struct NamedTable {
    /// The name of the outer table.
    pub(crate) name: &'static str,
    /// The description.
    pub(crate) text: &'static str,
    /// An example of a chosen name, in TOML.
    pub(crate) entry: &'static str,
    /// The keys of each entry.
    pub(crate) keys: &'static [Key],
}

/// Every named table, in the order of the reference.
pub(crate) const NAMED_TABLES: &[NamedTable] = &[
    NamedTable {
        name: "products",
        text: "A product, with data that the Marketplace does not have; the name of the table is its SKU",
        entry: "\"acme/checkout\"",
        keys: &[
            key("products", "repository", Kind::Text, "\"https://github.com/acme/checkout\"")
                .text("URL of the git repository"),
            key("products", "tag", Kind::Text, "\"v{version}\"")
                .text("Git tag of a version, in which {version} is replaced by the version"),
            key("products", "channel", Kind::Text, "\"#releases\"").text("Chat channel for messages about the product"),
            key("products", "owner", Kind::Text, "\"checkout-team\"")
                .text("Person or team that is responsible for the product"),
            key("products", "source", Kind::Path, "\"../checkout\"").text("Folder or archive with the source code"),
        ],
    },
    NamedTable {
        name: "exec",
        text: "A program that handlers of subscriptions can run on this machine, by its name in the subscription",
        entry: "deploy",
        keys: &[
            key("exec", "command", Kind::List, "[\"/usr/local/bin/deploy\", \"--from-marketplace\"]")
                .text("Program (a name in PATH or an absolute path) and its arguments"),
            key("exec", "environment", Kind::Table, "{ STAGE = \"live\" }").text("Variables of its environment"),
        ],
    },
    NamedTable {
        name: "subscriptions",
        text: "A subscription that eqp serve (role deliver) creates and changes at its start; needs exactly one of webhook, \
               exec, pull, slack_url_file, slack_channel, discord_url_file, teams_url_file and email",
        entry: "on-call",
        keys: SUBSCRIPTION_KEYS,
    },
];

const SUBSCRIPTION_KEYS: &[Key] = &[
    key("subscriptions", "webhook", Kind::Text, "\"https://hooks.example.com/eqp\"")
        .text("Send events to this URL (HTTPS, without credentials)"),
    key("subscriptions", "secret_file", Kind::Path, "\"hooks.secret\"")
        .text("File (mode 0600) with the secret that signs requests"),
    key("subscriptions", "previous_secret_file", Kind::Path, "\"hooks.secret.old\"")
        .text("File (mode 0600) with the old secret, which also signs requests until all receivers have the new one"),
    key("subscriptions", "hmac_header", Kind::Text, "\"X-Hub-Signature-256\"")
        .text("Header for the hexadecimal HMAC-SHA256 of the body, instead of a signature by Standard Webhooks"),
    key("subscriptions", "hmac_prefix", Kind::Text, "\"sha256=\"")
        .text("Text before the hexadecimal digits in that header"),
    key("subscriptions", "exec", Kind::Text, "\"deploy\"").text("Run the program with this name (exec.NAME)"),
    key("subscriptions", "pull", Kind::Boolean, "true").text("Send nothing: consumers fetch the events"),
    key("subscriptions", "slack_url_file", Kind::Path, "\"slack.url\"")
        .text("File (mode 0600) with the URL of a Slack incoming webhook"),
    key("subscriptions", "slack_channel", Kind::Text, "\"C0123456789\"")
        .text("ID of the Slack channel to which a bot writes"),
    key("subscriptions", "slack_token_file", Kind::Path, "\"slack.token\"")
        .text("File (mode 0600) with the token of the Slack bot"),
    key("subscriptions", "discord_url_file", Kind::Path, "\"discord.url\"")
        .text("File (mode 0600) with the URL of a Discord webhook"),
    key("subscriptions", "teams_url_file", Kind::Path, "\"teams.url\"")
        .text("File (mode 0600) with the URL of a Microsoft Teams webhook (Workflows)"),
    key("subscriptions", "email", Kind::List, "[\"ann@example.com\"]")
        .text("Send mails to these addresses, at most 20, through the mail server of [mail]"),
    key("subscriptions", "kind", Kind::List, "[\"submission\"]")
        .text("Deliver events of these kinds: submission, file, unknown or undecodable"),
    key("subscriptions", "flow", Kind::List, "[\"overall\"]")
        .text("Deliver events of these flows: overall, technical, marketing or malware"),
    key("subscriptions", "status", Kind::List, "[\"released_to_store\"]").text("Deliver events with these statuses"),
    key("subscriptions", "sku", Kind::List, "[\"acme/*\"]")
        .text("Deliver events of these products; * matches any characters"),
    key("subscriptions", "account", Kind::List, "[\"production/MAG123456789\"]")
        .text("Deliver events of these accounts: MAGE_ID, or ENVIRONMENT/MAGE_ID"),
    key("subscriptions", "origin", Kind::List, "[\"callback\", \"reconcile\"]")
        .text("Deliver events of these origins: callback, reconcile or baseline"),
    key("subscriptions", "explicit_only", Kind::Boolean, "true")
        .text("Deliver a status only if the report is about its flow, not if the report only mentions it"),
    key("subscriptions", "applied_only", Kind::Boolean, "true")
        .text("Deliver only events whose status became the current status"),
    key("subscriptions", "alerts", Kind::List, "[\"page\"]")
        .text("Also deliver alerts of these severities: page, ticket or info"),
    key("subscriptions", "alerts_only", Kind::Boolean, "true").text("Deliver alerts and no events"),
    key("subscriptions", "digest", Kind::Choice(&["weekly"]), "\"weekly\"")
        .text("Deliver one summary per week instead of events"),
    key("subscriptions", "order_hold", Kind::Text, "\"15m\"")
        .text("Time for which a failing delivery holds back later events of its resource, none, or strict")
        .default("15m"),
    key("subscriptions", "fallback_for", Kind::Text, "\"chat\"")
        .text("Deliver only the alerts that this subscription cannot deliver, and no events"),
    key("subscriptions", "fallback_after", Kind::Text, "\"5m\"")
        .text("Time for which a delivery of that subscription may wait while its handler fails")
        .default("5m"),
];

/// Returns the keys of a named table with their texts.
pub(crate) fn described_entry(table: &'static NamedTable, definition: &clap::Command) -> Vec<DescribedKey> {
    table.keys.iter().map(|key| describe(key, definition)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::keys::names_of;
    use super::super::{ProductOptions, ProgramOptions, SubscriptionOptions};
    use super::*;

    #[test]
    fn the_catalog_has_every_key_of_named_tables() {
        let tables: [(&str, &[&str]); 3] = [
            ("products", names_of::<ProductOptions>()),
            ("exec", names_of::<ProgramOptions>()),
            ("subscriptions", names_of::<SubscriptionOptions>()),
        ];
        let listed = |table: &NamedTable| table.keys.iter().map(|key| key.name).collect::<Vec<_>>();
        assert_eq!(NAMED_TABLES.iter().map(|table| table.name).collect::<Vec<_>>(), tables.map(|(name, _)| name));
        for (table, (_, names)) in NAMED_TABLES.iter().zip(tables) {
            assert_eq!(listed(table), names);
            assert!(table.keys.iter().all(|key| key.section == table.name));
        }
    }
}
