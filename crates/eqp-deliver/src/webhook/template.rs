//! Templates of URLs, headers and bodies.
//!
//! Users who may define a webhook are not trusted with the worker: the work of a template is limited, and a template can read only the
//! message and the secrets of its own webhook.

use std::error::Error as StdError;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, context, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::repository;
use crate::message::DATA_FIELDS;
use crate::{DefinitionError, HandlerSecrets, Message};

/// The work that rendering one template may do. It bounds its instructions, and with them the time and the memory (3 MB).
const FUEL: u64 = 50_000;
/// The maximum size of a template in bytes. The time of the parser grows with its square.
const MAX_TEMPLATE_BYTES: usize = 16 * 1024;
/// The nesting that a template may have when it is rendered. Each level uses stack.
const RECURSION: usize = 50;
/// The stack of the thread that compiles a template. The parser descends once for each operator of an expression, which uses less than
/// 4 KB; only the part that is used occupies memory.
const PARSER_STACK: usize = MAX_TEMPLATE_BYTES * 6 * 1024;

/// The escaping of expressions in URLs and forms.
const PERCENT: &str = "percent";
/// Characters that need no escape in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The variables of templates, besides those inside `data` and `secrets`.
const VARIABLES: &[&str] = &["data", "id", "message", "replay", "responses", "secrets", "timestamp", "type"];

/// How expressions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Unchanged.
    None,
    /// As JSON, including the quotation marks of texts.
    Json,
    /// Percent-encoded.
    Percent,
}

/// The reason why a template has no result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotRendered {
    /// The template called `skip`.
    Skipped(String),
    /// The template itself is wrong.
    Failed(String),
    /// The result cannot be sent, but that of another message can.
    Invalid(String),
}

/// The source of the error with which `skip` ends a template.
#[derive(Debug)]
struct Skip(String);

/// Compiled templates, each with a name that errors contain.
pub(crate) struct Templates {
    environment: Environment<'static>,
    /// The names of the lookups whose responses templates can use.
    lookups: Vec<String>,
}

/// The values of the variables for one message.
pub(crate) struct Values(Value);

