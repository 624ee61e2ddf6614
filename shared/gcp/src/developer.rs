//! Credentials of a person at a machine of their own, as the library `gcp_auth` finds them: for
//! commands, not in what is deployed, which has the metadata server beside it. The library brings
//! HTTP/2 and a second client along.

use std::sync::Arc;

use domain::BoxFuture;

use crate::tokens::{Token, TokenError, TokenProvider};

/// Read and write objects, nothing else of Cloud Storage.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// A provider of the library.
pub(crate) struct Library(pub(crate) Arc<dyn gcp_auth::TokenProvider>);

/// A key file, the credentials of a developer, or the metadata server.
pub(crate) async fn find() -> Result<Arc<dyn TokenProvider>, TokenError> {
    let found = gcp_auth::provider().await.map_err(|err| error(&err))?;
    Ok(Arc::new(Library(found)))
}

impl TokenProvider for Library {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(async {
            let token = self.0.token(&[SCOPE]).await.map_err(|err| error(&err))?;
            Ok(Arc::new(Token(token.as_str().to_owned())))
        })
    }
}

/// What failed: the library's messages can quote what it has read. It has tried more than once.
fn error(err: &gcp_auth::Error) -> TokenError {
    let text = match err {
        gcp_auth::Error::NoAuthMethod(..) => "no credentials found",
        gcp_auth::Error::Http(what, _)
        | gcp_auth::Error::Io(what, _)
        | gcp_auth::Error::Json(what, _)
        | gcp_auth::Error::Other(what, _)
        | gcp_auth::Error::Str(what) => what,
    };
    TokenError { text, passes: false }
}
