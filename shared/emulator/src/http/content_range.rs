//! The `Content-Range` header of requests that upload.
//! (Cloud Storage documentation, "Resumable uploads"; RFC 9110, section 14.4.)

/// What a request to an upload session brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentRange {
    /// `bytes */N` or `bytes */*`: no content, and the question how much is stored.
    Status {
        /// The length of the whole.
        total: Option<u64>,
    },
    /// `bytes a-b/N` and the like: content.
    Content {
        /// Where it begins.
        first: u64,
        /// Its last byte; where the body ends when missing.
        last: Option<u64>,
        /// The length of the whole.
        total: Option<u64>,
    },
}

impl ContentRange {
    /// A request without the header brings everything.
    pub(super) const WHOLE: Self = Self::Content { first: 0, last: None, total: None };

    /// `None` when it cannot be read, or contradicts itself.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let total = number_or_star(total)?;
        if range == "*" {
            return Some(Self::Status { total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number_or_star(last)?);
        let turned = last.is_some_and(|last| last < first);
        let beyond = total.is_some_and(|total| last.map_or(first > total, |last| last >= total));
        (!turned && !beyond).then_some(Self::Content { first, last, total })
    }
}

fn number_or_star(text: &str) -> Option<Option<u64>> {
    if text == "*" { Some(None) } else { number(text).map(Some) }
}

/// The service's numbers are signed.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.filter(|number: &u64| i64::try_from(*number).is_ok())
}
