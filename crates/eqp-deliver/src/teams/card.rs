//! Adaptive Cards. Each line is a `RichTextBlock`, whose runs Teams does not interpret as Markdown.

use serde_json::{Value, json};

use crate::chat::{Line, Part};

/// The maximum size of all lines as JSON in bytes. Teams accepts 28 KB for the whole message.
const MAX_BYTES: usize = 24 * 1024;
/// The maximum number of buttons that Teams shows.
const MAX_ACTIONS: usize = 6;

/// Returns the message with one card, without the last ones of many lines.
pub(super) fn message(lines: &[Line]) -> Value {
    let (mut body, mut actions, mut size) = (Vec::new(), Vec::new(), 0);
    for line in lines {
        actions.extend(line.parts().iter().filter_map(action));
        let runs: Vec<Value> = line.parts().iter().filter_map(run).collect();
        if runs.is_empty() {
            continue;
        }
        let block = block(&runs);
        size += block.to_string().len();
        if size > MAX_BYTES {
            body.push(self::block(&[json!({"type": "TextRun", "text": "…"})]));
            break;
        }
        body.push(block);
    }
    actions.truncate(MAX_ACTIONS);
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": actions,
    });
    let attachment =
        json!({"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card});
    json!({"type": "message", "attachments": [attachment]})
}

fn block(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

/// Returns the text of a part. An empty text is not valid.
fn run(part: &Part) -> Option<Value> {
    match part {
        Part::Plain(text) | Part::Bold(text) if text.is_empty() => None,
        Part::Plain(text) => Some(json!({"type": "TextRun", "text": text})),
        Part::Bold(text) => Some(json!({"type": "TextRun", "text": text, "weight": "Bolder"})),
        Part::Link { .. } => None,
    }
}

fn action(part: &Part) -> Option<Value> {
    match part {
        Part::Link { text, url } => Some(json!({"type": "Action.OpenUrl", "title": text, "url": url})),
        Part::Plain(_) | Part::Bold(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_within_the_limit_and_says_that_lines_are_missing() {
        // A quotation mark takes two bytes in JSON.
        let lines: Vec<Line> = (0..100).map(|_| Line::plain("\"".repeat(1_000))).collect();
        let message = message(&lines).to_string();
        assert!((20 * 1024..28 * 1024).contains(&message.len()), "{}", message.len());
        assert!(message.contains("…"));
        let one_long_line = self::message(&[Line::bold("title"), Line::plain("x".repeat(30_000))]).to_string();
        assert!(one_long_line.len() < 1_024 && one_long_line.contains("title"), "{one_long_line}");
    }
}
