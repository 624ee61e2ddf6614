//! `multipart/related` bodies, as the clients of Cloud Storage write them: lines end in CRLF or
//! LF, the boundary is bare or quoted. (RFC 2046, section 5.1; RFC 2387.)

use bytes::Bytes;

/// The most header bytes of a part.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) content_type: Option<String>,
    pub(super) body: Bytes,
}

/// The boundary that a content type names; `None` when it is no `multipart/related`.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/related") {
        return None;
    }
    let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let (_, boundary) = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case("boundary"))?;
    let boundary = boundary.trim();
    let bare = ['"', '\'']
        .into_iter()
        .find_map(|quote| boundary.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)));
    Some(bare.unwrap_or(boundary).to_owned()).filter(|boundary| !boundary.is_empty())
}

/// The parts of `body`; `None` when the closing delimiter is missing or a part has no head.
pub(super) fn split(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begin = after_delimiter(body, 0, &delimiter)?;
    while let Delimiter::Next(content) = begin {
        let end = find_line(body, content, delimiter.as_bytes())?;
        parts.push(part(&body.slice(content..end.line_end))?);
        begin = after_delimiter(body, end.delimiter, &delimiter)?;
    }
    Some(parts)
}

enum Delimiter {
    /// A part begins here.
    Next(usize),
    Last,
}

/// What follows the delimiter at `at`.
fn after_delimiter(body: &[u8], at: usize, delimiter: &str) -> Option<Delimiter> {
    let rest = body.get(at..)?.strip_prefix(delimiter.as_bytes())?;
    let begin = body.len() - rest.len();
    if rest.starts_with(b"--") {
        return Some(Delimiter::Last);
    }
    let line_end = rest.iter().position(|b| *b == b'\n')?;
    rest[..line_end].trim_ascii().is_empty().then_some(Delimiter::Next(begin + line_end + 1))
}

/// A delimiter at the beginning of a line, and the end of the line before it.
struct Found {
    line_end: usize,
    delimiter: usize,
}

fn find_line(body: &[u8], from: usize, delimiter: &[u8]) -> Option<Found> {
    let feeds = body.iter().enumerate().skip(from).filter(|(_, b)| **b == b'\n');
    let mut feeds = feeds.map(|(at, _)| at);
    let feed = feeds.find(|feed| body[feed + 1..].starts_with(delimiter))?;
    let has_return = feed > from && body[feed - 1] == b'\r';
    Some(Found { line_end: feed - usize::from(has_return), delimiter: feed + 1 })
}

/// Splits head and content at the first empty line.
fn part(bytes: &Bytes) -> Option<Part> {
    let mut content_type = None;
    let mut at = 0;
    loop {
        let feed = bytes.get(at..)?.iter().position(|b| *b == b'\n')?;
        let line = std::str::from_utf8(&bytes[at..at + feed]).ok()?.trim_end();
        at += feed + 1;
        if line.is_empty() {
            return Some(Part { content_type, body: bytes.slice(at..) });
        }
        if at > HEAD_BYTES_MAX {
            return None;
        }
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-type") {
            content_type = Some(value.trim().to_owned());
        }
    }
}
