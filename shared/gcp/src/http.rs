//! HTTP/1.1 to one host: hyper, over connections that are kept and used again.
//!
//! Less than a general client does, on purpose: no redirects, which would take the token elsewhere;
//! no proxies, which are set in the environment; no repetition, about which one place decides; no
//! decompression, since objects are verified as they are stored.

use std::error::Error;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, DATE, HOST, HeaderMap, HeaderValue, USER_AGENT,
};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::client::Trouble;
use crate::connect::Connector;
use crate::foreign::root;
use crate::origin::Origin;
use crate::retry::{Cause, Policy};

/// A request to the host: its target is a path with a query.
pub(crate) type Request = hyper::Request<Full<Bytes>>;

/// Headers of an answer of which the memory for each request is a stack's. An object may have more
/// custom metadata, each in a header of its own: such a one is asked for once more with room for
/// [`HEADERS_MAX`], which costs a hundred kilobytes each time.
const HEADERS_USUAL: usize = 100;

/// The most headers of an answer: thousands of the shortest keys make up 8 KiB.
const HEADERS_MAX: usize = 4096;

/// Connections that nobody uses are kept for so long. The service closes them after minutes.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// The most connections that are kept while nobody uses them.
const KEPT_MAX: usize = 100;

/// Names the client to the service.
pub(crate) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("strata/", env!("CARGO_PKG_VERSION")));

/// Without it, Cloud Storage decompresses what is stored with gzip, and neither length nor checksum
/// match any more. (Cloud Storage documentation, "Transcoding of gzip-compressed files".)
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// A client of one host.
pub(crate) struct Http {
    connector: Connector,
    host: HeaderValue,
    /// How long an attempt may wait for something to happen.
    silence_max: Duration,
    kept: Mutex<Vec<Kept>>,
    /// What the latest answer says of its time, in milliseconds since 1970; 0 where none has.
    answered_at: AtomicI64,
}

/// A connection that nobody uses.
struct Kept {
    connection: Connection,
    since: Instant,
}

type Connection = SendRequest<Full<Bytes>>;

/// An answer whose body is not read yet.
pub(crate) struct Exchange<'a> {
    http: &'a Http,
    response: hyper::Response<Incoming>,
    /// To be kept when the whole answer has arrived.
    connection: Option<Connection>,
}

impl Http {
    /// A client for calls under `deadline`, which is not in touch with `origin` yet.
    pub(crate) fn new(origin: Origin, deadline: Duration) -> Self {
        let silence_max = Policy::within(deadline).silence_max();
        let host = origin.authority().clone();
        let connector = Connector::new(origin, silence_max / 2);
        Self {
            connector,
            host,
            silence_max,
            kept: Mutex::default(),
            answered_at: AtomicI64::default(),
        }
    }

    /// Sees to it that there is a connection that nobody uses.
    pub(crate) async fn prepare(&self) -> Result<(), Trouble> {
        if self.kept().is_empty() {
            let connection = self.connect(HEADERS_USUAL).await?;
            self.keep(connection);
        }
        Ok(())
    }

