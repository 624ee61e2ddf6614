//! `If-Match` and `If-None-Match`. (RFC 9110, section 13.1; Cloud Storage documentation, "Request
//! preconditions".)

use axum::http::{HeaderMap, HeaderName};

use crate::memory::Stored;
use crate::resource;

/// The tags that the values of a header list, without quotes; `None` without the header.
pub(super) fn listed(headers: &HeaderMap, header: HeaderName) -> Option<Vec<String>> {
    let mut values = headers.get_all(header).iter().peekable();
    values.peek()?;
    let tags = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    Some(tags.map(bare).map(str::to_owned).collect())
}

/// Whether `text` names the version.
pub(super) fn names(text: &str, stored: &Stored) -> bool {
    matches!(bare(text), tag if tag == "*" || tag == resource::etag(stored))
}

/// A tag in quotes, or bare as the service writes it.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}
