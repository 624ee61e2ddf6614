//! What requests to an upload session are answered with, in the words of the service.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::refusal::Refusal;
use super::super::sessions::{QUANTUM_BYTES, Session, Unfit};

/// 308, or what stands for it with clients that would follow it as a redirection.
pub(super) fn incomplete(stored: usize, headers: &HeaderMap) -> Response {
    let mut answer = StatusCode::PERMANENT_REDIRECT.into_response();
    if header(headers, "x-guploader-no-308").is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    {
        *answer.status_mut() = StatusCode::OK;
        let status = HeaderValue::from_static("308");
        answer.headers_mut().insert("x-http-status-code-override", status);
    }
    if let Some(last) = stored.checked_sub(1)
        && let Ok(range) = HeaderValue::try_from(format!("bytes=0-{last}"))
    {
        answer.headers_mut().insert(header::RANGE, range);
    }
    answer
}

/// The one error of a session that is a plain text: clients tell by it that bytes are lost for
/// good and that the 503 does not pass.
fn gap(first: u64, stored: usize) -> Response {
    let message = format!(
        "Invalid request.  According to the Content-Range header, the upload offset is {first} \
         byte(s), which exceeds already uploaded size of {stored} byte(s)."
    );
    (StatusCode::SERVICE_UNAVAILABLE, message).into_response()
}

/// To a request that cannot continue a session.
pub(super) fn unfit(unfit: &Unfit) -> Result<Response, Refusal> {
    match unfit {
        Unfit::Gap { first, stored } => Ok(gap(*first, *stored)),
        Unfit::Ended(_) => Err(Refusal::gone()),
        Unfit::TooLarge => Err(Refusal::too_large()),
        Unfit::Superseded => Err(Refusal::unavailable()),
        Unfit::Total(total) => Err(Refusal::invalid(format!(
            "Invalid request.  According to the Content-Range header or the body, the upload has \
             another size than the {total} byte(s) that were announced."
        ))),
    }
}

pub(super) fn wrong_length(received: u64, first: u64, last: u64) -> Refusal {
    let announced = last + 1 - first;
    Refusal::invalid(format!(
        "Invalid request.  There were {received} byte(s) in the request body.  There should have \
         been {announced} byte(s) (starting at offset {first} and ending at offset {last}) \
         according to the Content-Range header."
    ))
}

pub(super) fn too_short(received: u64) -> Refusal {
    Refusal::invalid(format!(
        "Invalid request.  The number of bytes uploaded is required to be equal or greater than \
         {QUANTUM_BYTES}, except for the final request (it's recommended to be the exact multiple \
         of {QUANTUM_BYTES}).  The received request contained {received} bytes, which does not \
         meet this requirement."
    ))
}

pub(super) fn with_id(session: &Session, mut answer: Response) -> Response {
    if let Ok(id) = HeaderValue::try_from(&session.id) {
        answer.headers_mut().insert("x-guploader-uploadid", id);
    }
    answer
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
