//! `If-Match` and `If-None-Match`. (RFC 9110, section 13.1; Cloud Storage documentation, "Request
//! preconditions".)

use axum::http::{HeaderMap, HeaderName, header};

use crate::memory::{Stored, Unmet};
use crate::resource;

/// Whether the entity tags in the headers of a request allow to read `stored`.
pub(super) fn check(headers: &HeaderMap, stored: &Stored) -> Result<(), Unmet> {
    if named(headers, header::IF_MATCH, stored) == Some(false) {
        return Err(Unmet::Match);
    }
    if named(headers, header::IF_NONE_MATCH, stored) == Some(true) {
        return Err(Unmet::NotMatch);
    }
    Ok(())
}

/// Whether `text` names the version: its tag, in quotes or bare as the service writes it.
pub(super) fn names(text: &str, stored: &Stored) -> bool {
    let text = text.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    text == "*" || bare == resource::etag(stored)
}

/// Whether one of the values of a header names the version; nothing without the header.
fn named(headers: &HeaderMap, header: HeaderName, stored: &Stored) -> Option<bool> {
    let mut values = headers.get_all(header).iter().peekable();
    values.peek()?;
    let mut tags = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    Some(tags.any(|tag| names(tag, stored)))
}
