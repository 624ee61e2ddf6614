//! The record of calls: what arrived and what was answered, for whoever wants to keep it.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;

use super::refusal::Refusal;
use super::{BODY_BYTES_MAX, Shared};

/// Calls that are kept at a time; later ones are answered and not kept.
const CALLS_MAX: usize = 10_000;

/// One request and its answer, as they were on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `GET`, `POST`, ….
    pub method: String,
    /// Path and query, encoded.
    pub target: String,
    /// The headers of the request, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of the request.
    pub body: Bytes,
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer, likewise.
    pub answer_headers: Vec<(String, String)>,
    /// The body of the answer.
    pub answer: Bytes,
}

/// Calls in the order in which they were answered; none until somebody asks for them.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Option<Vec<Call>>>);

impl Calls {
    /// Keeps every call from here on.
    pub(crate) fn keep(&self) {
        self.kept().get_or_insert_default();
    }

    /// The calls since they were last taken.
    pub(crate) fn take(&self) -> Vec<Call> {
        self.kept().as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn kept(&self) -> MutexGuard<'_, Option<Vec<Call>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, call: Call) {
        if let Some(calls) = self.kept().as_mut().filter(|calls| calls.len() < CALLS_MAX) {
            calls.push(call);
        }
    }
}

/// Answers `request`, and keeps both when calls are kept. Bodies are then held in memory as a
/// whole, which no client can tell.
pub(super) async fn record(State(service): Shared, request: Request, next: Next) -> Response {
    if service.calls.kept().is_none() {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return Refusal::invalid("body is not complete, or too long").into_response();
    };
    let request = Request::from_parts(head.clone(), Body::from(body.clone()));
    let (answer, bytes) = hold(next.run(request).await).await;
    service.calls.add(Call {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: texts(&head.headers),
        body,
        status: answer.status().as_u16(),
        answer_headers: texts(answer.headers()),
        answer: bytes,
    });
    answer
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The same answer and its body.
async fn hold(answer: Response) -> (Response, Bytes) {
    let (head, body) = answer.into_parts();
    let has_length = body.size_hint().exact().is_some();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return (StatusCode::SERVICE_UNAVAILABLE.into_response(), Bytes::new());
    };
    let body = match has_length {
        true => Body::from(bytes.clone()),
        false => Body::from_stream(stream::iter([Ok::<_, Infallible>(bytes.clone())])),
    };
    (Response::from_parts(head, body), bytes)
}
