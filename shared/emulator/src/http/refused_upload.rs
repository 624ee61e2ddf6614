//! Errors of uploads, downloads and batches as the service answers them.

use axum::http::StatusCode;

use super::refusal::Refusal;

impl Refusal {
    pub(super) fn required(parameter: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "required", format!("Required parameter: {parameter}"))
            .about(parameter)
    }

    pub(super) fn parse_error() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parseError", "Parse Error")
    }

    /// A value that stands in two places of a request, and differs.
    pub(super) fn disagreement(content: &str, parameter: &str) -> Self {
        Self::invalid(format!(
            "Value '{content}' in content does not agree with value '{parameter}'. This can happen \
             when a value set through a parameter is inconsistent with a value set in the request."
        ))
    }

    pub(super) fn too_large() -> Self {
        let message = "The request is larger than this service accepts.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "uploadTooLarge", message)
    }

    /// The path is one of the API, but nothing is there to be done like this.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "Method Not Allowed")
    }

    /// There is no upload session of this id.
    pub(super) fn no_session() -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "There is no such upload session.")
    }

    /// There was an upload session of this id.
    pub(super) fn gone() -> Self {
        Self::new(StatusCode::GONE, "gone", "The upload session has ended; start a new one.")
    }

    pub(super) fn unsatisfiable() -> Self {
        let message = "Request range not satisfiable";
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "requestedRangeNotSatisfiable", message)
    }
}
