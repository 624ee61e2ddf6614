//! Errors as the service answers them. (Cloud Storage JSON API, "Status and error codes".)

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use store::{Error, ErrorKind};

use crate::buckets::BucketError;

/// An answer that is not a success.
pub(super) struct Refusal {
    status: StatusCode,
    reason: &'static str,
    message: String,
    /// The parameter that is why.
    parameter: Option<String>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { status, reason, message: message.into(), parameter: None }
    }

    /// The same, because of this parameter of the request.
    pub(super) fn about(self, parameter: impl Into<String>) -> Self {
        Self { parameter: Some(parameter.into()), ..self }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// The value of a parameter makes no sense.
    pub(super) fn parameter(name: &str) -> Self {
        Self::invalid(format!("Invalid value for: {name}")).about(name)
    }

    pub(super) fn fields() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalidParameter", "Invalid field selection")
            .about("fields")
    }

    pub(super) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "Not Found")
    }

    pub(super) fn no_bucket() -> Self {
        let message = "The specified bucket does not exist.";
        Self::new(StatusCode::NOT_FOUND, "notFound", message)
    }

    pub(super) fn no_object(bucket: &str, object: &str) -> Self {
        let message = format!("No such object: {bucket}/{object}");
        Self::new(StatusCode::NOT_FOUND, "notFound", message)
    }

    /// The caller lacks a permission, and learns nothing else. Who shows no token is asked for one.
    pub(super) fn denied(who: Option<&str>, permission: &str, what: &str) -> Self {
        let (status, reason) = match who {
            Some(_) => (StatusCode::FORBIDDEN, "forbidden"),
            None => (StatusCode::UNAUTHORIZED, "required"),
        };
        let who = who.unwrap_or("Anonymous caller");
        let message = format!(
            "{who} does not have {permission} access to the Google Cloud Storage {what}. \
             Permission '{permission}' denied on resource (or it may not exist)."
        );
        Self::new(status, reason, message)
    }

    pub(super) fn invalid_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authError", "Invalid Credentials")
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    pub(super) fn unmet() -> Self {
        let message = "At least one of the pre-conditions you specified did not hold.";
        Self::new(StatusCode::PRECONDITION_FAILED, "conditionNotMet", message)
    }

    pub(super) fn not_modified() -> Self {
        Self::new(StatusCode::NOT_MODIFIED, "notModified", "")
    }

    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "backendError", "Backend Error")
    }

    pub(super) fn throttled(object: &str) -> Self {
        let message = format!(
            "The object {object} exceeded the rate limit for object mutation operations (create, \
             update, and delete). Please reduce your request rate."
        );
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rateLimitExceeded", message)
    }

    /// How the service answers what the bucket refused.
    pub(super) fn of(err: &Error, bucket: &str, object: &str) -> Self {
        match err.kind {
            ErrorKind::Conflict => Self::unmet(),
            ErrorKind::Throttled => Self::throttled(&format!("{bucket}/{object}")),
            ErrorKind::Unavailable => Self::unavailable(),
            ErrorKind::Unusable | ErrorKind::Rejected => Self::invalid(err.to_string()),
        }
    }

    fn body(&self) -> Value {
        let Self { status, reason, message, parameter } = self;
        let mut error = json!({"message": message, "domain": "global", "reason": reason});
        if *status == StatusCode::TOO_MANY_REQUESTS {
            error["domain"] = json!("usageLimits");
        }
        if *status == StatusCode::PRECONDITION_FAILED {
            error["locationType"] = json!("header");
            error["location"] = json!("If-Match");
        }
        if *status == StatusCode::UNAUTHORIZED {
            error["locationType"] = json!("header");
            error["location"] = json!("Authorization");
        }
        if let Some(parameter) = parameter {
            error["locationType"] = json!("parameter");
            error["location"] = json!(parameter);
        }
        json!({"error": {"code": status.as_u16(), "message": message, "errors": [error]}})
    }
}

impl From<BucketError> for Refusal {
    fn from(err: BucketError) -> Self {
        match err {
            BucketError::Exists => {
                let message = "Your previous request to create the named bucket succeeded and you \
                               already own it.";
                Self::conflict(message)
            }
            BucketError::Missing => Self::no_bucket(),
            BucketError::NotEmpty => Self::conflict("The bucket you tried to delete is not empty."),
            BucketError::Unrecorded(_) => Self::unavailable(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self.status {
            StatusCode::NOT_MODIFIED => self.status.into_response(),
            status => json_response(status, &self.body()),
        }
    }
}

pub(super) fn json_response(status: StatusCode, value: &Value) -> Response {
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    (status, [(header::CONTENT_TYPE, json)], value.to_string()).into_response()
}
