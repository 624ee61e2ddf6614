//! Bodies of which not all was read when the answer is known.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::body::{Frame, SizeHint};

/// What is read and thrown away at most of a body that nobody wants.
const DISCARDED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A client that has not sent the rest of its body after so long is answered all the same.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Reads what a request still sends when its answer is known: many clients look for the answer
/// only when they have sent everything, and the connection would be reset before. One that still
/// waits to be asked for its body is not asked.
pub(super) async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let waits = head.headers.contains_key(header::EXPECT);
    let body = Lent(Arc::new(Shared { body: Mutex::new(body), asked: AtomicBool::new(!waits) }));
    let answer = next.run(Request::from_parts(head, Body::new(body.clone()))).await;
    if body.0.asked.load(Ordering::Relaxed) {
        // Whether it ended or not, the answer is the same.
        drop(tokio::time::timeout(DRAIN_MAX, discard(Body::new(body))).await);
    }
    answer
}

/// Reads what is left and throws it away.
async fn discard(body: Body) {
    let mut stream = body.into_data_stream();
    let mut bytes = 0;
    while let Some(Ok(piece)) = stream.next().await {
        bytes += piece.len();
        if bytes > DISCARDED_BYTES_MAX {
            return;
        }
    }
}

/// A body that can be read on by whoever lent it.
#[derive(Clone)]
struct Lent(Arc<Shared>);

struct Shared {
    body: Mutex<Body>,
    /// Whether the client sends it, or was asked to.
    asked: AtomicBool,
}

impl Lent {
    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.0.asked.store(true, Ordering::Relaxed);
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
