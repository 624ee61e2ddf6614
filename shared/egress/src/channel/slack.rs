//! What Slack is sent. (Slack API reference, "Block Kit"; "Formatting text for app surfaces",
//! "Escaping text"; the bounds are those of each block.)

use serde_json::{Value, json};

use crate::Told;
use crate::matched::Matched;
use crate::template::{cut, line, matched_line};

/// The most characters of a text.
const TEXT_CHARS_MAX: usize = 3000;

/// The most characters of a field, of which there may be 2000: so many fit into one message.
const FIELD_CHARS_MAX: usize = 600;

/// The most fields of a section.
const FIELDS_MAX: usize = 10;

/// What one character becomes at most when it is escaped.
const ESCAPED_CHARS: usize = 5;

/// A message: its title, what the rule says, what matched, and which alert it is.
pub(crate) fn block_kit(told: Told<'_>) -> Value {
    let mark = match (told.is_over(), told.severity().as_str()) {
        (true, _) => ":white_check_mark:",
        (false, "critical") => ":rotating_light:",
        (false, "warning") => ":warning:",
        (false, _) => ":information_source:",
    };
    let matched = told.matched().iter().filter_map(Value::as_object).take(FIELDS_MAX);
    let matched: Vec<Value> =
        matched.map(|entry| text(&Matched(entry).line(), FIELD_CHARS_MAX)).collect();
    let facts = [
        ("Severity", told.severity()),
        ("Status", if told.is_over() { "resolved".to_owned() } else { "open".to_owned() }),
        ("Entity", format!("{} {}", told.text("entity"), told.text("id"))),
        ("Environment", told.text("env")),
        ("Since", told.since()),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let facts: Vec<Value> =
        facts.map(|(name, value)| text(&format!("{name}: {value}"), FIELD_CHARS_MAX)).collect();
    let title = told.title();
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": false}}),
        json!({"type": "section", "text": text(&format!("{mark} {}", told.message()), TEXT_CHARS_MAX)}),
        json!({"type": "section", "fields": facts}),
    ];
    if !matched.is_empty() {
        blocks.push(json!({"type": "section", "fields": matched}));
    }
    let object = line(told.object);
    blocks.push(json!({"type": "context", "elements": [text(&object, FIELD_CHARS_MAX)]}));
    // Shown where blocks are not, as in a notification.
    let aside = format!("{title}: {}", matched_line(told.matched()));
    json!({"text": escaped(&cut(&aside, TEXT_CHARS_MAX / ESCAPED_CHARS)), "blocks": blocks})
}

/// A text in which nothing is a link, a mention or a channel.
fn text(content: &str, chars_max: usize) -> Value {
    let mut content = content.to_owned();
    let mut safe = escaped(&content);
    if safe.chars().count() > chars_max {
        content = cut(&content, chars_max / ESCAPED_CHARS);
        safe = escaped(&content);
    }
    json!({"type": "mrkdwn", "text": safe, "verbatim": true})
}

/// The three characters that mean something to Slack, so that they do not.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
