//! `Objects: list`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value};
use store::PAGE_ITEMS_MAX;

use super::caller::{Caller, LIST};
use super::params::Params;
use super::path::Path;
use super::read::origin;
use super::refusal::Refusal;
use super::{Shared, json, resource_of};
use crate::access::Target;
use crate::memory::{Glob, Position, Query};

/// One page. What is empty is left out of the answer.
pub(super) async fn list(
    State(service): Shared,
    caller: Caller,
    Path(bucket): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let memory = service.bucket(&bucket)?;
    let prefix = params.text("prefix").unwrap_or("");
    caller.needs(LIST, &bucket, Target::Listing(prefix))?;
    if params.flag("softDeleted")? {
        // Nothing is kept after its end here, which the service can be told to do too.
        return Err(Refusal::invalid("Soft delete policy is not enabled on this bucket.")
            .about("softDeleted"));
    }
    let found = memory.page(&query(&params)?);
    let origin = origin(&headers);
    let items: Vec<Value> =
        found.items.iter().map(|stored| resource_of(&bucket, stored, &origin)).collect();
    let mut page = Map::new();
    page.insert("kind".to_owned(), "storage#objects".into());
    if let Some(token) = found.next_page_token {
        page.insert("nextPageToken".to_owned(), token.into());
    }
    if !found.prefixes.is_empty() {
        page.insert("prefixes".to_owned(), found.prefixes.into());
    }
    if !items.is_empty() {
        page.insert("items".to_owned(), items.into());
    }
    json(&params, page.into())
}

fn glob(params: &Params) -> Result<Option<Glob>, Refusal> {
    let Some(text) = params.text("matchGlob").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let glob = Glob::parse(text);
    glob.map(Some).ok_or_else(|| Refusal::parameter("matchGlob"))
}

fn query(params: &Params) -> Result<Query<'_>, Refusal> {
    let after = match params.text("pageToken").filter(|token| !token.is_empty()) {
        None => None,
        Some(token) => {
            let position = Position::parse(token);
            Some(position.ok_or_else(|| Refusal::parameter("pageToken"))?)
        }
    };
    let items_max = params.number("maxResults")?.and_then(|max| usize::try_from(max).ok());
    Ok(Query {
        prefix: params.text("prefix").unwrap_or(""),
        delimiter: params.text("delimiter"),
        start_offset: params.text("startOffset"),
        end_offset: params.text("endOffset").filter(|end| !end.is_empty()),
        after,
        include_trailing_delimiter: params.flag("includeTrailingDelimiter")?,
        glob: glob(params)?,
        versions: params.flag("versions")?,
        items_max: items_max.unwrap_or(PAGE_ITEMS_MAX).clamp(1, PAGE_ITEMS_MAX),
    })
}
