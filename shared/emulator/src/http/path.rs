//! The path of a request.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, FromRequestParts};
use axum::http::request::Parts;

use super::refusal::Refusal;

/// The parameters in a path, decoded.
pub(super) struct Path<T>(pub(super) T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    extract::Path<T>: FromRequestParts<S, Rejection = PathRejection>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = extract::Path::from_request_parts(parts, state).await;
        path.map(|extract::Path(path)| Self(path)).map_err(|err| refusal(&err))
    }
}

/// Parameters in paths are texts: all that can be wrong with one is that it is not UTF-8.
fn refusal(err: &PathRejection) -> Refusal {
    match err {
        PathRejection::FailedToDeserializePathParams(err) => match err.kind() {
            ErrorKind::InvalidUtf8InPathParam { key } => Refusal::parameter(key),
            _ => Refusal::invalid("Invalid path"),
        },
        _ => Refusal::invalid("Invalid path"),
    }
}
