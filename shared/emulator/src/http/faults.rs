//! Faults: answers that a client must be able to live with.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;

use super::BODY_BYTES_MAX;
use super::refusal::Refusal;
use crate::chance::Chance;

/// How often requests fail, and from which seed it is decided which and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The same seed and the same order of requests give the same faults.
    pub seed: u64,
    /// So many of a thousand requests fail.
    pub rate_per_mille: u16,
}

/// One way in which a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers 503; nothing was done.
    Unavailable,
    /// Answers 429; nothing was done.
    Throttled,
    /// Answers 403; nothing was done.
    Forbidden,
    /// Closes the connection; nothing was done.
    Reset,
    /// Does it, announces the whole body and sends half of it.
    Truncated,
    /// Does it and closes the connection.
    LostAnswer,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 6] = [
        Self::Unavailable,
        Self::Throttled,
        Self::Forbidden,
        Self::Reset,
        Self::Truncated,
        Self::LostAnswer,
    ];
}

/// Marks an answer that is not to be sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("connection closed by a fault")]
pub(super) struct HangUp;

/// Decides which requests fail.
pub(crate) struct Plan {
    rate_per_mille: AtomicU16,
    chance: Chance,
    planned: Mutex<VecDeque<Fault>>,
}

impl Plan {
    pub(super) fn new(faults: Option<Faults>) -> Self {
        let faults = faults.unwrap_or(Faults { seed: 0, rate_per_mille: 0 });
        Self {
            rate_per_mille: AtomicU16::new(faults.rate_per_mille),
            chance: Chance::new(faults.seed),
            planned: Mutex::default(),
        }
    }

    pub(crate) fn set_rate(&self, per_mille: u16) {
        self.rate_per_mille.store(per_mille, Ordering::Relaxed);
    }

    pub(crate) fn plan(&self, fault: Fault) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push_back(fault);
    }

    /// What happens to the next request.
    pub(super) fn draw(&self) -> Option<Fault> {
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let rate = u64::from(self.rate_per_mille.load(Ordering::Relaxed));
        if planned.is_some() || rate == 0 || self.chance.below(1000) >= rate {
            return planned;
        }
        let number = self.chance.below(Fault::ALL.len() as u64);
        usize::try_from(number).ok().and_then(|number| Fault::ALL.get(number).copied())
    }
}

/// Answers `request`, or fails it.
pub(super) async fn run(fault: Option<Fault>, request: Request, next: Next) -> Response {
    match fault {
        None => next.run(request).await,
        Some(Fault::Unavailable) => Refusal::unavailable().into_response(),
        Some(Fault::Throttled) => Refusal::throttled("fault").into_response(),
        Some(Fault::Forbidden) => Refusal::forbidden().into_response(),
        Some(Fault::Reset) => hang_up(),
        Some(Fault::Truncated) => truncate(next.run(request).await).await,
        Some(Fault::LostAnswer) => {
            // The body too: what is done is done to the end.
            drop(next.run(request).await);
            hang_up()
        }
    }
}

fn hang_up() -> Response {
    let mut answer = StatusCode::SERVICE_UNAVAILABLE.into_response();
    answer.extensions_mut().insert(HangUp);
    answer
}

/// The same answer with its whole length and half of its body.
async fn truncate(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else { return hang_up() };
    if body.is_empty() {
        return hang_up();
    }
    head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let half = body.slice(..body.len() / 2);
    Response::from_parts(head, Body::from_stream(cut(half)))
}

/// `half`, and then an error, which makes hyper close the connection.
fn cut(half: Bytes) -> impl futures_util::Stream<Item = Result<Bytes, HangUp>> {
    stream::unfold(Some(half), async |left| match left {
        Some(half) => Some((Ok(half), None)),
        None => {
            // The half is on its way before the connection closes.
            tokio::task::yield_now().await;
            Some((Err(HangUp), None))
        }
    })
}
