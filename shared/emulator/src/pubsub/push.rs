//! The push request, byte for byte as the service makes it.
//! (Pub/Sub documentation, "Push subscriptions", "Receive messages", "Payload unwrapping".)

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, header, request};
use domain::Instant;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::message::Message;
use super::queue::Delivery;
use super::subscription::{Push, Subscription};
use super::token::Signer;

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

/// Whether the answer acknowledges the message. (First page above, "How push works".)
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

    /// Posts one message at `now` and waits for the answer, at most for the ack deadline.
    pub(super) async fn push(
        &self,
        subscription: &Subscription,
        delivery: &Delivery,
        signer: &Signer,
        now: Instant,
    ) -> Pushed {
        let request = request(subscription, delivery, signer, now).await;
        let begin = tokio::time::Instant::now();
        let answer = tokio::time::timeout(subscription.ack_deadline, self.post(request));
        let status = answer.await.ok().flatten().unwrap_or(0);
        Pushed { status, elapsed: begin.elapsed() }
    }

    async fn post(&self, request: Option<Request<Body>>) -> Option<u16> {
        let answer = self.0.request(request?).await.ok()?;
        let status = answer.status().as_u16();
        // Read to the end, so that the connection can be used again. The status counts as soon
        // as it is there, whatever becomes of the rest.
        drop(axum::body::to_bytes(Body::new(answer.into_body()), ANSWER_BYTES_MAX).await);
        Some(status)
    }
}

/// Nothing when there is no endpoint, or none that can be spelled, or no token can be signed.
async fn request(
    subscription: &Subscription,
    delivery: &Delivery,
    signer: &Signer,
    now: Instant,
) -> Option<Request<Body>> {
    let push = subscription.push.as_ref()?;
    let Push { endpoint, oidc, no_wrapper, .. } = push;
    let mut request = Request::post(endpoint)
        .header(header::ACCEPT, "application/json")
        .header(header::FROM, "noreply@google.com")
        .header(header::USER_AGENT, USER_AGENT);
    if let Some(identity) = oidc {
        let token = signer.token(identity, endpoint, now).await.ok()?;
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let message = &delivery.message;
    let Some(unwrapped) = no_wrapper else {
        let attempt = subscription.dead_letter.is_some().then_some(delivery.attempt);
        let body = message.push_body(&subscription.full_name(), attempt);
        return request.header(header::CONTENT_TYPE, "application/json").body(body.into()).ok();
    };
    request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if unwrapped.write_metadata {
        request = with_metadata(request, &subscription.full_name(), message);
    }
    request.body(Body::from(message.data.clone())).ok()
}

/// Adds what the envelope would have held, as far as headers can hold it.
fn with_metadata(
    mut request: request::Builder,
    subscription: &str,
    message: &Message,
) -> request::Builder {
    let published_at = message.published_at.to_millis_text();
    let own = [
        ("x-goog-pubsub-subscription-name", subscription),
        ("x-goog-pubsub-message-id", &message.message_id),
        ("x-goog-pubsub-publish-time", &published_at),
        ("x-goog-pubsub-ordering-key", &message.ordering_key),
    ];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    let attributes = message.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let Some(headers) = request.headers_mut() else { return request };
    for (key, value) in attributes.chain(own) {
        let name = HeaderName::from_bytes(key.as_bytes());
        let is_framing = |name: &HeaderName| {
            [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST].contains(name)
        };
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value))
            && !is_framing(&name)
        {
            headers.insert(name, value);
        }
    }
    request
}
