//! One call: attempts, their repetition, and the deadline over all of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock, Ids, Instant};
use futures_util::future::join;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode, Uri};
use store::Error;
use tokio::time::timeout;

use crate::answer::{Answer, ERROR_BYTES_MAX};
use crate::http::{Http, Request};
use crate::retry::{Cause, Effect, Policy};
use crate::tokens::{Token, Tokens};

/// Makes calls.
pub(crate) struct Client {
    pub(crate) http: Http,
    /// `None` for an emulator that asks for none.
    pub(crate) tokens: Option<Tokens>,
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// What is asked of the service.
pub(crate) struct Call<'a> {
    /// The operation of the contract, for messages.
    pub(crate) operation: &'a str,
    /// The object or the prefix, for messages.
    pub(crate) object: &'a str,
    /// What may be repeated.
    pub(crate) effect: Effect,
    /// What is sent in each attempt, but for the token.
    pub(crate) request: Request,
    /// The most bytes that the body of a good answer may have.
    pub(crate) answer_bytes_max: usize,
    /// What is at fault when it has more: the request, if nothing else is said.
    pub(crate) large: Cause,
}

impl<'a> Call<'a> {
    /// A call without a body.
    pub(crate) fn new(
        (operation, object): (&'a str, &'a str),
        (effect, method): (Effect, Method),
        uri: Option<Uri>,
        answer_bytes_max: usize,
    ) -> Result<Self, Error> {
        let uri = uri.ok_or_else(|| {
            Trouble::new(Cause::Refused, "not expressible as a url").of(operation, object)
        })?;
        let mut request = Request::default();
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        Ok(Self { operation, object, effect, request, answer_bytes_max, large: Cause::Refused })
    }

    /// The same call with a body.
    pub(crate) fn with(mut self, content_type: HeaderValue, body: Bytes) -> Self {
        self.request.headers_mut().insert(CONTENT_TYPE, content_type);
        *self.request.body_mut() = Full::new(body);
        self
    }

    fn fail(&self, trouble: Trouble) -> Error {
        trouble.of(self.operation, self.object)
    }
}

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) cause: Cause,
    /// For the log: no body, no token.
    pub(crate) text: String,
    /// How long the service asks to wait, at least.
    pub(crate) retry_after: Option<Duration>,
}

impl Trouble {
    pub(crate) fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into(), retry_after: None }
    }

    /// The error of `operation` on `object` that this is.
    pub(crate) fn of(self, operation: &str, object: &str) -> Error {
        Error::new(self.cause.kind(), format!("{operation} {object}: {}", self.text))
    }
}

impl Client {
    /// Makes `call` until `accept` takes an answer, the policy ends it, or the deadline passes.
    pub(crate) async fn run<T>(
        &self,
        call: &Call<'_>,
        accept: impl Fn(&Answer) -> Result<T, Trouble> + Sync,
    ) -> Result<T, Error> {
        let mut last = None;
        let attempts = self.attempts(call, accept, &mut last);
        if let Ok(result) = timeout(self.policy.deadline, attempts).await {
            return result.map_err(|trouble| call.fail(trouble));
        }
        let before = last.map_or_else(String::new, |before: String| format!(", before: {before}"));
        let text = format!("no answer within {} ms{before}", self.policy.deadline.as_millis());
        Err(call.fail(Trouble::new(Cause::Connection, text)))
    }

    /// Leaves the text of the latest failure in `last`, for when this is dropped in the middle.
    async fn attempts<T>(
        &self,
        call: &Call<'_>,
        accept: impl Fn(&Answer) -> Result<T, Trouble> + Sync,
        last: &mut Option<String>,
    ) -> Result<T, Trouble> {
        let started = self.clock.now();
        let mut renewed = false;
        let mut attempt = 1;
        loop {
            let (token, prepared) = self.prepare().await;
            let result = match (&token, prepared) {
                (Ok(token), Ok(())) => self.attempt(call, token.as_ref(), &accept).await,
                (Ok(_), Err(trouble)) => Err(trouble),
                (Err(trouble), _) => Err(Trouble::new(trouble.cause, trouble.text.as_str())),
            };
            let mut trouble = match result {
                Ok(value) => return Ok(value),
                Err(trouble) => trouble,
            };
            let refused = token.ok().flatten().filter(|_| trouble.cause == Cause::Status(401));
            let delay = match refused {
                Some(refused) if !renewed => {
                    renewed = true;
                    self.forget(&refused).await;
                    Some(Duration::ZERO)
                }
                _ => self.delay(call, &trouble, attempt, started),
            };
            let Some(delay) = delay else {
                if attempt > 1 {
                    trouble.text.push_str(&format!(", {attempt} attempts"));
                }
                return Err(trouble);
            };
            *last = Some(trouble.text);
            self.clock.sleep(delay).await;
            attempt += 1;
        }
    }

    /// How long to wait before the next attempt; `None` if there is none.
    fn delay(
        &self,
        call: &Call<'_>,
        trouble: &Trouble,
        attempt: u32,
        started: Instant,
    ) -> Option<Duration> {
        if !trouble.cause.is_repeatable(call.effect) {
            return None;
        }
        let own = self.ids.jitter(self.policy.delay_bound(attempt)?);
        let delay = own.max(trouble.retry_after.unwrap_or_default());
        let ends = started.after(self.policy.deadline);
        (self.clock.now().after(delay) < ends).then_some(delay)
    }

    /// A token if one is needed, and a connection to send it on. A first call waits for both at
    /// once: the metadata server answers while the handshake goes on.
    async fn prepare(&self) -> (Result<Option<Arc<Token>>, Trouble>, Result<(), Trouble>) {
        let Some(tokens) = &self.tokens else { return (Ok(None), Ok(())) };
        let token = timeout(self.policy.silence_max(), tokens.token());
        let (token, prepared) = join(token, self.http.prepare()).await;
        let token = match token {
            Ok(Ok(token)) => Ok(Some(token)),
            Ok(Err(err)) => {
                let cause = if err.passes { Cause::TokenDelay } else { Cause::Token };
                Err(Trouble::new(cause, format!("no token: {}", err.text)))
            }
            Err(_) => Err(Trouble::new(Cause::TokenDelay, "no token: time is up")),
        };
        (token, prepared)
    }

    async fn forget(&self, refused: &Arc<Token>) {
        if let Some(tokens) = &self.tokens {
            tokens.forget(refused).await;
        }
    }

    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        token: Option<&Arc<Token>>,
        accept: impl Fn(&Answer) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let authorization = token.map(|token| bearer(token)).transpose()?;
        let mut exchange = self.http.send(&call.request, authorization).await?;
        let status = exchange.status();
        let body = match status {
            status if status.is_success() => {
                exchange.body(call.answer_bytes_max, call.large).await?
            }
            // Whether the service says it or something else shows in the body.
            StatusCode::NOT_FOUND => exchange.body(ERROR_BYTES_MAX, Cause::Refused).await?,
            // The status decides; the body only adds a word to the message.
            _ => exchange.body(ERROR_BYTES_MAX, Cause::Refused).await.unwrap_or_default(),
        };
        accept(&Answer { status: status.as_u16(), headers: exchange.take_headers(), body })
    }
}

/// What the header `Authorization` says.
pub(crate) fn bearer(token: &Token) -> Result<HeaderValue, Trouble> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.0))
        .map_err(|_| Trouble::new(Cause::Token, "no token: it is not a header value"))?;
    value.set_sensitive(true);
    Ok(value)
}
