//! A token that somebody has got already.

use std::sync::Arc;

use domain::BoxFuture;

use crate::tokens::{Token, TokenError, TokenProvider};

/// That of a workflow, for one, whose federated credentials nothing here can read. Terraform's
/// provider takes it too. (Google provider, "Provider configuration reference".)
const GIVEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";

/// The one token that was given.
struct Given(Arc<Token>);

/// The token in the environment, if there is one.
pub(crate) fn given() -> Option<Result<Arc<dyn TokenProvider>, TokenError>> {
    let given = std::env::var_os(GIVEN).filter(|it| !it.is_empty())?;
    Some(given_token(given.into_string().ok()))
}

/// A token from the environment, which is of use only if it is text.
pub(crate) fn given_token(text: Option<String>) -> Result<Arc<dyn TokenProvider>, TokenError> {
    let none = TokenError { text: "GOOGLE_OAUTH_ACCESS_TOKEN is no token", passes: false };
    let text = text.map(|it| it.trim().to_owned());
    let text = text.filter(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_graphic()));
    Ok(Arc::new(Given(Arc::new(Token(text.ok_or(none)?)))))
}

impl TokenProvider for Given {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(std::future::ready(Ok(Arc::clone(&self.0))))
    }
}
