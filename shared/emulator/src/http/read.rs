//! Reads of one object: its content or its resource.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use chrono::DateTime;
use domain::Instant;
use futures_util::stream;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::params::Params;
use super::refusal::Refusal;
use super::{Shared, json, resource_of};
use crate::memory::{Stored, Unmet};
use crate::resource;

/// Bytes that no header can carry.
const UNSENDABLE: &AsciiSet = CONTROLS;

/// `Objects: get`, `alt=json` and `alt=media`.
pub(super) async fn read(
    State(service): Shared,
    Path((bucket, object)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let memory = service.bucket(&bucket)?;
    let stored = memory.find(&object, params.generation()?);
    let stored = stored.ok_or_else(|| Refusal::no_object(&bucket, &object))?;
    match params.conditions()?.check(Some(&stored)) {
        Ok(()) => (),
        Err(Unmet::Match) => return Err(Refusal::unmet()),
        Err(Unmet::NotMatch) => return Err(Refusal::not_modified()),
    }
    match params.text("alt") {
        None | Some("json") => json(&params, resource_of(&bucket, &stored, &origin(&headers))),
        Some("media") => media(&stored, accepts_gzip(&headers)),
        Some(_) => Err(Refusal::invalid("Invalid value for: alt")),
    }
}

/// Where the client thinks that it is.
pub(super) fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("127.0.0.1"))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && weight.trim() != "q=0"
    })
}

/// The content. What is stored with gzip is sent as it is to a client that accepts it, and else
/// decompressed, then without a length. Hash and stored length are those of the bytes as stored.
/// (Cloud Storage documentation, "Transcoding of gzip-compressed files".)
fn media(stored: &Stored, accepts_gzip: bool) -> Result<Response, Refusal> {
    let is_gzip = stored.content_encoding.as_deref() == Some("gzip");
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    for (name, value) in described(stored) {
        headers.insert(name, value);
    }
    if is_gzip && !accepts_gzip {
        let object = stored.decoded().ok_or_else(Refusal::unavailable)?;
        headers.insert(header::WARNING, HeaderValue::from_static("214 UploadServer gunzipped"));
        *answer.body_mut() = without_length(object.body);
        return Ok(answer);
    }
    if let Some(coding) = stored.content_encoding.as_deref().and_then(value) {
        headers.insert(header::CONTENT_ENCODING, coding);
    }
    *answer.body_mut() = Body::from(stored.body.clone());
    Ok(answer)
}

fn without_length(body: Bytes) -> Body {
    Body::from_stream(stream::iter([Ok::<_, std::convert::Infallible>(body)]))
}

/// The headers that every answer with content carries.
fn described(stored: &Stored) -> Vec<(HeaderName, HeaderValue)> {
    let coding = stored.content_encoding.as_deref().unwrap_or("identity");
    let described = [
        ("content-type", stored.content_type.clone()),
        ("etag", resource::etag(stored)),
        ("last-modified", http_date(stored.created_at)),
        ("x-goog-generation", stored.generation.to_string()),
        ("x-goog-metageneration", stored.metageneration.to_string()),
        ("x-goog-hash", hashes(stored)),
        ("x-goog-storage-class", "STANDARD".to_owned()),
        ("x-goog-stored-content-length", stored.body.len().to_string()),
        ("x-goog-stored-content-encoding", coding.to_owned()),
    ];
    let described = described.map(|(name, text)| (name.to_owned(), text));
    let custom = stored.metadata.iter();
    let custom = custom.map(|(key, text)| (format!("x-goog-meta-{key}"), text.clone()));
    let headers = described.into_iter().chain(custom);
    headers.filter_map(|(name, text)| Some((name.parse().ok()?, value(&text)?))).collect()
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

fn value(text: &str) -> Option<HeaderValue> {
    utf8_percent_encode(text, UNSENDABLE).to_string().parse().ok()
}