    /// Sends `request` with `authorization` and waits for the head of the answer.
    pub(crate) async fn send(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
    ) -> Result<Exchange<'_>, Trouble> {
        let mut headers_max = HEADERS_USUAL;
        loop {
            let is_usual = headers_max == HEADERS_USUAL;
            let kept = if is_usual { self.take().await } else { None };
            let is_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect(headers_max).await?,
            };
            let sent = connection.try_send_request(self.addressed(request, authorization.clone()));
            let answer = timeout(self.silence_max, sent).await;
            let mut err = match answer.map_err(|_| silent("request"))? {
                Ok(response) => {
                    self.note_date(response.headers());
                    let connection = is_usual.then_some(connection);
                    return Ok(Exchange { http: self, response, connection });
                }
                Err(err) => err,
            };
            if is_kept && err.take_message().is_some() {
                // The service has closed the connection in the meantime, and got nothing.
                continue;
            }
            let is_again = is_usual && err.error().is_parse_too_large();
            if !is_again || request.method() != Method::GET {
                return Err(broken("request", err.error()));
            }
            headers_max = HEADERS_MAX;
        }
    }

    /// When the service last answered, by its own clock.
    pub(crate) fn answered_at(&self) -> Option<domain::Instant> {
        let millis = self.answered_at.load(Ordering::Relaxed);
        (millis != 0).then(|| domain::Instant::from_unix_millis(millis))
    }

    /// Keeps the header `Date`, which every answer has that comes from a server with a clock.
    /// (RFC 9110, section 6.6.1.)
    fn note_date(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(at) = date.and_then(domain::Instant::parse_http) {
            self.answered_at.store(at.unix_millis(), Ordering::Relaxed);
        }
    }

    /// A copy of `request` with what every request has.
    fn addressed(&self, request: &Request, authorization: Option<HeaderValue>) -> Request {
        let mut request = request.clone();
        let headers = request.headers_mut();
        headers.reserve(4);
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, AGENT);
        headers.insert(ACCEPT_ENCODING, GZIP);
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        request
    }

    /// A connection that was kept and still is one.
    async fn take(&self) -> Option<Connection> {
        loop {
            let Kept { mut connection, since } = self.kept().pop()?;
            if since.elapsed() >= IDLE_MAX {
                continue;
            }
            // One whose answer has just been read is ready when its task has run once more.
            if connection.is_ready()
                || matches!(timeout(self.silence_max, connection.ready()).await, Ok(Ok(())))
            {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        let mut kept = self.kept();
        if kept.len() < KEPT_MAX {
            kept.push(Kept { connection, since: Instant::now() });
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, headers_max: usize) -> Result<Connection, Trouble> {
        let stream = self.connector.connect().await.map_err(|err| broken("request", &*err))?;
        let mut builder = Builder::new();
        if headers_max != HEADERS_USUAL {
            builder.max_headers(headers_max);
        }
        let (connection, driver) =
            builder.handshake(TokioIo::new(stream)).await.map_err(|err| broken("request", &err))?;
        tokio::spawn(async move {
            // Whoever waits for an answer on it is told why there will be none.
            driver.await.unwrap_or_default();
        });
        Ok(connection)
    }
}

impl Exchange<'_> {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(self.response.headers_mut())
    }

    /// Reads the body, and no more than `bytes_max` of it; more is the fault of `cause`.
    pub(crate) async fn body(&mut self, bytes_max: usize, cause: Cause) -> Result<Bytes, Trouble> {
        let large = || Trouble::new(cause, format!("answer of more than {bytes_max} bytes"));
        let body = self.response.body_mut();
        let announced = body.size_hint().exact().map_or(Ok(0), usize::try_from);
        let announced = announced.ok().filter(|bytes| *bytes <= bytes_max).ok_or_else(large)?;
        let mut content = BytesMut::with_capacity(announced);
        loop {
            let frame = timeout(self.http.silence_max, body.frame()).await;
            let Some(frame) = frame.map_err(|_| silent(BROKE_OFF))? else { break };
            let frame = frame.map_err(|err| broken(BROKE_OFF, &err))?;
            // Trailers say nothing that is wanted.
            let Ok(chunk) = frame.into_data() else { continue };
            if content.len() + chunk.len() > bytes_max {
                return Err(large());
            }
            content.extend_from_slice(&chunk);
        }
        if let Some(connection) = self.connection.take() {
            self.http.keep(connection);
        }
        Ok(content.freeze())
    }
}

const BROKE_OFF: &str = "answer broke off";

fn silent(what: &str) -> Trouble {
    Trouble::new(Cause::Connection, format!("{what}: time is up"))
}

fn broken(what: &str, err: &(dyn Error + 'static)) -> Trouble {
    Trouble::new(Cause::Connection, format!("{what}: {}", root(err)))
}
