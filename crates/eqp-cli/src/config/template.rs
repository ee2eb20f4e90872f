//! The commented `eqp.toml` that `eqp init` writes.
//!
//! A line that starts with `#` and no space is a setting that is switched off; all other comments start with `# `.

use std::fmt::Write as _;

use super::catalog::{DescribedKey, described};
use super::editor_schema;
use super::named_tables::{NAMED_TABLES, described_entry};

/// Maximum width of a comment.
const WIDTH: usize = 100;

const SECTIONS: &[(&str, &str)] = &[
    ("data", "Files of this machine"),
    ("marketplace", "The Marketplace and the access key"),
    ("database", "The database of callbacks and events"),
    ("server", "The server that commands call instead of opening the database"),
    ("receiver", "The receiver (eqp serve)"),
    ("alerts", "Alerts (eqp serve with the role reconcile)"),
    ("deliver", "Deliveries of subscriptions (eqp serve)"),
    ("mail", "The mail server for subscriptions (eqp serve)"),
    ("composer", "The hosts that have versions of products (eqp packages published)"),
];

const PROFILES: &str = "\
A profile contains an access key, and any key of the sections above, for one environment. eqp login writes it.";

/// Returns the text of the file. Nothing in it is set.
pub(crate) fn render(definition: &clap::Command) -> String {
    let keys = described(definition);
    let mut text = format!("#:schema {}\n", editor_schema::FILE_NAME);
    text += &comment(
        "Configuration of eqp. To set a key, remove the # before it; the values are examples. Flags override environment \
         variables, which override profiles, which override the rest of this file. Relative paths start from the folder of \
         this file.",
    );
    text += "\n";
    text += &section(&keys, "");
    for (name, title) in SECTIONS {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}[{name}]\n{}", comment(title), section(&keys, name));
    }
    for table in NAMED_TABLES {
        let keys = described_entry(table, definition);
        let _ =
            write!(text, "\n{}#[{}.{}]\n{}", comment(table.text), table.name, table.entry, section(&keys, table.name));
    }
    let _ = write!(text, "\n{}", comment(PROFILES));
    text += "#[profiles.live.marketplace]\n";
    let is_of_login = |key: &&DescribedKey| {
        ["environment", "application_id", "application_secret_file", "verified_api_url"].contains(&key.key.name)
    };
    for DescribedKey { key, .. } in keys.iter().filter(is_of_login) {
        let _ = writeln!(text, "#{} = {}", key.name, key.example);
    }
    text
}

/// Returns the keys of a section, switched off.
fn section(keys: &[DescribedKey], section: &str) -> String {
    let keys = keys.iter().filter(|described| described.key.section == section);
    keys.map(|described| {
        let DescribedKey { key, meaning, .. } = described;
        let facts = facts(described);
        let facts = if facts.is_empty() { String::new() } else { comment(&facts) };
        format!("{}{facts}#{} = {}\n", comment(meaning), key.name, key.example)
    })
    .collect::<Vec<_>>()
    .join("\n")
}

fn facts(described: &DescribedKey) -> String {
    let facts = [
        described.default.as_ref().map(|default| format!("Default: {default}")),
        described.key.variable.map(|variable| format!("Variable: {variable}")),
        described.flag.as_ref().map(|flag| format!("Flag: {flag}")),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(". ")
}

/// Returns text as comment lines.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a first line");
        if last.len() > 1 && last.len() + 1 + word.len() > WIDTH {
            lines.push(format!("# {word}"));
        } else {
            last.push(' ');
            last.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// Moves the line that names the schema for editors back to the top, if something was inserted before it.
pub(super) fn with_schema_first(text: String) -> String {
    let Some(line) = text.lines().find(|line| line.starts_with("#:schema ")) else { return text };
    if text.starts_with("#:schema ") {
        return text;
    }
    let rest = text.replacen(&format!("{line}\n"), "", 1);
    format!("{line}\n{rest}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::catalog::KEYS;
    use super::super::file::read_text;
    use super::super::profile_selection::ProfileSelector;
    use super::super::{IfMissing, Layer};
    use super::*;
    use crate::cli::Cli;

    fn read(text: &str) -> (Layer, Option<(String, Layer)>) {
        let read = read_text(Path::new("/etc/eqp/eqp.toml"), text, ProfileSelector::default(), IfMissing::Fail);
        let read = read.unwrap_or_else(|failure| panic!("{failure}\n{text}"));
        (read.base, read.profile)
    }

    /// The file with every setting switched on.
    fn switched_on(text: &str) -> String {
        let is_setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("#:");
        let on = |line: &str| if is_setting(&line) { line[1..].to_owned() } else { line.to_owned() };
        text.lines().map(on).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_file_as_written_sets_nothing() {
        let (base, profile) = read(&render(&Cli::definition()));
        assert_eq!(format!("{base:?}"), format!("{:?}", Layer::default()));
        assert!(profile.is_none());
    }

    #[test]
    fn with_every_setting_switched_on_the_file_sets_every_key() {
        let text = switched_on(&render(&Cli::definition()));
        let (base, profile) = read(&text);
        // `secret_for` is not a key.
        let unset = format!("{base:?}").matches(": None").count();
        assert_eq!(unset, 1, "{base:?}");
        assert_eq!(profile.map(|(name, _)| name).as_deref(), Some("live"));
        let table: toml::Table = text.parse().unwrap();
        for key in KEYS {
            let table = if key.section.is_empty() { &table } else { table[key.section].as_table().unwrap() };
            assert!(table.contains_key(key.name), "{}", key.path());
        }
    }

    #[test]
    fn lines_are_short_and_name_default_variable_and_flag() {
        let text = render(&Cli::definition());
        assert!(text.starts_with("#:schema eqp.schema.json\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.contains("# Default: 127.0.0.1:8443. Variable: EQP_LISTEN. Flag: --listen\n#listen = "), "{text}");
    }

    #[test]
    fn the_schema_stays_in_the_first_line() {
        let text = "#:schema eqp.schema.json\n# ours\n[data]\n";
        assert_eq!(with_schema_first(text.to_owned()), text);
        assert_eq!(
            with_schema_first(format!("profile = \"a\"\n{text}")),
            "#:schema eqp.schema.json\nprofile = \"a\"\n# ours\n[data]\n"
        );
        assert_eq!(with_schema_first("[data]\n".to_owned()), "[data]\n");
    }
}