impl Templates {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION);
        environment.set_auto_escape_callback(|name| match escape_of(name) {
            Escape::None => AutoEscape::None,
            Escape::Json => AutoEscape::Json,
            Escape::Percent => AutoEscape::Custom(PERCENT.into()),
        });
        environment.set_formatter(write_value);
        environment.add_function("skip", |reason: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, "skipped").with_source(Skip(reason)))
        });
        environment.add_filter("base64", |text: String| STANDARD.encode(text));
        environment.add_filter("repository_at", repository_at);
        // It would show the secrets where a template must not use them.
        environment.remove_global("debug");
        Self { environment, lookups: Vec::new() }
    }

    /// Allows the templates that are added from now on to use the response of a lookup.
    pub(crate) fn allow_response(&mut self, lookup: &str) {
        self.lookups.push(lookup.to_owned());
    }

    /// Adds a template, and checks that it uses only variables that exist.
    pub(crate) fn add(
        &mut self,
        name: &str,
        source: &str,
        escape: Escape,
        secrets: &HandlerSecrets,
    ) -> Result<(), DefinitionError> {
        let wrong = |reason: String| DefinitionError::Template { part: name.to_owned(), reason };
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(wrong(format!("it has more than {MAX_TEMPLATE_BYTES} bytes")));
        }
        // On the stack of this thread, a short template with many operators would overflow it and abort the process.
        let compiling = std::thread::Builder::new().name("template".to_owned()).stack_size(PARSER_STACK);
        std::thread::scope(|scope| {
            let compiled = compiling.spawn_scoped(scope, || self.compile(name, source, escape, secrets));
            let compiled = compiled.map_err(|error| wrong(format!("it cannot be compiled now: {error}")))?;
            compiled.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn compile(
        &mut self,
        name: &str,
        source: &str,
        escape: Escape,
        secrets: &HandlerSecrets,
    ) -> Result<(), DefinitionError> {
        let wrong = |reason: String| DefinitionError::Template { part: name.to_owned(), reason };
        let full_name = full_name(name, escape);
        self.environment
            .add_template_owned(full_name.clone(), source.to_owned())
            .map_err(|error| wrong(reasons(&error)))?;
        let template = self.environment.get_template(&full_name).map_err(|error| wrong(reasons(&error)))?;
        let is_global = |name: &str| self.environment.globals().any(|(global, _)| global == name);
        for variable in template.undeclared_variables(true) {
            let mut parts = variable.split('.');
            let (first, second) = (parts.next().unwrap_or_default(), parts.next());
            match (first, second) {
                ("secrets", _) if escape == Escape::Percent && name.starts_with("url") => {
                    return Err(wrong("secrets cannot be used in a URL, which servers and proxies log".to_owned()));
                }
                ("secrets", Some(secret)) if !secrets.named.contains_key(secret) => {
                    return Err(DefinitionError::MissingSecret { name: secret.to_owned() });
                }
                ("responses", None) => return Err(wrong("it must name a response, as in `responses.NAME`".to_owned())),
                ("responses", Some(lookup)) if !self.lookups.iter().any(|known| known == lookup) => {
                    return Err(wrong(format!("`{lookup}` is not the name of an earlier lookup")));
                }
                ("data", Some(field)) if !DATA_FIELDS.contains(&field) => {
                    return Err(wrong(format!("`data.{field}` is not a field of any message")));
                }
                (first, _) if !VARIABLES.contains(&first) && !is_global(first) => {
                    return Err(wrong(format!("`{first}` is not one of {}", VARIABLES.join(", "))));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Renders a template that was added with the same name and escape.
    pub(crate) fn render(&self, name: &str, escape: Escape, values: &Values) -> Result<String, NotRendered> {
        let rendered = self
            .environment
            .get_template(&full_name(name, escape))
            .and_then(|template| template.render(values.0.clone()));
        rendered.map_err(|error| match skip_reason(&error) {
            Some(reason) => NotRendered::Skipped(reason),
            None => NotRendered::Failed(format!("the template of the {name} failed: {}", reasons(&error))),
        })
    }
}

impl Values {
    pub(crate) fn new(message: &Message, secrets: &HandlerSecrets) -> Self {
        let body = serde_json::to_value(&message.body).expect("a body has only text keys");
        let secrets = secrets.named.iter().map(|(name, secret)| (name.clone(), Value::from(secret.expose())));
        let (data, timestamp) = (Value::from(Serde(&body["data"])), Value::from(Serde(&body["timestamp"])));
        Self(Value::from_pairs([
            ("data", data),
            ("id", Value::from(message.id.as_str())),
            ("message", Value::from(Serde(&body))),
            ("replay", Value::from(Serde(message.replay))),
            ("secrets", Value::from_pairs(secrets)),
            ("timestamp", timestamp),
            ("type", Value::from(message.body.type_name())),
        ]))
    }

    /// Returns the values together with the responses of lookups.
    pub(crate) fn with_responses(&self, responses: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self(context! { responses => Serde(responses), ..self.0.clone() })
    }
}

/// The filter for the URL of a git repository: its path, if it is at the host of an API.
#[expect(clippy::needless_pass_by_value, reason = "filters have owned arguments")]
fn repository_at(repository: Value, api: String) -> Result<Value, Error> {
    let skip = |reason: String| Error::new(ErrorKind::InvalidOperation, "skipped").with_source(Skip(reason));
    let repository = repository
        .as_str()
        .ok_or_else(|| skip("the repository of this product is not in the configuration of the server".to_owned()))?;
    let host = repository::host_of_api(&api).unwrap_or_default();
    let path = repository::path_at(repository, &host)
        .ok_or_else(|| skip(format!("the repository of this product is not at {host}")))?;
    let names: Vec<String> = path.split('/').map(|name| utf8_percent_encode(name, RESERVED).to_string()).collect();
    Ok(Value::from_safe_string(names.join("/")))
}

/// Returns the name of a template inside the environment, from which its escape is known.
fn full_name(name: &str, escape: Escape) -> String {
    match escape {
        Escape::None => format!("{name} as text"),
        Escape::Json => format!("{name} as json"),
        Escape::Percent => format!("{name} as percent"),
    }
}

fn escape_of(full_name: &str) -> Escape {
    match full_name.rsplit_once(" as ") {
        Some((_, "json")) => Escape::Json,
        Some((_, "percent")) => Escape::Percent,
        _ => Escape::None,
    }
}

/// Writes the value of an expression.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match state.auto_escape() {
        AutoEscape::Custom(_) if value.is_safe() => write!(out, "{value}").map_err(Error::from),
        AutoEscape::Custom(_) if !value.is_undefined() && !value.is_none() => {
            let text = value.to_string();
            if text == "." || text == ".." {
                // Not even percent-encoded dots are names: URL parsers still remove the segment before them.
                return Err(Error::new(ErrorKind::InvalidOperation, "`.` and `..` cannot be parts of a URL"));
            }
            write!(out, "{}", utf8_percent_encode(&text, RESERVED)).map_err(Error::from)
        }
        AutoEscape::Custom(_) => Ok(()),
        AutoEscape::Json if value.is_undefined() => out.write_str("null").map_err(Error::from),
        _ => escape_formatter(out, state, value),
    }
}

fn skip_reason(error: &Error) -> Option<String> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(Skip(reason)) = error.downcast_ref::<Skip>() {
            return Some(reason.clone());
        }
        cause = error.source();
    }
    None
}

/// Returns what is wrong with a template, with the number of the line.
fn reasons(error: &Error) -> String {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    };
    error.line().map_or(what.clone(), |line| format!("line {line}: {what}"))
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the template called skip()")
    }
}

