//! Rewrites serde's messages about wrong types in terms of TOML and JSON instead of Rust.

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML, which has tables.
    Toml,
    /// JSON, which has objects.
    Json,
}

/// Whether a message may contain text of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShowValues {
    /// The message may contain text.
    Yes,
    /// The message must not contain text, which may be a secret, such as a URL with a password.
    No,
}

/// Rewrites a message such as `invalid type: map, expected u64`. Other messages are returned unchanged.
pub fn describe_type_error(message: &str, format: Format, show_values: ShowValues) -> String {
    const STARTS: [&str; 2] = ["invalid type: ", "invalid value: "];
    let parts = STARTS.iter().find_map(|start| message.strip_prefix(start)).and_then(|rest| {
        // The value itself may contain ", expected ".
        rest.rsplit_once(", expected ")
    });
    match parts {
        Some((found, expected)) => {
            format!(
                "expected {}, found {}",
                describe_expected(expected, format),
                describe_found(found, format, show_values)
            )
        }
        None => message.to_owned(),
    }
}

fn describe_expected(expected: &str, format: Format) -> String {
    let description = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" | "an object" => table(format),
        expected if expected.starts_with("struct ") => table(format),
        expected => expected,
    };
    description.to_owned()
}

fn describe_found(found: &str, format: Format, show_values: ShowValues) -> String {
    let quoted = |kind: &str| found.strip_prefix(kind).map(|value| value.trim_matches('`').to_owned());
    match found {
        "sequence" => "an array".to_owned(),
        "map" => table(format).to_owned(),
        "unit value" => "null".to_owned(),
        found if found.starts_with("string ") => match show_values {
            ShowValues::Yes => format!("the {found}"),
            ShowValues::No => "a string".to_owned(),
        },
        found => ["integer ", "floating point ", "boolean "]
            .iter()
            .find_map(|kind| quoted(kind))
            .unwrap_or_else(|| found.to_owned()),
    }
}

fn table(format: Format) -> &'static str {
    match format {
        Format::Toml => "a table",
        Format::Json => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_rust_is_left_and_no_text_is_repeated_where_it_must_not() {
        for (message, format, show_values, words) in [
            (
                "invalid type: map, expected u64",
                Format::Toml,
                ShowValues::No,
                "expected a whole number that is not negative, found a table",
            ),
            (
                "invalid type: sequence, expected struct Layer",
                Format::Json,
                ShowValues::Yes,
                "expected an object, found an array",
            ),
            (
                "invalid value: integer `-5`, expected u64",
                Format::Toml,
                ShowValues::No,
                "expected a whole number that is not negative, found -5",
            ),
            (
                "invalid type: string \"a, expected b\", expected a sequence",
                Format::Toml,
                ShowValues::No,
                "expected an array, found a string",
            ),
            (
                "invalid type: string \"free\", expected f64",
                Format::Json,
                ShowValues::Yes,
                "expected a number, found the string \"free\"",
            ),
            (
                "invalid type: boolean `true`, expected a string",
                Format::Toml,
                ShowValues::No,
                "expected a string, found true",
            ),
            (
                "invalid type: floating point `1.5`, expected i64",
                Format::Toml,
                ShowValues::Yes,
                "expected a whole number, found 1.5",
            ),
            (
                "invalid type: unit value, expected a boolean",
                Format::Json,
                ShowValues::Yes,
                "expected true or false, found null",
            ),
            ("unknown variant `moon`", Format::Toml, ShowValues::No, "unknown variant `moon`"),
        ] {
            assert_eq!(describe_type_error(message, format, show_values), words);
        }
    }
}
