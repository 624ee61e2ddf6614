//! Reads of one object: its content or its resource.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::caller::{Caller, GET};
use super::params::Params;
use super::path::Path;
use super::refusal::Refusal;
use super::{Shared, json, media, resource_of};
use crate::memory::Unmet;

/// `Objects: get`, `alt=json` and `alt=media`.
pub(super) async fn read(
    state: Shared,
    caller: Caller,
    path: Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    read_as("json", (state, caller), path, params, headers)
}

/// `Objects: get` of the paths that media links point to.
pub(super) async fn download(
    state: Shared,
    caller: Caller,
    path: Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    read_as("media", (state, caller), path, params, headers)
}

fn read_as(
    alt: &str,
    (State(service), caller): (Shared, Caller),
    Path((bucket, object)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let memory = service.bucket(&bucket)?;
    caller.needs_object(GET, &bucket, &object)?;
    let stored = memory.find(&object, params.generation()?);
    let stored = stored.ok_or_else(|| caller.missing(&bucket, &object))?;
    let conditions = params.conditions()?;
    match conditions.check(Some(&stored)) {
        Ok(()) => (),
        Err(Unmet::Match) => return Err(Refusal::unmet()),
        Err(Unmet::NotMatch) => return Err(Refusal::not_modified()),
    }
    match params.text("alt").unwrap_or(alt) {
        "json" => json(&params, resource_of(&bucket, &stored, &origin(&headers))),
        "media" => Ok(media::answer(&stored, &headers)),
        _ => Err(Refusal::parameter("alt")),
    }
}

/// Where the client thinks that it is.
pub(super) fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("127.0.0.1"))
}
