//! Two documents, compared place by place.

use serde_json::Value;

/// The most lines that are shown of one document.
const LINES_MAX: usize = 20;

/// A place that differs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// A JSON pointer; empty for the document itself.
    pub(crate) place: String,
    /// What stood there.
    pub(crate) before: Option<Value>,
    /// What stands there.
    pub(crate) after: Option<Value>,
}

impl Change {
    /// What stood there (`-`) and what stands there (`+`).
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let place = if self.place.is_empty() { "the document" } else { &self.place };
        let before = self.before.iter().map(move |value| format!("- {place}: {value}"));
        before.chain(self.after.iter().map(move |value| format!("+ {place}: {value}")))
    }
}

/// A line for each place that differs, with what stood there (`-`) and what stands there (`+`).
pub(crate) fn lines(before: &Value, after: &Value) -> String {
    let mut found: Vec<String> = changes(before, after).iter().flat_map(Change::lines).collect();
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

/// Every place that differs, in the order of the documents.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(place: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
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
    found.push(Change { place, before: before.cloned(), after: after.cloned() });
}
