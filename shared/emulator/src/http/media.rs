//! The content of an object: whole or in part, as stored or decompressed.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chrono::DateTime;
use domain::Instant;
use futures_util::{Stream, stream};
use percent_encoding::percent_encode_byte;
use serde_json::Value;

use super::entity_tags;
use super::range::{self, Wanted};
use super::refusal::Refusal;
use crate::memory::Stored;
use crate::{coding, resource};

/// How much is decompressed at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The content that `request` asks for. What is stored with gzip is sent as it is to a client that
/// accepts it, and else decompressed, then without a length and always whole. Hash and stored
/// length are those of the bytes as stored. (Cloud Storage documentation, "Transcoding of
/// gzip-compressed files".)
pub(super) fn answer(stored: &Stored, request: &HeaderMap) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.headers_mut() = described(stored);
    if transcodes(stored, request) {
        let headers = answer.headers_mut();
        headers.insert(header::WARNING, HeaderValue::from_static("214 UploadServer gunzipped"));
        let transformed = HeaderValue::from_static("gunzipped");
        headers.insert("x-guploader-response-body-transformations", transformed);
        *answer.body_mut() = Body::from_stream(decompressed(&stored.body));
        return answer;
    }
    let headers = answer.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(coding) = stored.content_encoding.as_deref().and_then(value) {
        headers.insert(header::CONTENT_ENCODING, coding);
    }
    let length = stored.body.len();
    match wanted(stored, request) {
        Wanted::Whole => *answer.body_mut() = Body::from(stored.body.clone()),
        Wanted::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            headers.extend(value(&range).map(|range| (header::CONTENT_RANGE, range)));
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            *answer.body_mut() = Body::from(stored.body.slice(part));
        }
        Wanted::Unsatisfiable => {
            let mut refused = Refusal::unsatisfiable().into_response();
            let range = value(&format!("bytes */{length}"));
            refused.headers_mut().extend(range.map(|range| (header::CONTENT_RANGE, range)));
            return refused;
        }
    }
    answer
}

/// Whether the content is decompressed on its way. What only says that it is gzip never is.
fn transcodes(stored: &Stored, request: &HeaderMap) -> bool {
    let is_gzip = stored.content_encoding.as_deref() == Some("gzip");
    is_gzip && coding::is_gzip(&stored.body) && !accepts_gzip(request) && !is_fixed(stored)
}

/// Whether nobody may transform the content on its way. (RFC 9111, section 5.2.2.6.)
fn is_fixed(stored: &Stored) -> bool {
    let mut directives = property(stored, "cacheControl").unwrap_or("").split(',');
    directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && weight.trim() != "q=0"
    })
}

/// A range is served of the version that the client thinks of, or not at all.
fn wanted(stored: &Stored, request: &HeaderMap) -> Wanted {
    let Some(range) = request.get(header::RANGE).and_then(|range| range.to_str().ok()) else {
        return Wanted::Whole;
    };
    let is_same = request.get(header::IF_RANGE).is_none_or(|known| {
        known.to_str().is_ok_and(|known| {
            known == http_date(stored.created_at) || entity_tags::names(known, stored)
        })
    });
    if is_same { range::wanted(range, stored.body.len()) } else { Wanted::Whole }
}

/// The content decompressed piece by piece, as fast as somebody reads. One that is broken ends
/// with an error, which closes the connection.
fn decompressed(body: &Bytes) -> impl Stream<Item = std::io::Result<Bytes>> + use<> {
    stream::unfold(Some(coding::reader(body)), async |reader| {
        let mut reader = reader?;
        let mut piece = vec![0; PIECE_BYTES];
        match reader.read(&mut piece) {
            Ok(0) => None,
            Ok(bytes) => {
                piece.truncate(bytes);
                Some((Ok(piece.into()), Some(reader)))
            }
            Err(err) => Some((Err(err), None)),
        }
    })
}

/// The headers that every answer with content carries.
fn described(stored: &Stored) -> HeaderMap {
    let coding = stored.content_encoding.as_deref().unwrap_or("identity");
    let class = property(stored, "storageClass").unwrap_or("STANDARD");
    let cache = property(stored, "cacheControl").unwrap_or("private, max-age=0");
    let optional = |name, key| property(stored, key).map(|text| (name, text.to_owned()));
    let described = [
        Some(("content-type", stored.content_type.clone())),
        Some(("cache-control", cache.to_owned())),
        optional("content-disposition", "contentDisposition"),
        optional("content-language", "contentLanguage"),
        Some(("etag", resource::etag(stored))),
        Some(("last-modified", http_date(stored.created_at))),
        Some(("x-goog-generation", stored.generation.to_string())),
        Some(("x-goog-metageneration", stored.metageneration.to_string())),
        Some(("x-goog-hash", hashes(stored))),
        Some(("x-goog-storage-class", class.to_owned())),
        Some(("x-goog-stored-content-length", stored.body.len().to_string())),
        Some(("x-goog-stored-content-encoding", coding.to_owned())),
        stored.component_count.map(|count| ("x-goog-component-count", count.to_string())),
    ];
    let described = described.into_iter().flatten();
    let described = described.map(|(name, text)| (name.to_owned(), text));
    let custom = stored.metadata.iter();
    let custom = custom.map(|(key, text)| (format!("x-goog-meta-{key}"), text.clone()));
    let headers = described.chain(custom);
    headers
        .filter_map(|(name, text)| Some((name.parse::<HeaderName>().ok()?, value(&text)?)))
        .collect()
}

fn property<'a>(stored: &'a Stored, key: &str) -> Option<&'a str> {
    stored.properties.get(key).and_then(Value::as_str)
}

fn hashes(stored: &Stored) -> String {
    let md5 = stored.md5.as_ref().map(|md5| format!(",md5={md5}")).unwrap_or_default();
    format!("crc32c={}{md5}", stored.crc32c)
}

/// RFC 9110, section 5.6.7.
fn http_date(at: Instant) -> String {
    let at = DateTime::from_timestamp_millis(at.unix_millis()).unwrap_or_default();
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A header of UTF-8 as it is, but for what no header can carry.
fn value(text: &str) -> Option<HeaderValue> {
    let mut bytes = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_control() {
            bytes.extend_from_slice(percent_encode_byte(byte).as_bytes());
        } else {
            bytes.push(byte);
        }
    }
    HeaderValue::from_bytes(&bytes).ok()
}
