//! Calls of Google's other APIs, as the person or the job that runs a command, or as a function.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use domain::{Clock, Ids};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Method, Uri};
use serde_json::Value;
use store::Error;

use crate::DEADLINE;
use crate::answer::{Answer, JSON_BYTES_MAX};
use crate::client::{Call, Client, Trouble, bearer};
use crate::http::Http;
use crate::origin::Origin;
use crate::retry::{Cause, Effect, Policy};
use crate::tokens::{EVERYTHING, Token, Tokens};

/// A person waits, and many calls follow each other.
const ATTEMPTS_MAX: u32 = 4;

/// Under this domain are all of Google's APIs, and nobody else. Elsewhere nobody gets a token.
const GOOGLE: &str = ".googleapis.com";

/// The most characters of what a service says is wrong.
const REASON_CHARS_MAX: usize = 300;

/// Google's APIs, and stand-ins of them on loopback or where it is said, which get no token.
pub struct Api {
    /// One for each host, and for each number of attempts.
    clients: Mutex<BTreeMap<(String, u32), Arc<Client>>>,
    tokens: Tokens,
    /// Other places where a stand-in may be: host and port.
    stand_ins: Vec<String>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub enum Payload {
    /// No body.
    Nothing,
    /// A JSON document.
    Json(Value),
    /// Fields of a form, encoded.
    Form(String),
    /// The content of an object.
    Content(Bytes),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The JSON of the body; `None` if it is none.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the service says is wrong, on one line; empty when it says nothing that can be read.
    /// (Google Cloud APIs documentation, "Errors".)
    pub fn reason(&self) -> String {
        let json = self.json().unwrap_or_default();
        let message = json.pointer("/error/message").or(json.get("error_description"));
        let message = message.and_then(Value::as_str).unwrap_or_default();
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().filter(|it| !it.is_control()).take(REASON_CHARS_MAX).collect()
    }
}

impl Api {
    /// Calls that have not been made yet; credentials are looked up by the first one.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let tokens = Tokens::person(&clock, EVERYTHING);
        Self::with_tokens(tokens, clock, ids)
    }

    /// The same in the name of the machine: for what is pushed to.
    pub fn machine(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let tokens = Tokens::google(&clock);
        Self::with_tokens(tokens, clock, ids)
    }

    fn with_tokens(tokens: Tokens, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { clients: Mutex::default(), tokens, stand_ins: Vec::new(), clock, ids }
    }

    /// The same, where a stand-in is at `url` too, over plain HTTP: on another host than this one.
    #[must_use]
    pub fn with_stand_in(mut self, url: &str) -> Self {
        let uri: Option<Uri> = url.parse().ok();
        let uri = uri.filter(|it| it.scheme_str() == Some("http"));
        let authority = uri.as_ref().and_then(Uri::authority);
        self.stand_ins.extend(authority.map(|it| it.as_str().to_owned()));
        self
    }

    /// Sends one request, with `token` if there is one, else in the name of the person. A `GET` is
    /// repeated after a failure that passes; every other method is sent once, and answered with
    /// whatever comes.
    ///
    /// # Errors
    ///
    /// No answer; to a `GET` also one of the statuses 401, 408, 429 and 5xx; a URL that is neither
    /// Google's nor on loopback.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        payload: Payload,
        token: Option<&str>,
    ) -> Result<Reply, Error> {
        let refused = |text: &str| Trouble::new(Cause::Refused, text).of(method, url);
        let verb = Method::from_bytes(method.as_bytes()).map_err(|_| refused("no method"))?;
        let place = self.place(url);
        let place = place.ok_or_else(|| refused("neither Google's nor on loopback"))?;
        let reads = verb == Method::GET;
        let effect = if reads { Effect::Read } else { Effect::Write };
        let target = Some(place.target.clone());
        let mut call = Call::new((method, url), (effect, verb), target, JSON_BYTES_MAX)?;
        if let Some((kind, body)) = payload.encoded() {
            call = call.with(HeaderValue::from_static(kind), body);
        }
        let token = match token {
            Some(token) => Some(Arc::new(Token(token.to_owned()))),
            None if place.is_google => Some(self.own(url).await?),
            None => None,
        };
        if let Some(token) = token {
            let value = bearer(&token).map_err(|trouble| trouble.of(method, url))?;
            call.request.headers_mut().insert(AUTHORIZATION, value);
        }
        let accept = |answer: &Answer| match answer.status {
            401 | 408 | 429 | 500..=599 if reads => Err(answer.failure()),
            status => Ok(Reply { status, body: answer.plain()? }),
        };
        let client = self.client(place, if reads { ATTEMPTS_MAX } else { 1 });
        client.run(&call, accept).await
    }

    fn client(&self, place: Place, attempts_max: u32) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = || Client {
            http: Http::new(place.origin, DEADLINE),
            tokens: None,
            policy: Policy { attempts_max, ..Policy::within(DEADLINE) },
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        let entry = clients.entry((place.authority, attempts_max));
        Arc::clone(entry.or_insert_with(|| Arc::new(client())))
    }

    /// An access token of the person for what is at `url`, to be exchanged for one that may do
    /// less. A stand-in takes any.
    ///
    /// # Errors
    ///
    /// When no credentials can be found.
    pub async fn token(&self, url: &str) -> Result<String, Error> {
        match self.place(url) {
            Some(Place { is_google: true, .. }) => Ok(self.own(url).await?.0.clone()),
            _ => Ok("loopback".to_owned()),
        }
    }

    fn place(&self, url: &str) -> Option<Place> {
        Place::of(url, &self.stand_ins)
    }

    async fn own(&self, url: &str) -> Result<Arc<Token>, Error> {
        let token = self.tokens.token().await;
        token.map_err(|err| {
            let text = format!("no token: {}", err.text);
            Trouble::new(Cause::Token, text).of("call", url)
        })
    }
}

impl Payload {
    /// Its type, and its bytes.
    fn encoded(self) -> Option<(&'static str, Bytes)> {
        match self {
            Self::Nothing => None,
            Self::Json(json) => Some(("application/json", json.to_string().into())),
            Self::Form(form) => Some(("application/x-www-form-urlencoded", form.into())),
            Self::Content(content) => Some(("application/octet-stream", content)),
        }
    }
}

/// What a URL names.
struct Place {
    origin: Origin,
    authority: String,
    /// Path and query.
    target: Uri,
    /// Google's; else it is a stand-in.
    is_google: bool,
}

impl Place {
    /// Nothing if it is somebody else's.
    fn of(url: &str, stand_ins: &[String]) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let (secure, host) = (uri.scheme_str()? == "https", uri.host()?);
        let authority = uri.authority()?.as_str().to_owned();
        let loopback = ["127.0.0.1", "localhost", "[::1]"].contains(&host);
        let stand_in = loopback || stand_ins.contains(&authority);
        let known = if secure { host.ends_with(GOOGLE) } else { stand_in };
        let origin = Origin::new(secure, &authority).filter(|_| known)?;
        let target = uri.path_and_query()?.as_str().parse().ok()?;
        Some(Self { origin, authority, target, is_google: secure })
    }
}
