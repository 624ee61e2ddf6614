//! Tokens of the metadata server. (Cloud Run documentation, "Container runtime contract",
//! "Container instance metadata server"; Compute Engine documentation, "View and query VM
//! metadata".)

use std::sync::Arc;
use std::time::Duration;

use domain::{BoxFuture, Clock, Instant};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::DEADLINE;
use crate::http::{Http, Request};
use crate::origin::Origin;
use crate::retry::Cause;
use crate::tokens::{Token, TokenError, TokenProvider};

/// `metadata.google.internal`, which always has this address: nothing needs to be looked up.
const HOST: &str = "169.254.169.254";

/// The header by which both sides know that they mean each other.
const FLAVOR: (HeaderName, HeaderValue) =
    (HeaderName::from_static("metadata-flavor"), HeaderValue::from_static("Google"));

/// Where tokens of the instance's service account are.
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// A token is used no longer than until so shortly before it expires. The server itself gives a new
/// one some minutes before.
const MARGIN: Duration = Duration::from_secs(30);

/// No token is good for longer, whatever is said.
const LIFETIME_MAX_S: u64 = 24 * 60 * 60;

/// The largest answer that is read: tokens have at most a few thousand bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Asks the metadata server, and keeps what it says.
pub(crate) struct MetadataServer {
    http: Http,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<(Arc<Token>, Instant)>>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

impl MetadataServer {
    /// Google's own.
    #[cfg_attr(
        all(feature = "developer", not(test)),
        expect(dead_code, reason = "the library asks it instead")
    )]
    pub(crate) fn google(clock: Arc<dyn Clock>) -> Result<Self, TokenError> {
        Self::at(HOST, DEADLINE, clock)
    }

    /// The one at `host`, for calls under `deadline`.
    pub(crate) fn at(
        host: &str,
        deadline: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TokenError> {
        let origin = Origin::new(false, host);
        let origin = origin.ok_or_else(|| lasts("metadata server has no address"))?;
        let http = Http::new(origin, deadline);
        Ok(Self { http, clock, kept: Mutex::new(None) })
    }

    async fn fetch(&self) -> Result<Answer, TokenError> {
        let (name, value) = FLAVOR;
        let mut request = Request::default();
        *request.uri_mut() = Uri::from_static(PATH);
        request.headers_mut().insert(&name, value.clone());
        let answer = self.http.send(&request, None).await;
        let mut answer = answer.map_err(|_| passes("metadata server does not answer"))?;
        match answer.status() {
            StatusCode::OK => (),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(passes("metadata server is busy"));
            }
            _ => return Err(lasts("metadata server refuses a token")),
        }
        // Something else may have taken the address.
        if answer.take_headers().get(name) != Some(&value) {
            return Err(lasts("something else answers as the metadata server"));
        }
        let body = answer.body(ANSWER_BYTES_MAX, Cause::Refused).await;
        let body = body.map_err(|trouble| match trouble.cause {
            Cause::Refused => lasts("metadata server gives a large answer"),
            _ => passes("answer of the metadata server broke off"),
        })?;
        serde_json::from_slice(&body).map_err(|_| lasts("metadata server answers with no token"))
    }
}

impl TokenProvider for MetadataServer {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(async {
            let mut kept = self.kept.lock().await;
            if let Some((token, until)) = &*kept
                && self.clock.now() < *until
            {
                return Ok(Arc::clone(token));
            }
            let Answer { access_token, expires_in } = self.fetch().await?;
            let lifetime = Duration::from_secs(expires_in.min(LIFETIME_MAX_S));
            let until = self.clock.now().after(lifetime.saturating_sub(MARGIN));
            let token = Arc::new(Token(access_token));
            *kept = Some((Arc::clone(&token), until));
            Ok(token)
        })
    }
}

fn passes(text: &'static str) -> TokenError {
    TokenError { text, passes: true }
}

fn lasts(text: &'static str) -> TokenError {
    TokenError { text, passes: false }
}
