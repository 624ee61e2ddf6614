//! What a store answers, in words that are the same for every store.

/// The most bytes of an answer that a report shows.
const SHOWN_BYTES: usize = 240;

/// How much of what is equal is shown before what is not.
const EQUAL_BYTES: usize = 60;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The operation, and how it ended.
    pub(super) kind: &'static str,
    /// Everything else that can be seen.
    pub(super) text: String,
}

impl Answer {
    pub(super) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    fn whole(&self) -> String {
        let separator = if self.text.is_empty() { "" } else { ": " };
        format!("{}{separator}{}", self.kind, self.text)
    }
}

/// The answers in one line each when one of them is not like the first.
pub(super) fn differing(answers: &[Answer]) -> Option<Vec<String>> {
    let first = answers.first()?;
    if answers.iter().all(|answer| answer == first) {
        return None;
    }
    let lines: Vec<_> = answers.iter().map(Answer::whole).collect();
    let others = lines.iter().filter(|line| **line != lines[0]);
    let equal = others.map(|line| equal_bytes(line, &lines[0])).min().unwrap_or_default();
    Some(lines.iter().map(|line| around(line, equal)).collect())
}

fn equal_bytes(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// The part of a long line in which the differences begin at byte `at`.
fn around(line: &str, at: usize) -> String {
    if line.len() <= SHOWN_BYTES {
        return line.to_owned();
    }
    let begin = line.floor_char_boundary(at.saturating_sub(EQUAL_BYTES));
    let end = line.floor_char_boundary((begin + SHOWN_BYTES).min(line.len()));
    let before = if begin > 0 { "..." } else { "" };
    let after = if end < line.len() { "..." } else { "" };
    format!("{before}{}{after}", &line[begin..end])
}
