//! Where two contents differ, in a form a person can read.

use std::collections::BTreeSet;

use similar::TextDiff;

use super::contents::Contents;

/// Lines around a change that are shown.
const CONTEXT_LINES: usize = 3;

/// The differences, file by file; empty when there are none.
pub(crate) fn differences(expected: &Contents, found: &Contents) -> String {
    let files: BTreeSet<&String> = expected.0.keys().chain(found.0.keys()).collect();
    let mut text = String::new();
    for file in files {
        match (expected.0.get(file), found.0.get(file)) {
            (Some(expected), Some(found)) if expected == found => (),
            (Some(expected), Some(found)) => text += &changed(file, expected, found),
            (Some(expected), None) => text += &whole(&format!("missing: {file}"), '-', expected),
            (None, Some(found)) => text += &whole(&format!("not expected: {file}"), '+', found),
            (None, None) => (),
        }
    }
    text
}

fn changed(file: &str, expected: &str, found: &str) -> String {
    let diff = TextDiff::from_lines(expected, found);
    let mut unified = diff.unified_diff();
    unified
        .context_radius(CONTEXT_LINES)
        .header(&format!("expected {file}"), &format!("found {file}"));
    unified.to_string()
}

fn whole(title: &str, sign: char, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{sign}{line}\n")).collect();
    format!("{title}\n{}", lines.concat())
}
