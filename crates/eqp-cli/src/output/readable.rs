//! Formats JSON with an undocumented structure for people: names with their values, lists of flat records as tables.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{Table, escaped};

/// The prefix of each line of a text of several lines.
const QUOTED: &str = "| ";
/// The placeholder for empty values.
const NOTHING: &str = "-";

/// Formats a value as lines.
pub(crate) fn readable(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text.trim_end().to_owned()
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                match scalar(value) {
                    Some(plain) if !plain.contains('\n') => line(text, depth, &format!("{}: {plain}", escaped(name))),
                    _ => {
                        line(text, depth, &format!("{}:", escaped(name)));
                        write_value(text, value, depth + 1);
                    }
                }
            }
        }
        Value::Array(items) if !items.is_empty() => match records(items) {
            Some(table) => table.to_string().lines().for_each(|row| line(text, depth, row)),
            None => items.iter().for_each(|item| write_item(text, item, depth)),
        },
        plain => match scalar(plain).expect("objects and lists that are not empty are handled above") {
            // Each line has a prefix, so that it cannot be mistaken for a line of our own or for a command of a CI
            // service.
            rows if rows.contains('\n') => rows.lines().for_each(|row| line(text, depth, &format!("{QUOTED}{row}"))),
            row => line(text, depth, &row),
        },
    }
}

/// Writes an item of a list that is not a table. Its first line has a marker.
fn write_item(text: &mut String, item: &Value, depth: usize) {
    let inner = readable(item);
    for (at, row) in inner.lines().enumerate() {
        line(text, depth, &format!("{}{row}", if at == 0 { "- " } else { "  " }));
    }
}

/// Formats a list of flat objects as a table, whose columns are in the order in which the names first occur.
fn records(items: &[Value]) -> Option<Table> {
    let items: Vec<&Map<String, Value>> = items.iter().map(Value::as_object).collect::<Option<_>>()?;
    let mut names: Vec<&str> = Vec::new();
    for (name, value) in items.iter().flat_map(|item| item.iter()) {
        scalar(value).filter(|text| !text.contains('\n'))?;
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut table = Table::new(&names);
    for item in items {
        table.row(names.iter().map(|name| item.get(*name).and_then(scalar).unwrap_or_else(|| NOTHING.into())));
    }
    (!names.is_empty()).then_some(table)
}

/// Formats a scalar: text, number, boolean or null.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(NOTHING.to_owned()),
        Value::Array(items) if items.is_empty() => Some(NOTHING.to_owned()),
        Value::Object(fields) if fields.is_empty() => Some(NOTHING.to_owned()),
        Value::String(text) if text.is_empty() => Some(NOTHING.to_owned()),
        // Line ends are preserved, because reports of tools have many lines.
        Value::String(text) => Some(text.replace("\r\n", "\n").split('\n').map(escaped).collect::<Vec<_>>().join("\n")),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn line(text: &mut String, depth: usize, content: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}{}", "  ".repeat(depth), content.trim_end());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_json_can_be_read() {
        let value = json!({
            "report": "sales", "empty": [], "none": null, "note": "two\nlines", "dos": "::error::x\r\nb\rc\r\n", "list": ["one", "a\nb"],
            "escape": "\u{1b}[31mred",
            "rows": [{"day": "2026-01-01", "sold": 3}, {"day": "2026-01-02", "sold": 12, "back": 1}],
            "mixed": [1, {"a": {"b": true}}],
        });
        insta::assert_snapshot!(readable(&value), @r"
    dos:
      | ::error::x
      | b\rc
    empty: -
    escape: \u{1b}[31mred
    list:
      - one
      - | a
        | b
    mixed:
      - 1
      - a:
          b: true
    none: -
    note:
      | two
      | lines
    report: sales
    rows:
       day         sold  back
       2026-01-01  3     -
       2026-01-02  12    1
    ");
    }
}
