//! Batch requests: calls of the JSON API in the parts of one body, answered in the parts of one
//! body. (Cloud Storage documentation, "Batch requests".)

mod call;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response as Answer, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::refusal::Refusal;
use super::{body, multipart};
use call::Call;

/// The most calls of one batch.
const CALLS_MAX: usize = 100;
/// The largest batch.
const BATCH_BYTES_MAX: usize = 10 * 1024 * 1024;
/// The largest answer to one call.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// No line of JSON begins like this, because it has no second line.
const BOUNDARY: &str = "batch_strata";

/// Makes every call of a batch, one after the other, and answers each as if it had come alone.
/// None is made when one cannot be read.
pub(super) async fn batch(
    router: Router,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Refusal> {
    let content = body::whole(&headers, content, BATCH_BYTES_MAX).await?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let parts = multipart::parts(kind.unwrap_or(""), "mixed", &content, CALLS_MAX);
    let parts = parts.map_err(|err| Refusal::invalid(err.to_string()))?;
    let calls = parts.iter().map(|part| Call::read(part, &headers));
    let calls = calls.collect::<Result<Vec<_>, _>>();
    let calls = calls.map_err(|err| Refusal::invalid(err.to_string()))?;
    let router = TowerToHyperService::new(router);
    let mut answered = Vec::new();
    for Call { content_id, request } in calls {
        let answer = answer(&router, request).await;
        write_part(&mut answered, content_id.as_deref(), &answer);
    }
    answered.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let kind = HeaderValue::try_from(format!("multipart/mixed; boundary={BOUNDARY}"));
    let kind = kind.unwrap_or(HeaderValue::from_static("multipart/mixed"));
    Ok(([(header::CONTENT_TYPE, kind)], answered).into_response())
}

async fn answer(router: &TowerToHyperService<Router>, request: Request) -> Answer<Bytes> {
    let answer = if call::moves_content(request.uri()) {
        Refusal::invalid("A batch request cannot upload or download.").into_response()
    } else {
        let Ok(answer) = router.call(request).await;
        answer
    };
    let (head, body) = answer.into_parts();
    match axum::body::to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(body) => Answer::from_parts(head, body),
        Err(_) => {
            let (head, _) = Refusal::too_large().into_response().into_parts();
            Answer::from_parts(head, Bytes::new())
        }
    }
}

/// Appends an answer as a part. (RFC 9112, section 2.1.)
fn write_part(written: &mut Vec<u8>, content_id: Option<&str>, answer: &Answer<Bytes>) {
    let mut head = format!("--{BOUNDARY}\r\nContent-Type: application/http\r\n");
    if let Some(id) = content_id {
        head += &format!("Content-ID: {}\r\n", response_id(id));
    }
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    head += &format!("\r\nHTTP/1.1 {} {reason}\r\n", status.as_u16());
    written.extend_from_slice(head.as_bytes());
    let described = answer.headers().iter().filter(|(name, _)| **name != header::CONTENT_LENGTH);
    for (name, value) in described {
        written.extend_from_slice(format!("{name}: ").as_bytes());
        written.extend_from_slice(value.as_bytes());
        written.extend_from_slice(b"\r\n");
    }
    let length = format!("content-length: {}\r\n\r\n", answer.body().len());
    written.extend_from_slice(length.as_bytes());
    written.extend_from_slice(answer.body());
    written.extend_from_slice(b"\r\n");
}

/// `<id>` is answered as `<response-id>`.
fn response_id(id: &str) -> String {
    match id.strip_prefix('<') {
        Some(rest) => format!("<response-{rest}"),
        None => format!("response-{id}"),
    }
}
