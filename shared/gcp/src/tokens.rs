//! Access tokens.
//!
//! They are fetched inside of calls only: Cloud Run gives an instance no processor time outside
//! of requests, so nothing can refresh them in the background.

use std::sync::Arc;

use domain::BoxFuture;
use gcp_auth::{Token, TokenProvider};
use tokio::sync::Mutex;

/// Read and write objects, nothing else of Cloud Storage.
const SCOPES: &[&str] = &["https://www.googleapis.com/auth/devstorage.read_write"];

/// Finds credentials.
type Source =
    dyn Fn() -> BoxFuture<'static, Result<Arc<dyn TokenProvider>, gcp_auth::Error>> + Send + Sync;

/// Where tokens come from, found when the first one is needed.
pub(crate) struct Tokens {
    source: Box<Source>,
    held: Mutex<Option<Held>>,
}

struct Held {
    provider: Arc<dyn TokenProvider>,
    /// What the provider gave last; it keeps tokens until shortly before they expire.
    token: Arc<Token>,
}

impl Tokens {
    /// Google's own: a key file, the credentials of a developer, or the metadata server.
    pub(crate) fn google() -> Self {
        Self::from_source(|| Box::pin(gcp_auth::provider()))
    }

    pub(crate) fn from_source<F>(source: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<Arc<dyn TokenProvider>, gcp_auth::Error>>,
        F: Send + Sync + 'static,
    {
        Self { source: Box::new(source), held: Mutex::new(None) }
    }

    /// A token that has not expired. Callers wait for each other, so that one fetches and all
    /// have it.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, gcp_auth::Error> {
        let mut held = self.held.lock().await;
        let provider = match held.as_ref() {
            Some(held) => held.provider.clone(),
            None => (self.source)().await?,
        };
        let token = provider.token(SCOPES).await?;
        *held = Some(Held { provider, token: token.clone() });
        Ok(token)
    }

    /// Forgets `refused`, so that the next token is fetched anew. Does nothing when there is a
    /// newer one already.
    pub(crate) async fn forget(&self, refused: &Arc<Token>) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.token, refused)) {
            *held = None;
        }
    }
}

/// What failed, in fixed words: the library's messages can quote what it has read.
pub(crate) fn describe(err: &gcp_auth::Error) -> &'static str {
    match err {
        gcp_auth::Error::NoAuthMethod(..) => "no credentials found",
        gcp_auth::Error::Http(what, _)
        | gcp_auth::Error::Io(what, _)
        | gcp_auth::Error::Json(what, _)
        | gcp_auth::Error::Other(what, _)
        | gcp_auth::Error::Str(what) => what,
    }
}
