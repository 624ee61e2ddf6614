//! Multipart bodies, as the clients of Cloud Storage write them: lines end in CRLF or LF, the
//! boundary is bare or quoted. (RFC 2046, section 5.1; RFC 2387.)

use bytes::Bytes;

/// The most header bytes of a part.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// The longest boundary. (RFC 2046, section 5.1.1.)
const BOUNDARY_BYTES_MAX: usize = 70;

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Malformed multipart body: {0}.")]
pub(super) struct Malformed(&'static str);

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Part {
    /// The first header called `name`, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The parts of a body whose content type says that it is `multipart/{subtype}`, which are at
/// most `parts_max`.
pub(super) fn parts(
    content_type: &str,
    subtype: &str,
    body: &Bytes,
    parts_max: usize,
) -> Result<Vec<Part>, Malformed> {
    let boundary = boundary(content_type, subtype)?;
    split(body, &boundary, parts_max)
}

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str, subtype: &str) -> Result<String, Malformed> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let (kind, sub) = kind.trim().split_once('/').unwrap_or_default();
    if !kind.eq_ignore_ascii_case("multipart") || !sub.eq_ignore_ascii_case(subtype) {
        return Err(Malformed("the content type is not multipart of the right kind"));
    }
    let boundary = parameter(parameters, "boundary");
    let boundary = boundary.ok_or(Malformed("the content type has no boundary"))?;
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return Err(Malformed("the boundary is empty or too long"));
    }
    Ok(boundary)
}

/// The value of one parameter of a header, bare or in either kind of quotes.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, left) = parameter_value(after.trim_start())?;
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = left.trim_start().strip_prefix(';').unwrap_or("");
    }
    None
}

/// A value and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quote) = text.chars().next().filter(|c| ['"', '\''].contains(c)) else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = text[1..].char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => value.push(characters.next()?.1),
            _ if character == quote => return Some((value, &text[at + 2..])),
            _ => value.push(character),
        }
    }
    None
}

/// The parts between delimiters; what stands before the first and after the last is nothing.
fn split(body: &Bytes, boundary: &str, parts_max: usize) -> Result<Vec<Part>, Malformed> {
    let delimiter = format!("--{boundary}");
    let none = Malformed("there is no part");
    let mut found = find(body, 0, delimiter.as_bytes()).ok_or(none)?;
    let mut parts = Vec::new();
    while let Some(content) = found.content {
        let end = find(body, content, delimiter.as_bytes());
        let end = end.ok_or(Malformed("the closing boundary is missing"))?;
        if parts.len() == parts_max {
            return Err(Malformed("there are too many parts"));
        }
        parts.push(part(&body.slice(content..end.line_end))?);
        found = end;
    }
    if parts.is_empty() { Err(none) } else { Ok(parts) }
}

/// A delimiter, which is a line of its own.
struct Found {
    /// Where the line before it ends.
    line_end: usize,
    /// Where the part after it begins; none after the last one.
    content: Option<usize>,
}

/// The next delimiter from the beginning of a line at `from`.
fn find(body: &[u8], from: usize, delimiter: &[u8]) -> Option<Found> {
    let feeds = body.iter().enumerate().skip(from).filter(|(_, b)| **b == b'\n');
    let lines = std::iter::once(from).chain(feeds.map(|(at, _)| at + 1));
    lines.filter(|line| body[*line..].starts_with(delimiter)).find_map(|line| {
        let after = line + delimiter.len();
        let content = if body[after..].starts_with(b"--") {
            None
        } else {
            let end = body[after..].iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r'))?;
            (body[after + end] == b'\n').then_some(Some(after + end + 1))?
        };
        let end = body[from..line].strip_suffix(b"\n").unwrap_or(&body[from..line]);
        let end = end.strip_suffix(b"\r").unwrap_or(end);
        Some(Found { line_end: from + end.len(), content })
    })
}

/// Splits head and content at the first empty line; one that has none is all head.
fn part(bytes: &Bytes) -> Result<Part, Malformed> {
    let mut headers = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let head = &bytes[at..bytes.len().min(HEAD_BYTES_MAX)];
        let feed = head.iter().position(|b| *b == b'\n');
        if feed.is_none() && bytes.len() > HEAD_BYTES_MAX {
            return Err(Malformed("the head of a part is too long"));
        }
        let line = std::str::from_utf8(&head[..feed.unwrap_or(head.len())]);
        let line = line.map_err(|_| Malformed("the head of a part is not UTF-8"))?.trim_end();
        at += feed.map_or(head.len(), |feed| feed + 1);
        if line.is_empty() {
            break;
        }
        let missing = Malformed("a part has no empty line between head and content");
        let (name, value) = line.split_once(':').ok_or(missing)?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Part { headers, body: bytes.slice(at..) })
}
