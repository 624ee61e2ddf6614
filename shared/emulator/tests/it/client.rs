//! A client that does nothing by itself: no retry, no kept connection, no decoding.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use emulator::{Emulator, Options};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

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
        assert_eq!(error["code"], self.status);
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
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    exchange(request.body(body.into()).unwrap()).await
}

/// The same of a request that is made already.
pub(crate) async fn exchange(request: Request<Body>) -> Result<Answer, String> {
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .retry_canceled_requests(false)
        .build_http::<Body>();
    let answer = client.request(request).await;
    let (head, body) = answer.map_err(|err| format!("no answer: {err:?}"))?.into_parts();
    let body = axum::body::to_bytes(Body::new(body), usize::MAX).await;
    let body = body.map_err(|err| format!("answer is not complete: {err:?}"))?;
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

pub(crate) async fn get(url: &str) -> Answer {
    send(Method::GET, url, &[], "").await.unwrap()
}

/// A fresh emulator that is called by paths alone: those that begin with `/`, and those below
/// `/storage/v1/`.
pub(crate) struct Rest {
    pub(crate) emulator: Emulator,
}

impl Rest {
    pub(crate) async fn start() -> Self {
        Self { emulator: Emulator::start(Options::default()).await.unwrap() }
    }

    /// With the empty bucket `bbb`, on which this is set.
    pub(crate) async fn with_bucket(settings: Value) -> Self {
        let rest = Self::start().await;
        let mut bucket = json!({"name": "bbb"});
        bucket.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        rest.ok(Method::POST, "b?project=p", bucket).await;
        rest
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let below = if path.starts_with('/') { "" } else { "/storage/v1/" };
        let url = format!("{}{below}{path}", self.emulator.url());
        send(method, &url, headers, body).await.unwrap()
    }

    /// Without a body where it is `null`.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &[("content-type", "application/json")], body).await
    }

    pub(crate) async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.call(method, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, Value::Null).await
    }

    /// Status and reason of an error.
    pub(crate) async fn refused(&self, method: Method, path: &str, body: Value) -> (u64, String) {
        self.call(method, path, body).await.error()
    }

    pub(crate) async fn delete(&self, path: &str) -> u16 {
        self.call(Method::DELETE, path, Value::Null).await.status
    }

    /// Uploads to the bucket `bbb`; the resource of the new version.
    pub(crate) async fn upload(&self, name: &str, content: &'static str) -> Value {
        let path = format!("/upload/storage/v1/b/bbb/o?uploadType=media&name={name}");
        let answer = self.send(Method::POST, &path, &[("content-type", "text/plain")], content);
        let answer = answer.await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub(crate) async fn content(&self, name: &str) -> Bytes {
        let path = format!("b/bbb/o/{name}?alt=media");
        let answer = self.call(Method::GET, &path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }
}
