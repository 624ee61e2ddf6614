//! Text that others have written, as a person can look at it: nothing in it moves a cursor, turns
//! the reading direction or begins a line.

use serde_json::Value;

/// The most characters that are shown of a text in a line.
const CHARS_MAX: usize = 200;

/// The text on one line, cut where it is long.
pub(crate) fn line(text: &str) -> String {
    let mut line: String = text.chars().take(CHARS_MAX).flat_map(legible).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        line.push('…');
    }
    line
}

/// The whole text on one line, as names and commands need it.
pub(crate) fn whole(text: &str) -> String {
    text.chars().flat_map(legible).collect()
}

/// The document on several lines. It stays JSON: what is written in another way stands in texts.
pub(crate) fn document(value: &Value) -> String {
    // A value without maps whose keys are no texts has nothing that fails to be written.
    let pretty = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    let breaks = |c: char| if c == '\n' { vec![c] } else { legible(c).collect() };
    pretty.chars().flat_map(breaks).collect()
}

/// The document on one line, the same way.
pub(crate) fn compact(value: &Value) -> String {
    whole(&value.to_string())
}

/// Rows whose columns begin below each other. The last column is as long as it is.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The character, or the escape that JSON has for it.
fn legible(c: char) -> impl Iterator<Item = char> {
    let (kept, escape) = match harmful(c) {
        true => (None, format!("\\u{:04x}", u32::from(c))),
        false => (Some(c), String::new()),
    };
    kept.into_iter().chain(escape.chars().collect::<Vec<_>>())
}

/// Control characters, and those that break lines or turn the direction of what follows.
/// (Unicode Standard Annex 9, "Explicit Directional Embeddings, Overrides and Isolates".)
fn harmful(c: char) -> bool {
    let turns = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}