impl StdError for Skip {}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    fn secrets() -> HandlerSecrets {
        let mut secrets = HandlerSecrets::default();
        secrets.named.insert("token".to_owned(), eqp_types::Secret::new("hush"));
        secrets
    }

    fn render(source: &str, escape: Escape) -> Result<String, String> {
        let message = Message::of_test(Uuid::nil(), Uuid::nil(), OffsetDateTime::UNIX_EPOCH, "a \"b\"/<c>&\n..");
        let mut templates = Templates::new();
        templates.add("body", source, escape, &secrets()).map_err(|error| error.to_string())?;
        templates.render("body", escape, &Values::new(&message, &secrets())).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_short_template_with_many_operators_does_not_overflow_the_stack() {
        for (begin, part, end) in [
            ("{{ ", "-", "1 }}"),
            ("{{ ", "not ", "1 }}"),
            ("{{ message", ".a", " }}"),
            ("{{ message", "[0]", " }}"),
            ("{{ id", "|string", " }}"),
            ("{{ 1", "~1", " }}"),
            ("{{ 1", "**1", " }}"),
            ("{{ 1", " if 1 else 1", " }}"),
            ("{% if 0 %}", "{% elif 0 %}", "{% endif %}"),
        ] {
            let parts = (MAX_TEMPLATE_BYTES - begin.len() - end.len()) / part.len();
            // It is compiled or refused.
            let _ = render(&format!("{begin}{}{end}", part.repeat(parts)), Escape::None);
        }
    }

    #[test]
    fn a_template_cannot_show_all_variables() {
        for escape in [Escape::None, Escape::Percent] {
            let refused = render("{{ debug() }}", escape).unwrap_err();
            assert!(refused.contains("`debug` is not one of"), "{refused}");
        }
    }

    #[test]
    fn expressions_in_json_are_json() {
        let rendered =
            render(r#"{"a": {{ data.subscription }}, "b": {{ replay }}, "c": {{ data.sku }}}"#, Escape::Json);
        let value: serde_json::Value = serde_json::from_str(&rendered.unwrap()).unwrap();
        assert_eq!(value, serde_json::json!({"a": "a \"b\"/<c>&\n..", "b": null, "c": null}));
    }

    #[test]
    fn the_whole_message_can_be_embedded_in_json() {
        let rendered = render(r#"{"payload": {{ message }}}"#, Escape::Json).unwrap();
        let value: serde_json::Value = serde_json::from_str(&rendered).unwrap();
        assert_eq!(value["payload"]["data"]["subscription"], "a \"b\"/<c>&\n..");
    }

    #[test]
    fn expressions_in_urls_and_forms_are_percent_encoded() {
        let rendered = render("/x/{{ data.subscription }}?t={{ type }}&s={{ data.sku }}", Escape::Percent);
        assert_eq!(rendered.unwrap(), "/x/a%20%22b%22%2F%3Cc%3E%26%0A..?t=subscription.test&s=");
        assert!(render("/x/{{ '..' }}/y", Escape::Percent).unwrap_err().contains("cannot be parts of a URL"));
    }

    #[test]
    fn a_template_that_loops_or_grows_ends() {
        for source in [
            "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
            "{{ 'x' * 100000000000 }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{% set ns = namespace(t='x') %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
        ] {
            let error = render(source, Escape::None).unwrap_err();
            assert!(error.contains("Failed"), "{source}: {error}");
        }
    }

    #[test]
    fn a_template_is_checked_when_it_is_defined() {
        for (source, reason) in [
            ("{{ data.skuu }}", "`data.skuu` is not a field of any message"),
            ("{{ dat.sku }}", "`dat` is not one of data, id, message"),
            ("{{ data.sku", "line 1: syntax error"),
            ("{{ secrets.tokn }}", "the secret `tokn` is not stored"),
            ("{% include '/etc/passwd' %}", "syntax error"),
        ] {
            let error = render(source, Escape::None).unwrap_err();
            assert!(error.contains(reason), "{source}: {error}");
        }
        assert!(render(&"x".repeat(MAX_TEMPLATE_BYTES + 1), Escape::None).is_err());
    }

    #[test]
    fn a_failing_template_says_where() {
        let error = render("\n{{ data.subscription | nothing }}", Escape::None).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn secrets_can_be_used_except_in_urls() {
        assert_eq!(
            render("Basic {{ ('eqp:' ~ secrets.token) | base64 }}", Escape::None).unwrap(),
            "Basic ZXFwOmh1c2g="
        );
        let error = Templates::new().add("url", "/{{ secrets.token }}", Escape::Percent, &secrets()).unwrap_err();
        assert!(error.to_string().contains("secrets cannot be used in a URL"), "{error}");
        let error =
            Templates::new().add("url of x", "/{{ secrets['token'] }}", Escape::Percent, &secrets()).unwrap_err();
        assert!(error.to_string().contains("secrets cannot be used in a URL"), "{error}");
    }

    #[test]
    fn a_template_can_skip_a_message() {
        let skipped = render("{% if not data.version %}{{ skip('no version') }}{% endif %}", Escape::Json);
        assert_eq!(skipped.unwrap_err(), r#"Skipped("no version")"#);
    }
}
