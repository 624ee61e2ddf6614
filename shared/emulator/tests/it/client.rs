//! A client that does nothing by itself: no retry, no kept connection, no decoding.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// An answer that came in full.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Every `error.errors[].reason`, and the code.
    pub(crate) fn error(&self) -> (u64, String) {
        let error = &self.json()["error"];
        let reason = error["errors"][0]["reason"].as_str().unwrap();
        assert_eq!(error["message"], error["errors"][0]["message"]);
        (error["code"].as_u64().unwrap(), reason.to_owned())
    }
}

/// Sends one request. `Err` when no answer came, or not all of it.
pub(crate) async fn send(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Result<Answer, String> {
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .retry_canceled_requests(false)
        .build_http::<Body>();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.request(request.body(body.into()).unwrap()).await;
    let (head, body) = answer.map_err(|err| format!("no answer: {err:?}"))?.into_parts();
    let body = axum::body::to_bytes(Body::new(body), usize::MAX).await;
    let body = body.map_err(|err| format!("answer is not complete: {err:?}"))?;
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

pub(crate) async fn get(url: &str) -> Answer {
    send(Method::GET, url, &[], "").await.unwrap()
}
