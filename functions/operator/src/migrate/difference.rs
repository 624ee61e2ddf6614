//! Two documents, compared place by place.

use serde_json::Value;

/// The most lines that are shown of one document.
const LINES_MAX: usize = 20;

/// A line for each place that differs, with what stood there (`-`) and what stands there (`+`).
pub(crate) fn lines(before: &Value, after: &Value) -> String {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    if found.is_empty() {
        return "    the same, but it covers other records".to_owned();
    }
    let more = found.len().saturating_sub(LINES_MAX);
    found.truncate(LINES_MAX);
    let mut lines: Vec<String> = found.into_iter().map(|line| format!("    {line}")).collect();
    if more > 0 {
        lines.push(format!("    … {more} more lines"));
    }
    lines.join("\n")
}

fn compare(place: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) {
        let added = after.keys().filter(|key| !before.contains_key(*key));
        for key in before.keys().chain(added) {
            let token = key.replace('~', "~0").replace('/', "~1");
            compare(format!("{place}/{token}"), before.get(key), after.get(key), found);
        }
        return;
    }
    let place = if place.is_empty() { "the document" } else { &place };
    found.extend(before.map(|value| format!("- {place}: {value}")));
    found.extend(after.map(|value| format!("+ {place}: {value}")));
}
