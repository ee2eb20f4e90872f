//! Determines the argument that the last word of a command line belongs to.

use clap::{Arg, ArgAction, Command};

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Account,
    Alert,
    Delivery,
    Endpoint,
    Event,
    File,
    Profile,
    Replay,
    /// A submission or a file.
    Resource,
    Sku,
    Submission,
    /// A submission or a SKU.
    SubmissionOrSku,
    Subscription,
    Token,
}

impl Kind {
    /// Returns whether values are in the database, and not only in the configuration.
    pub(super) fn is_recorded(self) -> bool {
        self != Self::Profile
    }
}

/// The arguments whose values are completed: the beginning of the command (without `eqp`), the long name of the option or the
/// placeholder of the positional argument, and the kind of value.
const COMPLETED: &[(&str, &str, Kind)] = &[
    ("", "--profile", Kind::Profile),
    ("status", "SKU", Kind::Sku),
    ("accounts remove", "MAGE_ID", Kind::Account),
    ("alerts ack", "NUMBER", Kind::Alert),
    ("alerts note", "NUMBER", Kind::Alert),
    ("alerts resolve", "NUMBER", Kind::Alert),
    ("alerts show", "NUMBER", Kind::Alert),
    ("alerts snooze", "NUMBER", Kind::Alert),
    ("callbacks forget", "--name", Kind::Endpoint),
    ("callbacks remove", "--name", Kind::Endpoint),
    ("callbacks retire", "--name", Kind::Endpoint),
    ("callbacks rotate", "--name", Kind::Endpoint),
    ("deliveries discard", "IDS", Kind::Delivery),
    ("deliveries discard", "--subscription", Kind::Subscription),
    ("deliveries list", "--event", Kind::Event),
    ("deliveries list", "--replay", Kind::Replay),
    ("deliveries list", "--subscription", Kind::Subscription),
    ("deliveries retry", "IDS", Kind::Delivery),
    ("deliveries retry", "--subscription", Kind::Subscription),
    ("deliveries show", "ID", Kind::Delivery),
    ("doctor", "--canary", Kind::Endpoint),
    ("events", "--resource-id", Kind::Resource),
    ("events replay", "SEQ", Kind::Event),
    ("events replay", "--to", Kind::Subscription),
    ("events show", "SEQ", Kind::Event),
    ("files delete", "FILE_UPLOAD_ID", Kind::File),
    ("files show", "FILE_UPLOAD_ID", Kind::File),
    ("listen", "--sku", Kind::Sku),
    ("packages init", "--sku", Kind::Sku),
    ("packages list", "--sku", Kind::Sku),
    ("packages list", "--submission", Kind::Submission),
    ("packages recall", "--submission", Kind::Submission),
    ("packages report", "ID", Kind::Submission),
    ("packages show", "--sku", Kind::Sku),
    ("packages show", "ID", Kind::Submission),
    ("reconcile", "SUBMISSION|SKU", Kind::SubmissionOrSku),
    ("release", "--file-id", Kind::File),
    ("release", "--submission", Kind::Submission),
    ("replays cancel", "NUMBER", Kind::Replay),
    ("replays show", "NUMBER", Kind::Replay),
    ("reproject", "--resource-id", Kind::Resource),
    ("submissions letter", "ID", Kind::Submission),
    ("submissions link", "ID", Kind::Submission),
    ("submissions show", "ID", Kind::Submission),
    ("subscriptions add", "--fallback-for", Kind::Subscription),
    ("subscriptions add", "--sku", Kind::Sku),
    ("subscriptions pause", "NAME", Kind::Subscription),
    ("subscriptions remove", "NAME", Kind::Subscription),
    ("subscriptions resume", "NAME", Kind::Subscription),
    ("subscriptions rotate-secret", "NAME", Kind::Subscription),
    ("subscriptions show", "NAME", Kind::Subscription),
    ("subscriptions test", "NAME", Kind::Subscription),
    ("token link", "NAME", Kind::Token),
    ("token revoke", "NAME", Kind::Token),
    ("trigger", "--to", Kind::Endpoint),
    ("wait", "ID", Kind::Resource),
];

/// Returns the long names of the options whose values are completed, each once.
pub(super) fn completed_options() -> Vec<&'static str> {
    let mut options: Vec<_> = COMPLETED.iter().filter_map(|(_, name, _)| name.strip_prefix("--")).collect();
    options.sort_unstable();
    options.dedup();
    options
}

/// The value to complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    /// The part of the word before the value, such as `--profile=`.
    pub(super) before: String,
    /// The part of the value that is typed.
    pub(super) typed: String,
}

/// Returns what completes the last word, or `None` if it is not one of [`COMPLETED`]. `definition` is built.
pub(super) fn wanted(definition: &Command, words: &[String]) -> Option<Wanted> {
    let (typed, before) = words.get(1..)?.split_last()?;
    let place = Place::after(definition, before);
    if let Some(option) = place.option {
        return place.wanted(option, "", typed);
    }
    if !place.only_values && typed.starts_with('-') {
        let (name, value) = typed.split_once('=')?;
        let option = place.find_option(name)?;
        return place.wanted(option, &format!("{name}="), value);
    }
    let argument = place.positional()?;
    place.wanted(argument, "", typed)
}

/// The place in the command line after some words.
struct Place<'a> {
    command: &'a Command,
    /// The names of the commands, separated by spaces.
    path: String,
    /// The number of positional arguments.
    positional: usize,
    /// The option whose value follows.
    option: Option<&'a Arg>,
    /// Whether `--` was passed: no further word is an option.
    only_values: bool,
}

