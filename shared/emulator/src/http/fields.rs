//! Partial responses: `fields=items(name,generation),nextPageToken`.
//!
//! Exact, so that a client that forgets to select what it needs fails here too.
//! (Google APIs documentation, "Partial response".)

use serde_json::{Map, Value};

/// How deep selections may nest.
const DEPTH_MAX: usize = 8;

/// What is selected of an object: fields, each wholly (empty) or in part.
#[derive(Debug, Default, PartialEq, Eq)]
struct Selection(Vec<(String, Selection)>);

/// The selected part of `value`; `None` when `fields` cannot be read.
pub(super) fn select(fields: &str, value: Value) -> Option<Value> {
    let mut rest = fields;
    let selection = parse(&mut rest, 0)?;
    rest.is_empty().then(|| selection.apply(value))
}

/// Reads a list of fields up to a `)` or the end.
fn parse(rest: &mut &str, depth: usize) -> Option<Selection> {
    let mut selection = Selection::default();
    loop {
        let (name, below) = parse_field(rest, depth)?;
        selection.add(name, below);
        match rest.strip_prefix(',') {
            Some(after) => *rest = after,
            None => return Some(selection),
        }
    }
}

/// Reads `name`, `name/…` or `name(…)`.
fn parse_field(rest: &mut &str, depth: usize) -> Option<(String, Selection)> {
    let end = rest.find(|c: char| ",/()".contains(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    if name.is_empty() || depth > DEPTH_MAX {
        return None;
    }
    *rest = after;
    if let Some(after) = after.strip_prefix('/') {
        *rest = after;
        let below = parse_field(rest, depth + 1)?;
        return Some((name.to_owned(), Selection(vec![below])));
    }
    if let Some(after) = after.strip_prefix('(') {
        *rest = after;
        let below = parse(rest, depth + 1)?;
        *rest = rest.strip_prefix(')')?;
        return Some((name.to_owned(), below));
    }
    Some((name.to_owned(), Selection::default()))
}

impl Selection {
    /// Selects `below` of `name` besides. What is selected wholly stays so.
    fn add(&mut self, name: String, below: Selection) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            None => self.0.push((name, below)),
            Some((_, known)) if known.0.is_empty() || below.0.is_empty() => known.0.clear(),
            Some((_, known)) => {
                below.0.into_iter().for_each(|(name, below)| known.add(name, below))
            }
        }
    }

    fn apply(&self, value: Value) -> Value {
        match value {
            value if self.0.is_empty() => value,
            Value::Array(items) => items.into_iter().map(|item| self.apply(item)).collect(),
            Value::Object(fields) => {
                let kept = fields.into_iter().filter_map(|(key, value)| {
                    let below = self.0.iter().find(|(name, _)| *name == key || name == "*");
                    below.map(|(_, below)| (key, below.apply(value)))
                });
                kept.collect::<Map<_, _>>().into()
            }
            value => value,
        }
    }
}
