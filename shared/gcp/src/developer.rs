//! Credentials of a person at a machine of their own, as the library `gcp_auth` finds them: for
//! commands, not in what is deployed, which has the metadata server beside it. The library brings
//! HTTP/2 and a second client along.

use std::sync::Arc;

use domain::BoxFuture;

use crate::tokens::{Token, TokenError, TokenProvider};

/// Read and write objects, nothing else of Cloud Storage.
pub(crate) const OBJECTS: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// Whatever the person may do.
pub(crate) const EVERYTHING: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A token that somebody has got already: that of a workflow, for one, whose federated credentials
/// the library cannot read. Terraform's provider takes it too. (Google provider, "Provider
/// configuration reference".)
const GIVEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";

/// A provider of the library.
pub(crate) struct Library {
    pub(crate) provider: Arc<dyn gcp_auth::TokenProvider>,
    pub(crate) scope: &'static str,
}

/// The one token that was given.
struct Given(Arc<Token>);

/// A token that was given, a key file, the credentials of a developer, or the metadata server.
pub(crate) async fn find(scope: &'static str) -> Result<Arc<dyn TokenProvider>, TokenError> {
    let given = std::env::var_os(GIVEN).filter(|it| !it.is_empty());
    if let Some(given) = given {
        return given_token(given.into_string().ok());
    }
    let provider = gcp_auth::provider().await.map_err(|err| error(&err))?;
    Ok(Arc::new(Library { provider, scope }))
}

/// A token from the environment, which is of use only if it is text.
pub(crate) fn given_token(text: Option<String>) -> Result<Arc<dyn TokenProvider>, TokenError> {
    let none = TokenError { text: "GOOGLE_OAUTH_ACCESS_TOKEN is no token", passes: false };
    let text =
        text.map(|it| it.trim().to_owned()).filter(|it| it.bytes().all(|b| b.is_ascii_graphic()));
    Ok(Arc::new(Given(Arc::new(Token(text.ok_or(none)?)))))
}

impl TokenProvider for Given {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(std::future::ready(Ok(Arc::clone(&self.0))))
    }
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
