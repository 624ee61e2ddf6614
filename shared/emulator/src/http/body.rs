//! Bodies of requests, read whole and up to a bound.

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};

use super::description::{self, DESCRIPTION_BYTES_MAX};
use super::refusal::Refusal;

/// A body that is a resource or the like: a JSON object. An empty one says nothing.
pub(super) struct Resource(pub(super) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Resource {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let body = whole(&head.headers, body, DESCRIPTION_BYTES_MAX).await?;
        description::object(&body).map(Self)
    }
}

/// The whole of `body`, in one piece and without a copy where it arrives in one piece.
///
/// 413 when it is longer than `bytes_max`.
pub(super) async fn whole(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    let mut stream = body.into_data_stream();
    if announced(headers).is_some_and(|bytes| bytes > bytes_max) {
        return Err(Refusal::too_large());
    }
    let Some(first) = next(&mut stream).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut stream).await? else { return checked(first, bytes_max) };
    let mut gathered = BytesMut::with_capacity(announced(headers).unwrap_or(0));
    gathered.extend_from_slice(&first);
    gathered.extend_from_slice(&second);
    while let Some(piece) = next(&mut stream).await? {
        if gathered.len() + piece.len() > bytes_max {
            return Err(Refusal::too_large());
        }
        gathered.extend_from_slice(&piece);
    }
    checked(gathered.freeze(), bytes_max)
}

/// The next piece; `None` at the end.
pub(super) async fn next(stream: &mut BodyDataStream) -> Result<Option<Bytes>, Refusal> {
    let piece = stream.next().await.transpose();
    piece.map_err(|_| Refusal::invalid("The request ended before its body was complete."))
}

fn checked(body: Bytes, bytes_max: usize) -> Result<Bytes, Refusal> {
    if body.len() > bytes_max { Err(Refusal::too_large()) } else { Ok(body) }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
