//! Credentials of a person at a machine of their own, without a library that knows every kind of
//! them: a token that was given, else what `gcloud` says, else the metadata server.

use std::ffi::OsStr;
use std::sync::Arc;

use domain::{BoxFuture, Clock};

use crate::gcloud::{self, Gcloud, OnItsWay};
use crate::given::given;
use crate::metadata_server::MetadataServer;
use crate::tokens::{Token, TokenError, TokenProvider};

type Found = Result<Arc<dyn TokenProvider>, TokenError>;

/// What a person reads who has neither.
const NEITHER: &str = "there is no gcloud on the PATH and no metadata server: install gcloud and \
                       run `gcloud auth login`, or set GOOGLE_OAUTH_ACCESS_TOKEN";

/// Where a person's credentials may be.
pub(crate) struct Person {
    clock: Arc<dyn Clock>,
    on_its_way: OnItsWay,
}

impl Person {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, on_its_way: OnItsWay::default() }
    }

    /// Looks where they are. Nothing is asked yet.
    #[cfg_attr(feature = "developer", expect(dead_code, reason = "the library looks instead"))]
    pub(crate) fn find(&self) -> Found {
        self.among(given(), std::env::var_os("PATH").as_deref())
    }

    /// The same, where this was given and the PATH is this.
    pub(crate) fn among(&self, given: Option<Found>, path: Option<&OsStr>) -> Found {
        if let Some(given) = given {
            return given;
        }
        let clock = Arc::clone(&self.clock);
        match gcloud::find(path) {
            Some(program) => Ok(Arc::new(Gcloud::at(program, clock, self.on_its_way.clone()))),
            None => Ok(Arc::new(Last(MetadataServer::google(clock)?))),
        }
    }
}

/// The metadata server, where everything else is missing.
pub(crate) struct Last(pub(crate) MetadataServer);

impl TokenProvider for Last {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(async {
            let token = self.0.token().await;
            token.map_err(|err| if err.passes { TokenError { text: NEITHER, ..err } } else { err })
        })
    }
}
