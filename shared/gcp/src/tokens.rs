//! Access tokens.
//!
//! They are fetched inside of calls only: Cloud Run gives an instance no processor time outside
//! of requests, so nothing can refresh them in the background.

use std::sync::Arc;

use domain::{BoxFuture, Clock};
use tokio::sync::Mutex;

#[cfg(not(feature = "developer"))]
use crate::metadata_server::MetadataServer;

/// Read and write objects, nothing else of Cloud Storage.
pub(crate) const OBJECTS: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// Whatever somebody may do.
pub(crate) const EVERYTHING: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What is sent as `Authorization: Bearer`.
#[derive(PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

/// Why there is no token, in fixed words: what a server said may quote one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenError {
    pub(crate) text: &'static str,
    /// Whether it makes sense to ask once more.
    pub(crate) passes: bool,
}

/// Gives tokens, and keeps them until shortly before they expire.
pub(crate) trait TokenProvider: Send + Sync {
    /// A token that has not expired.
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>>;
}

/// One token for ever.
struct Fixed(Arc<Token>);

impl TokenProvider for Fixed {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(std::future::ready(Ok(Arc::clone(&self.0))))
    }
}

/// Finds credentials.
type Source =
    dyn Fn() -> BoxFuture<'static, Result<Arc<dyn TokenProvider>, TokenError>> + Send + Sync;

/// Where tokens come from, found when the first one is needed.
pub(crate) struct Tokens {
    source: Box<Source>,
    held: Mutex<Option<Held>>,
}

struct Held {
    provider: Arc<dyn TokenProvider>,
    /// What the provider gave last.
    token: Arc<Token>,
}

impl Tokens {
    /// Google's own: the metadata server, which every function has beside it.
    #[cfg(not(feature = "developer"))]
    pub(crate) fn google(clock: &Arc<dyn Clock>) -> Self {
        let clock = Arc::clone(clock);
        Self::from_source(move || {
            let found = MetadataServer::google(Arc::clone(&clock));
            let found = found.map(|it| Arc::new(it) as Arc<dyn TokenProvider>);
            Box::pin(std::future::ready(found))
        })
    }

    /// Google's own: a key file, the credentials of a developer, or the metadata server.
    #[cfg(feature = "developer")]
    pub(crate) fn google(clock: &Arc<dyn Clock>) -> Self {
        Self::person(clock, OBJECTS)
    }

    /// Those of the person at this machine, or of the machine. What they may be used for is left to
    /// `gcloud` and to the metadata server.
    #[cfg(not(feature = "developer"))]
    pub(crate) fn person(clock: &Arc<dyn Clock>, _scope: &'static str) -> Self {
        let person = crate::person::Person::new(Arc::clone(clock));
        Self::from_source(move || Box::pin(std::future::ready(person.find())))
    }

    /// Those of the person at this machine, as the library finds them, to be used for `scope`.
    #[cfg(feature = "developer")]
    pub(crate) fn person(_: &Arc<dyn Clock>, scope: &'static str) -> Self {
        Self::from_source(move || Box::pin(crate::developer::find(scope)))
    }

    /// This one, for an emulator that asks who somebody is.
    pub(crate) fn fixed(token: &str) -> Self {
        let fixed: Arc<dyn TokenProvider> = Arc::new(Fixed(Arc::new(Token(token.to_owned()))));
        Self::from_source(move || Box::pin(std::future::ready(Ok(Arc::clone(&fixed)))))
    }

    pub(crate) fn from_source<F>(source: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<Arc<dyn TokenProvider>, TokenError>>,
        F: Send + Sync + 'static,
    {
        Self { source: Box::new(source), held: Mutex::new(None) }
    }

    /// A token that has not expired. Callers wait for each other, so that one fetches and all
    /// have it.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, TokenError> {
        let mut held = self.held.lock().await;
        let provider = match held.as_ref() {
            Some(held) => held.provider.clone(),
            None => (self.source)().await?,
        };
        let token = provider.token().await?;
        *held = Some(Held { provider, token: token.clone() });
        Ok(token)
    }

    /// Forgets `refused`, so that the next token is fetched anew. Does nothing when there is a
    /// newer one already.
    pub(crate) async fn forget(&self, refused: &Arc<Token>) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| held.token == *refused) {
            *held = None;
        }
    }
}
