//! The push request, byte for byte as the service makes it.
//! (Pub/Sub documentation, "Push subscriptions", "Receive messages".)

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use super::message::Subscription;
use super::queue::Job;

/// The most of an answer's body that is read; the rest is of no interest.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The user agent of the service.
const USER_AGENT: &str =
    "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)";

/// How a push ended.
pub(super) struct Pushed {
    /// The answer; 0 when there was none in time.
    pub(super) status: u16,
    pub(super) elapsed: Duration,
}

/// Whether the answer acknowledges the message. (Same page, "How push works".)
pub(super) fn is_acknowledged(status: u16) -> bool {
    matches!(status, 102 | 200 | 201 | 202 | 204)
}

/// Makes push requests and keeps their connections.
pub(super) struct Pusher(Client<HttpConnector, Body>);

impl Pusher {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Posts one message and waits for the answer, at most for the ack deadline.
    pub(super) async fn push(&self, subscription: &Subscription, job: &Job) -> Pushed {
        let begin = Instant::now();
        let answer = tokio::time::timeout(subscription.ack_deadline, self.post(subscription, job));
        let status = answer.await.ok().flatten().unwrap_or(0);
        Pushed { status, elapsed: begin.elapsed() }
    }

    async fn post(&self, subscription: &Subscription, job: &Job) -> Option<u16> {
        let request = Request::post(&subscription.push_endpoint)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::FROM, "noreply@google.com")
            .header(header::USER_AGENT, USER_AGENT)
            .body(Body::from(body(subscription, job)));
        let answer = self.0.request(request.ok()?).await.ok()?;
        let status = answer.status().as_u16();
        // Read to the end, so that the connection can be used again. The status counts as soon
        // as it is there, whatever becomes of the rest.
        drop(axum::body::to_bytes(Body::new(answer.into_body()), ANSWER_BYTES_MAX).await);
        Some(status)
    }
}

fn body(subscription: &Subscription, job: &Job) -> String {
    let attempt = subscription.dead_letter_topic.is_some().then_some(job.attempt);
    job.message.push_body(&subscription.full_name(), attempt)
}
