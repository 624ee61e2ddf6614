//! A client of HTTP that does nothing by itself: no decoding, no redirect, and no second try of what
//! may have arrived.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// One server.
#[derive(Clone)]
pub(crate) struct Server {
    origin: String,
    client: Client<HttpConnector, Body>,
}

/// An answer that came in full.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The JSON of a success.
    pub(crate) fn json(&self) -> Result<Value> {
        ensure!(self.status == 200, "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Server {
    /// The server at `url`, which is `http://host:port` and nothing else.
    pub(crate) fn at(url: &str) -> Result<Self> {
        let origin = url.trim_end_matches('/');
        let rest = origin.strip_prefix("http://").unwrap_or_default();
        let plain = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
        ensure!(plain, "{url:?} is not an address like http://127.0.0.1:9000");
        // Canceled is what was never begun to be sent, because a kept connection had ended.
        let client = Client::builder(TokioExecutor::new())
            .retry_canceled_requests(true)
            .build_http::<Body>();
        Ok(Self { origin: origin.to_owned(), client })
    }

    /// Sends one request and waits for the answer, not for long. `target` is a path, or a URL of
    /// which the host is not looked at: a server may know itself under another name.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Answer> {
        let url = format!("{}{}", self.origin, path_of(target));
        let mut request = Request::builder().method(method.parse::<Method>()?).uri(&url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body)).with_context(|| format!("no URL: {url}"))?;
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.answer(request)).await;
        answer.with_context(|| format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))?
    }

    async fn answer(&self, request: Request<Body>) -> Result<Answer> {
        let answer = self.client.request(request).await;
        let answer = answer.with_context(|| format!("no answer from {}", self.origin))?;
        let (head, body) = answer.into_parts();
        let body = axum::body::to_bytes(Body::new(body), ANSWER_BYTES_MAX).await;
        let body = body.with_context(|| format!("answer of {} broke off", self.origin))?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// Path and query of a URL or of what is no more than that.
fn path_of(target: &str) -> &str {
    let rest = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"));
    rest.map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]))
}
