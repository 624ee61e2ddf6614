//! Faults: answers that a client must be able to live with.
//!
//! Each is an [`Instruction`] for one request: what happens to the request, and how its answer
//! ends. Which request has which is a matter of [`Plan`]; where an answer ends early, the
//! connection sees to it ([`valve`]).

mod answers;
mod control;
mod instruction;
mod method;
mod plan;
mod valve;

pub(super) use plan::Plan;
pub use plan::{InstructionError, Instructions};
pub(super) use valve::{Ending, Valve};

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::sleep;

use super::BODY_BYTES_MAX;
use answers::{ended, error, nothing, whole};
use instruction::Instruction;
use plan::{Drawn, Late};
use valve::{Place, Then};

/// How often requests fail, and from which seed it is decided which and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The same seed and the same order of requests give the same faults.
    pub seed: u64,
    /// So many of a thousand requests fail.
    pub rate_per_mille: u16,
}

/// One way in which any request can fail. [`crate::Emulator::instruct`] knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers 503; nothing was done.
    Unavailable,
    /// Answers 429; nothing was done.
    Throttled,
    /// Answers 403; nothing was done.
    Forbidden,
    /// Resets the connection; nothing was done.
    Reset,
    /// Does it, announces the whole body and sends half of it.
    Truncated,
    /// Does it and resets the connection.
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

    fn instruction(self) -> Instruction {
        match self {
            Self::Unavailable => Instruction::Return(StatusCode::SERVICE_UNAVAILABLE),
            Self::Throttled => Instruction::Return(StatusCode::TOO_MANY_REQUESTS),
            Self::Forbidden => Instruction::Return(StatusCode::FORBIDDEN),
            Self::Reset => Instruction::Reset,
            Self::Truncated => Instruction::CommitThenBreakBody,
            Self::LostAnswer => Instruction::CommitThenReset,
        }
    }
}

/// Before the answer has begun.
const START: Place = Place::Head(0);

/// Within the first line or shortly after: `HTTP/1.1 200 OK` and a part of a header.
const WITHIN_HEAD: Place = Place::Head(20);

/// What `return-broken-stream` sends of a body, as the test server of Google does.
const BROKEN_STREAM_BYTES: usize = 4;

/// Longer than any client waits.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

const RESET: Ending = Ending { at: START, then: Then::Reset };

impl Plan {
    /// Answers `request` if it is about instructions, and else gives it back.
    pub(super) async fn control(&self, request: Request) -> Result<Response, Request> {
        control::answer(self, request).await
    }

    /// Answers `request`, or fails it.
    pub(super) async fn run(&self, request: Request, next: Next) -> Response {
        let drawn = match self.draw(&request) {
            Ok(drawn) => drawn,
            Err(message) => return error(StatusCode::BAD_REQUEST, &message),
        };
        let late = self.take_late();
        let answer = match drawn {
            Some(drawn) => self.fail(drawn, request, next).await,
            None => next.run(request).await,
        };
        for Late(request, next) in late {
            // Whoever sent it has gone.
            drop(next.run(request).await);
        }
        answer
    }

    async fn fail(&self, drawn: Drawn, request: Request, next: Next) -> Response {
        use Instruction as I;
        match drawn.instruction {
            I::Return(status) => error(status, "instructed"),
            I::RetryAfter(status, seconds) => answers::retry_after(status, seconds),
            I::Redirect(status, location) => answers::redirect(status, location, &request),
            I::Html(status) => answers::html(status),
            I::Reset => nothing(RESET),
            I::ResetThenCommit => {
                if let Ok((request, _)) = received(request).await {
                    self.postpone(Late(request, next));
                }
                nothing(RESET)
            }
            I::CommitThenReset => {
                drop(whole(next.run(request).await).await);
                nothing(RESET)
            }
            I::CommitThenBreakHead => {
                ended(next.run(request).await, Ending { at: WITHIN_HEAD, then: Then::Close })
            }
            I::CommitThenStallHead => {
                let then = Then::Stall(FOR_EVER);
                ended(next.run(request).await, Ending { at: WITHIN_HEAD, then })
            }
            I::SlowHead(millis) => {
                let then = Then::Drip(Duration::from_millis(millis));
                ended(next.run(request).await, Ending { at: START, then })
            }
            I::CommitThenBreakBody => within(next.run(request).await, Half, Then::Close).await,
            I::CommitThenStallBody => {
                within(next.run(request).await, Half, Then::Stall(FOR_EVER)).await
            }
            I::BrokenStream => within(next.run(request).await, Few, Then::Close).await,
            _ => fail_what_fits(drawn, request, next).await,
        }
    }
}

/// Faults that need a request or an answer of a certain kind. Where they do not fit, the request
/// is answered, and the next one may be what they wait for.
async fn fail_what_fits(drawn: Drawn, request: Request, next: Next) -> Response {
    use Instruction as I;
    let (request, body_bytes) = match received(request).await {
        Ok(received) => received,
        Err(refusal) => return refusal,
    };
    let is_upload = body_bytes > 0;
    match drawn.instruction {
        I::ReturnAfter(status, bytes) if body_bytes >= bytes => {
            return error(status, "instructed after so many bytes");
        }
        I::Stall { seconds, after_bytes } if is_upload && body_bytes >= after_bytes => {
            sleep(Duration::from_secs(seconds)).await;
            return next.run(request).await;
        }
        _ => (),
    }
    let (answer, body) = whole(next.run(request).await).await;
    let misfit = match drawn.instruction {
        I::BrokenStreamAfter(bytes) if bytes < body.len() => {
            return ended(answer, Ending { at: Place::Body(bytes), then: Then::Close });
        }
        I::BrokenFinalChunk(bytes) if answer.status().is_success() && bytes < body.len() => {
            return ended(answer, Ending { at: Place::Body(bytes), then: Then::Close });
        }
        I::Stall { seconds, after_bytes } if !is_upload && after_bytes <= body.len() => {
            let at = if after_bytes == 0 { START } else { Place::Body(after_bytes) };
            return ended(answer, Ending { at, then: Then::Stall(Duration::from_secs(seconds)) });
        }
        I::CorruptedData => answers::corrupted(answer).await,
        I::WrongChecksum => answers::misleading(answer).await,
        _ => Err(answer),
    };
    misfit.unwrap_or_else(|answer| {
        drawn.put_back();
        answer
    })
}

/// Where in a body.
enum Part {
    Half,
    Few,
}
use Part::{Few, Half};

/// Stops `answer` in its body, or in its head if it has no body.
async fn within(answer: Response, part: Part, then: Then) -> Response {
    let (answer, body) = whole(answer).await;
    let at = match (body.len(), part) {
        (0, _) => WITHIN_HEAD,
        (bytes, Half) => Place::Body(bytes / 2),
        (bytes, Few) => Place::Body(BROKEN_STREAM_BYTES.min(bytes - 1)),
    };
    ended(answer, Ending { at, then })
}

/// The request with its whole body, and how long that is.
async fn received(request: Request) -> Result<(Request, usize), Response> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX + 1024 * 1024).await;
    let body = body.map_err(|_| error(StatusCode::PAYLOAD_TOO_LARGE, "body is too large"))?;
    let bytes = body.len();
    Ok((Request::from_parts(head, Body::from(body)), bytes))
}
