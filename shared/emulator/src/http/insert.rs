//! `Objects: insert`: in one request, with `uploadType=media` or `uploadType=multipart`, or the
//! beginning of a resumable upload.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use bytes::Bytes;

use super::caller::Caller;
use super::description::Description;
use super::params::Params;
use super::path::Path;
use super::read::origin;
use super::refusal::Refusal;
use super::{Shared, body, json, multipart, resource_of, resumable};
use crate::Upload;

/// The largest content that is uploaded in one request, with what describes it.
const ONE_SHOT_BYTES_MAX: usize = 80 * 1024 * 1024;

/// Stores a new version if the preconditions hold and the checksums are right, or opens an upload
/// session, or continues one.
pub(super) async fn insert(
    State(service): Shared,
    caller: Caller,
    Path(bucket): Path<String>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Refusal> {
    if params.text("upload_id").is_some() {
        return resumable::upload(&service, &bucket, &params, &headers, content).await;
    }
    let (description, content) = match params.text("uploadType") {
        Some("resumable") => {
            return resumable::start(
                (&service, &caller),
                &bucket,
                &params,
                &uri,
                &headers,
                content,
            )
            .await;
        }
        Some("media") => {
            let content = body::whole(&headers, content, ONE_SHOT_BYTES_MAX).await?;
            (from_media(&params, &headers), content)
        }
        Some("multipart") => {
            let content = body::whole(&headers, content, ONE_SHOT_BYTES_MAX).await?;
            from_multipart(&headers, &content)?
        }
        other => {
            let message = format!("Invalid value for: uploadType {:?}", other.unwrap_or(""));
            return Err(Refusal::invalid(message).about("uploadType"));
        }
    };
    let memory = service.bucket(&bucket)?;
    let name = description.name(&bucket, params.text("name"))?;
    let conditions = caller.may_write(&memory, &bucket, &name, params.conditions()?)?;
    let Description { upload, mut claims, .. } = description;
    claims.add_headers(&headers)?;
    claims.check(&content)?;
    let upload = service.with_class(&bucket, with_encoding(upload, &params));
    let stored = memory.insert_under(&conditions, &name, content, upload);
    let stored = stored.map_err(|err| Refusal::of(&err, &bucket, &name))?;
    json(&params, resource_of(&bucket, &stored, &origin(&headers)))
}

/// The coding can stand in the query, whatever the type of the upload.
pub(super) fn with_encoding(upload: Upload, params: &Params) -> Upload {
    let coding = params.text("contentEncoding").map(str::to_owned);
    Upload { content_encoding: upload.content_encoding.or(coding), ..upload }
}

fn from_media(params: &Params, headers: &HeaderMap) -> Description {
    let upload = Upload { content_type: content_type(headers), ..Upload::default() };
    Description { upload: with_encoding(upload, params), ..Description::default() }
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(content_type.to_owned())
}

fn from_multipart(headers: &HeaderMap, content: &Bytes) -> Result<(Description, Bytes), Refusal> {
    let kind = content_type(headers).unwrap_or_default();
    let parts = multipart::parts(&kind, "related", content, 2);
    let parts = parts.map_err(|err| Refusal::invalid(err.to_string()))?;
    let Ok([described, content]) = <[multipart::Part; 2]>::try_from(parts) else {
        return Err(Refusal::invalid(
            "Malformed multipart body: the part with content is missing.",
        ));
    };
    let mut description = Description::read(&described.body)?;
    let content_type = &mut description.upload.content_type;
    *content_type = content_type.take().or(content.header("content-type").map(str::to_owned));
    Ok((description, content.body))
}