impl<'a> Place<'a> {
    fn after(definition: &'a Command, words: &[String]) -> Self {
        let mut place =
            Self { command: definition, path: String::new(), positional: 0, option: None, only_values: false };
        for word in words {
            place.pass(word);
        }
        place
    }

    fn pass(&mut self, word: &str) {
        if self.option.take().is_some() {
            return;
        }
        if self.only_values {
            self.positional += 1;
        } else if word == "--" {
            self.only_values = true;
        } else if word.starts_with('-') && word != "-" {
            self.option = self.find_option(word).filter(|option| takes_next_word(option));
        } else if let Some(inner) = self.command.find_subcommand(word) {
            self.command = inner;
            if !self.path.is_empty() {
                self.path.push(' ');
            }
            self.path.push_str(inner.get_name());
        } else {
            self.positional += 1;
        }
    }

    /// Returns the option with this name, such as `--profile` or `-o`.
    fn find_option(&self, name: &str) -> Option<&'a Arg> {
        let command = self.command;
        let is_meant = |option: &&Arg| match name.strip_prefix("--") {
            Some(long) => option.get_long() == Some(long),
            None => option.get_short().is_some_and(|short| name == format!("-{short}")),
        };
        command.get_arguments().find(is_meant)
    }

    /// Returns the positional argument of the next word. The last one may have several values.
    fn positional(&self) -> Option<&'a Arg> {
        let command = self.command;
        let mut positional = command.get_positionals();
        let last = command.get_positionals().last().filter(|last| matches!(last.get_action(), ArgAction::Append));
        positional.nth(self.positional).or(last)
    }

    fn wanted(&self, argument: &Arg, before: &str, typed: &str) -> Option<Wanted> {
        let kind = COMPLETED.iter().find(|(path, name, _)| is_below(&self.path, path) && is_named(argument, name))?.2;
        Some(Wanted { kind, before: before.to_owned(), typed: typed.to_owned() })
    }
}

/// Returns whether a command is the one of `path` or belongs to it.
fn is_below(command: &str, path: &str) -> bool {
    command.strip_prefix(path).is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with(' '))
}

/// Returns whether an argument has this long name or, without one, this placeholder.
fn is_named(argument: &Arg, name: &str) -> bool {
    if let Some(long) = name.strip_prefix("--") {
        return argument.get_long() == Some(long);
    }
    let placeholder = argument.get_value_names().unwrap_or_default().first().map(ToString::to_string);
    let placeholder = placeholder.unwrap_or_else(|| argument.get_id().as_str().to_uppercase());
    argument.is_positional() && placeholder == name
}

fn takes_next_word(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append) && !option.is_require_equals_set()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Command {
        let mut definition = crate::definition();
        definition.build();
        definition
    }

    fn find<'a>(command: &'a Command, path: &str) -> &'a Command {
        let names = path.split(' ').filter(|name| !name.is_empty());
        names.fold(command, |command, name| {
            command.find_subcommand(name).unwrap_or_else(|| panic!("there is no command `{path}`"))
        })
    }

    #[test]
    #[cfg(all(feature = "embedded", feature = "simulator"))]
    fn every_completed_argument_exists() {
        fn has(command: &Command, name: &str) -> bool {
            command.get_arguments().any(|argument| is_named(argument, name))
                || command.get_subcommands().any(|inner| has(inner, name))
        }
        let definition = definition();
        for (path, name, _) in COMPLETED {
            assert!(has(find(&definition, path), name), "{path} {name}");
        }
    }

    #[test]
    fn the_last_word_belongs_to_an_argument() {
        let definition = definition();
        let wanted = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            wanted(&definition, &words).map(|wanted| (wanted.kind, wanted.before, wanted.typed))
        };
        for (line, kind, before, typed) in [
            ("eqp submissions show ", Kind::Submission, "", ""),
            ("eqp submissions show s5", Kind::Submission, "", "s5"),
            ("eqp --profile a submissions --json show s5", Kind::Submission, "", "s5"),
            ("eqp status acme/a acme/", Kind::Sku, "", "acme/"),
            ("eqp status --interval 5s acme/", Kind::Sku, "", "acme/"),
            ("eqp --profile ", Kind::Profile, "", ""),
            ("eqp --profile=ac", Kind::Profile, "--profile=", "ac"),
            ("eqp packages list --profile ac", Kind::Profile, "", "ac"),
            ("eqp --server https://ops.example.com status ac", Kind::Sku, "", "ac"),
            ("eqp packages show --sku acme", Kind::Sku, "", "acme"),
            ("eqp events tail --resource-id s", Kind::Resource, "", "s"),
            ("eqp deliveries retry 1 2 ", Kind::Delivery, "", ""),
            ("eqp events replay --to ", Kind::Subscription, "", ""),
            ("eqp wait -- s", Kind::Resource, "", "s"),
            ("eqp subscriptions pause --reason x y", Kind::Subscription, "", "y"),
        ] {
            assert_eq!(wanted(line), Some((kind, before.to_owned(), typed.to_owned())), "{line}");
        }
        for line in [
            "eqp",
            "eqp ",
            "eqp sub",
            "eqp submissions ",
            "eqp submissions show s5 ",
            "eqp submissions show --",
            "eqp subscriptions add ",
            "eqp find ",
            "eqp status --interval ",
            "eqp nothing ",
            "",
        ] {
            assert_eq!(wanted(line), None, "{line}");
        }
    }

    #[test]
    fn a_command_is_below_itself_and_its_group() {
        for (command, path, expected) in [
            ("events list", "events", true),
            ("events", "events", true),
            ("events list", "", true),
            ("eventsource", "events", false),
            ("list", "events", false),
        ] {
            assert_eq!(is_below(command, path), expected, "{command} {path}");
        }
    }
}
