//! Routes, the bound on bodies, and an orderly end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::runner::Runner;
use crate::trace::Trace;

/// The most that one message holds, data and attributes together. (Pub/Sub documentation,
/// "Quotas and limits".)
const MESSAGE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The largest body that is read: a full message in base64, and room for the envelope and what
/// JSON escapes add to attributes. Larger ones are answered 413; Pub/Sub does not send any.
pub(crate) const BODY_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 3 * 4 + 1024 * 1024;

/// How the server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every request was answered.
    Drained,
    /// The grace was over before that; those deliveries come again.
    Cut,
}

/// `POST /` and `POST /pubsub/push` deliver; `GET /health` and `GET /` tell that the process
/// answers. Anything else is 404, or 405 for another method.
pub(crate) fn router(runner: Runner) -> Router {
    Router::new()
        .route("/", get(health).post(push))
        .route("/pubsub/push", post(push))
        .route("/health", get(health))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(runner))
}

/// Serves until `stop` completes, then takes no more connections and finishes what it has begun,
/// for at most `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<End> {
    let stopping = Arc::new(Notify::new());
    let notify = Arc::clone(&stopping);
    let stop = async move {
        stop.await;
        notify.notify_one();
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(stop);
    let overdue = async {
        stopping.notified().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = server => served.map(|()| End::Drained),
        () = overdue => Ok(End::Cut),
    }
}

async fn health() -> &'static str {
    "ok"
}

async fn push(
    State(runner): State<Arc<Runner>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> StatusCode {
    let trace = Trace::from_headers(&headers);
    match body {
        Ok(body) => runner.push(Ok(&body), trace).await,
        Err(rejection) => runner.push(Err(rejection.status()), trace).await,
    }
}
