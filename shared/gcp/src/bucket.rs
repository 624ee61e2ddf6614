//! One bucket, as its users see it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{BoxFuture, Clock, Generation, Ids, Instant, limits};
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

use crate::client::Client;
use crate::endpoint::{self, Endpoint};
use crate::http::Http;
use crate::retry::Policy;
use crate::tokens::{OBJECTS, Tokens};

/// How long a call may take where nothing else is said, repetitions included.
///
/// Below the handler's budget, so that a bucket that does not answer is reported as such.
pub const DEADLINE: Duration = Duration::from_secs(20);

const _: () = assert!(DEADLINE.as_secs() < limits::HANDLER_BUDGET.as_secs());

/// Settings of a bucket client.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the bucket.
    pub bucket: String,
    /// Host and port of an emulator, with or without `http://` and a final slash, as in
    /// `STORAGE_EMULATOR_HOST`. It is reached over plain HTTP and without a token, but for one that
    /// stands in front of the host: `http://TOKEN@127.0.0.1:9000`.
    pub emulator_host: Option<String>,
    /// How long one call may take, repetitions included. A single attempt may be silent for a
    /// third of it.
    pub deadline: Duration,
}

impl Options {
    /// Cloud Storage itself, under [`DEADLINE`].
    pub fn new(bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), emulator_host: None, deadline: DEADLINE }
    }
}

/// Why there is no client for these options.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Against the naming rules. (Cloud Storage documentation, "About Cloud Storage buckets",
    /// "Bucket names".)
    #[error("bucket name {0:?} is not a valid one")]
    Name(String),
    /// Not a host with an optional port.
    #[error("emulator host {0:?} is not [http://][token@]host[:port]")]
    EmulatorHost(String),
}

/// A bucket of Cloud Storage, or of an emulator.
///
/// Make one and share it, it keeps connections open. Requests go over
/// HTTP/1.1, one connection for each request in flight; a handler has few of them, and one broken
/// connection then breaks one request.
pub struct Bucket {
    pub(crate) endpoint: Endpoint,
    pub(crate) client: Client,
}

/// The store of a function: `bucket` in Cloud Storage, or in the emulator at `emulator_host`.
///
/// # Errors
///
/// As [`Bucket::new`].
pub fn connect(
    bucket: &str,
    emulator_host: Option<&str>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Result<Arc<dyn Store>, Box<dyn std::error::Error + Send + Sync>> {
    #[cfg(feature = "stand-in")]
    if let Some(bucket) = crate::stand_in::bucket(bucket, emulator_host, &clock, &ids) {
        return Ok(Arc::new(bucket?));
    }
    let emulator_host = emulator_host.map(str::to_owned);
    let options = Options { emulator_host, ..Options::new(bucket) };
    Ok(Arc::new(Bucket::new(options, clock, ids)?))
}

/// The same, for commands of a person: in Cloud Storage with a token that was given in
/// `GOOGLE_OAUTH_ACCESS_TOKEN`, else one of the `gcloud` on the PATH, else that of the machine.
///
/// # Errors
///
/// As [`Bucket::new`].
pub fn connect_person(
    bucket: &str,
    emulator_host: Option<&str>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Result<Arc<dyn Store>, Box<dyn std::error::Error + Send + Sync>> {
    let tokens = match emulator_host {
        None => Some(Tokens::person(&clock, OBJECTS)),
        Some(host) => endpoint::emulator_token(host).map(Tokens::fixed),
    };
    let emulator_host = emulator_host.map(str::to_owned);
    let options = Options { emulator_host, ..Options::new(bucket) };
    Ok(Arc::new(Bucket::with_tokens(options, tokens, clock, ids)?))
}

impl Bucket {
    /// A client that has not been in touch with anything yet.
    ///
    /// Credentials are looked up by the first call that needs a token, since Cloud Run gives an
    /// instance no processor time outside of requests.
    ///
    /// # Errors
    ///
    /// A bucket name or an emulator host that is none.
    pub fn new(
        options: Options,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, BucketError> {
        let tokens = match &options.emulator_host {
            None => Some(Tokens::google(&clock)),
            Some(host) => endpoint::emulator_token(host).map(Tokens::fixed),
        };
        Self::with_tokens(options, tokens, clock, ids)
    }

    pub(crate) fn with_tokens(
        options: Options,
        tokens: Option<Tokens>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, BucketError> {
        let Options { bucket, emulator_host, deadline } = options;
        let endpoint = Endpoint::new(&bucket)?;
        let http = Http::new(endpoint::origin(emulator_host.as_deref())?, deadline);
        let policy = Policy::within(deadline);
        Ok(Self { endpoint, client: Client { http, tokens, policy, clock, ids } })
    }
}

impl Store for Bucket {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(self.read(name, generation))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(self.insert(name, body, metadata, precondition))
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.remove(name, generation))
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.remove_version(name, generation))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.page(list))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(self.all_versions(name))
    }

    fn answered_at(&self) -> Option<Instant> {
        self.client.http.answered_at()
    }
}
