//! Credentials of a person at a machine of their own, as the library `gcp_auth` finds them: for
//! commands, not in what is deployed, which has the metadata server beside it. The library brings
//! HTTP/2 and a second client along.

use std::sync::Arc;

use domain::BoxFuture;

use crate::given::given;
use crate::tokens::{Token, TokenError, TokenProvider};

/// A provider of the library.
pub(crate) struct Library {
    pub(crate) provider: Arc<dyn gcp_auth::TokenProvider>,
    pub(crate) scope: &'static str,
}

/// A token that was given, a key file, the credentials of a developer, or the metadata server.
pub(crate) async fn find(scope: &'static str) -> Result<Arc<dyn TokenProvider>, TokenError> {
    if let Some(given) = given() {
        return given;
    }
    let provider = gcp_auth::provider().await.map_err(|err| error(&err))?;
    Ok(Arc::new(Library { provider, scope }))
}

impl TokenProvider for Library {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(async {
            let token = self.provider.token(&[self.scope]).await.map_err(|err| error(&err))?;
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
