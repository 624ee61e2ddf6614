//! One call: attempts, their repetition, and the deadline over all of them.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::{Clock, Ids, Instant};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode, Url};
use store::Error;
use tokio::time::timeout;

use crate::answer::{Answer, ERROR_BYTES_MAX};
use crate::retry::{Cause, Effect, Policy};
use crate::tokens::{Token, Tokens};

/// Makes calls.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    /// `None` for an emulator that asks for none.
    pub(crate) tokens: Option<Tokens>,
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// What is asked of the service.
pub(crate) struct Call<'a> {
    /// The operation of the contract, for messages.
    pub(crate) operation: &'static str,
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
        (operation, object): (&'static str, &'a str),
        (effect, method): (Effect, Method),
        url: Option<Url>,
        answer_bytes_max: usize,
    ) -> Result<Self, Error> {
        let url = url.ok_or_else(|| {
            Trouble::new(Cause::Refused, "not expressible as a url").of(operation, object)
        })?;
        let request = Request::new(method, url);
        Ok(Self { operation, object, effect, request, answer_bytes_max, large: Cause::Refused })
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

    /// From the HTTP library, whose own messages contain the URL.
    fn connection(what: &str, err: &reqwest::Error) -> Self {
        let mut root: Option<&dyn std::error::Error> = None;
        while let Some(source) = root.map_or_else(|| err.source(), |found| found.source()) {
            root = Some(source);
        }
        let reason = match root {
            _ if err.is_timeout() => "time is up".to_owned(),
            Some(root) => root.to_string(),
            None => "no reason given".to_owned(),
        };
        Self::new(Cause::Connection, format!("{what}: {reason}"))
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
            let token = self.token().await;
            let result = match &token {
                Ok(token) => self.attempt(call, token.as_ref(), &accept).await,
                Err(trouble) => Err(Trouble::new(trouble.cause, trouble.text.as_str())),
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

    async fn token(&self) -> Result<Option<Arc<Token>>, Trouble> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        match timeout(self.policy.silence_max(), tokens.token()).await {
            Ok(Ok(token)) => Ok(Some(token)),
            Ok(Err(err)) => {
                let cause = if err.passes { Cause::TokenDelay } else { Cause::Token };
                Err(Trouble::new(cause, format!("no token: {}", err.text)))
            }
            Err(_) => Err(Trouble::new(Cause::TokenDelay, "no token: time is up")),
        }
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
        let request = authorized(&call.request, token)?;
        let mut response =
            self.http.execute(request).await.map_err(|err| Trouble::connection("request", &err))?;
        let status = response.status();
        let body = match status {
            status if status.is_success() => {
                read_all(&mut response, call.answer_bytes_max, call.large).await?
            }
            // Whether the service says it or something else shows in the body.
            StatusCode::NOT_FOUND => {
                read_all(&mut response, ERROR_BYTES_MAX, Cause::Refused).await?
            }
            // The status decides; the body only adds a word to the message.
            _ => {
                let body = read_all(&mut response, ERROR_BYTES_MAX, Cause::Refused);
                body.await.unwrap_or_default()
            }
        };
        let headers = std::mem::take(response.headers_mut());
        accept(&Answer { status: status.as_u16(), headers, body })
    }
}

/// A copy of `request` that carries `token`.
fn authorized(request: &Request, token: Option<&Arc<Token>>) -> Result<Request, Trouble> {
    let clone = request.try_clone();
    let mut request =
        clone.ok_or_else(|| Trouble::new(Cause::Refused, "request cannot be repeated"))?;
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.0))
            .map_err(|_| Trouble::new(Cause::Token, "no token: it is not a header value"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

/// Reads the body, and no more than `bytes_max` of it; more is the fault of `cause`.
async fn read_all(
    response: &mut Response,
    bytes_max: usize,
    cause: Cause,
) -> Result<Bytes, Trouble> {
    let large = || Trouble::new(cause, format!("answer of more than {bytes_max} bytes"));
    let announced = response.content_length().map_or(Ok(0), usize::try_from);
    let announced = announced.ok().filter(|bytes| *bytes <= bytes_max).ok_or_else(large)?;
    let mut body = BytesMut::with_capacity(announced);
    while let Some(chunk) =
        response.chunk().await.map_err(|err| Trouble::connection("answer broke off", &err))?
    {
        if body.len() + chunk.len() > bytes_max {
            return Err(large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
