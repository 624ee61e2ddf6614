//! Answers that the service would not give, or not to this request.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::BODY_BYTES_MAX;
pub(super) use super::super::refusal::json_response as json;
use super::valve::Ending;
use crate::checksum;

/// The header with the checksums of the content.
const HASH: &str = "x-goog-hash";

/// What checksums are computed of in place of the content.
const SOMETHING_ELSE: &[u8] = b"something else";

/// A page as proxies and portals send it.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\
    <body><h1>Please sign in to continue</h1></body></html>\n";

/// An error as the service words it. Statuses that have no body get none.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    if matches!(status.as_u16(), 100..=199 | 204 | 304) {
        return status.into_response();
    }
    let reason = reason(status);
    let error = json!({"message": message, "domain": "global", "reason": reason});
    let code = status.as_u16();
    json(status, &json!({"error": {"code": code, "message": message, "errors": [error]}}))
}

/// (Cloud Storage JSON API, "Status and error codes".)
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authError",
        403 => "forbidden",
        404 => "notFound",
        408 => "requestTimeout",
        409 => "conflict",
        412 => "conditionNotMet",
        429 => "rateLimitExceeded",
        500..=599 => "backendError",
        _ => "invalid",
    }
}

/// An error that says when to come back.
pub(super) fn retry_after(status: StatusCode, seconds: u64) -> Response {
    let mut answer = error(status, "instructed to come back later");
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}

/// Leads to `location`, or to where the request came.
pub(super) fn redirect(
    status: StatusCode,
    location: Option<HeaderValue>,
    request: &Request,
) -> Response {
    let own = || request.uri().path_and_query()?.as_str().parse().ok();
    let mut answer = error(status, "instructed to look elsewhere");
    if let Some(location) = location.or_else(own) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

pub(super) fn html(status: StatusCode) -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(header::CONTENT_TYPE, html)], PAGE).into_response()
}

/// Nothing of which is sent whole.
pub(super) fn nothing(ending: Ending) -> Response {
    ended(StatusCode::SERVICE_UNAVAILABLE.into_response(), ending)
}

pub(super) fn ended(mut answer: Response, ending: Ending) -> Response {
    answer.extensions_mut().insert(ending);
    answer
}

/// The whole body, with the answer that it came out of.
pub(super) async fn whole(answer: Response) -> (Response, Bytes) {
    let (head, body) = answer.into_parts();
    // Bodies come out of memory; a stream of them does not break.
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    (Response::from_parts(head, Body::from(body.clone())), body)
}

/// The answer with another first byte; the same answer as `Err` if it has no content.
pub(super) async fn corrupted(answer: Response) -> Result<Response, Response> {
    let (answer, body) = whole(answer).await;
    if body.is_empty() || !answer.status().is_success() {
        return Err(answer);
    }
    let mut other = body.to_vec();
    other[0] ^= 1;
    let (head, _) = answer.into_parts();
    Ok(Response::from_parts(head, Body::from(other)))
}

/// The answer with the checksums of something else; the same answer as `Err` if it has none.
pub(super) async fn misleading(answer: Response) -> Result<Response, Response> {
    let (answer, body) = whole(answer).await;
    let (mut head, unchanged) = answer.into_parts();
    if head.headers.contains_key(HASH) {
        mislead_headers(&mut head.headers);
        return Ok(Response::from_parts(head, unchanged));
    }
    let changed = serde_json::from_slice(&body).ok().and_then(|mut resource: Value| {
        mislead_resource(&mut resource).then(|| Body::from(resource.to_string()))
    });
    match changed {
        Some(changed) => {
            head.headers.remove(header::CONTENT_LENGTH);
            Ok(Response::from_parts(head, changed))
        }
        None => Err(Response::from_parts(head, unchanged)),
    }
}

fn mislead_headers(headers: &mut HeaderMap) {
    let [crc32c, md5] = [checksum::crc32c(SOMETHING_ELSE), checksum::md5(SOMETHING_ELSE)];
    if let Ok(value) = format!("crc32c={crc32c},md5={md5}").parse() {
        headers.insert(HeaderName::from_static(HASH), value);
    }
}

/// Whether there was a checksum in a resource or a page of them.
fn mislead_resource(value: &mut Value) -> bool {
    let mut found = false;
    if let Some(crc32c) = value.get_mut("crc32c") {
        *crc32c = json!(checksum::crc32c(SOMETHING_ELSE));
        found = true;
    }
    if let Some(md5) = value.get_mut("md5Hash") {
        *md5 = json!(checksum::md5(SOMETHING_ELSE));
        found = true;
    }
    for item in value.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        found |= mislead_resource(item);
    }
    found
}
