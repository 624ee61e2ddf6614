//! The `Range` header of reads. (RFC 9110, section 14.2.)

use std::ops::Range;

/// What of a content is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: also when the header cannot be read, or asks for several ranges, which Cloud
    /// Storage does not serve.
    Whole,
    /// These bytes.
    Part(Range<usize>),
    /// Nothing that is there.
    Unsatisfiable,
}

/// Reads `header` for a content of `length` bytes.
pub(super) fn wanted(header: &str, length: usize) -> Wanted {
    parse(header, length).unwrap_or(Wanted::Whole)
}

fn parse(header: &str, length: usize) -> Option<Wanted> {
    let (unit, range) = header.trim().split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(length);
        return Some(part(length - suffix, length));
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(part(first, length));
    }
    let last = number(last)?;
    (first <= last).then(|| part(first, last.saturating_add(1).min(length)))
}

fn part(begin: usize, end: usize) -> Wanted {
    if begin < end { Wanted::Part(begin..end) } else { Wanted::Unsatisfiable }
}

/// A number too large to count is larger than any content.
fn number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}
