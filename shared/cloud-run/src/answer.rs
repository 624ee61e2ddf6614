//! The one place that turns the end of a delivery into an answer to the push.

use axum::http::StatusCode;
use domain::{Disposition, Failure, Outcome};

/// The status for `outcome`. A rejected delivery must be in quarantine already.
///
/// Pub/Sub takes 102, 200, 201, 202 and 204 as an acknowledgement and everything else as a
/// request to deliver again, which slows down the whole subscription. (Pub/Sub documentation,
/// "Push subscriptions", "Receive messages" and "Push backoff".)
pub(crate) fn status(outcome: &Outcome) -> StatusCode {
    match outcome {
        Ok(Disposition::Done | Disposition::Skipped(_) | Disposition::Rejected(_)) => {
            StatusCode::NO_CONTENT
        }
        Err(Failure::Retry(_)) => StatusCode::SERVICE_UNAVAILABLE,
        Err(Failure::Throttled(_)) => StatusCode::TOO_MANY_REQUESTS,
    }
}
