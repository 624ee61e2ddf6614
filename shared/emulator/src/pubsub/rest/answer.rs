//! Bodies: those that come and those that go.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::opaque;
use crate::pubsub::json::{Fields, camel};
use crate::pubsub::problem::Problem;

/// The resources on a page that names no size, and the most that are on one.
const PAGE_SIZE: usize = 100;
const PAGE_SIZE_MAX: usize = 1_000;

/// A problem, as it is told.
pub(super) struct Answer(Problem);

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Problem { code, message } = self.0;
        let (status, name) = code.status();
        let body = json!({"error": {"code": status, "message": message, "status": name}});
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, json(&body)).into_response()
    }
}

pub(super) fn json(value: &Value) -> Response {
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    ([(header::CONTENT_TYPE, json)], value.to_string()).into_response()
}

/// An answer without a value.
pub(super) fn nothing() -> Response {
    json(&json!({}))
}

/// The parameters in a path, decoded: all that can be wrong with one is that it is not UTF-8.
pub(super) struct Path<T>(pub(super) T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    extract::Path<T>: FromRequestParts<S, Rejection = PathRejection>,
    S: Send + Sync,
{
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Answer> {
        let path = extract::Path::from_request_parts(parts, state).await;
        let extract::Path(path) = path.map_err(|_| Problem::argument("name"))?;
        Ok(Self(path))
    }
}

/// The JSON body of a request, keys spelled in one way; an empty body is an empty object.
pub(super) struct Body(pub(super) Value);

impl Body {
    pub(super) fn fields(&self) -> Result<Fields<'_>, Problem> {
        Fields::of(&self.0, "request")
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Answer;

    async fn from_request(request: Request, state: &S) -> Result<Self, Answer> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|err| Problem::invalid(err.body_text()))?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(json!({})));
        }
        let value = serde_json::from_slice(&bytes)
            .map_err(|err| Problem::invalid(format!("Invalid JSON payload received. {err}")))?;
        Ok(Self(camel(value)))
    }
}

/// The parameters of a query, keys spelled in one way; of a repeated one the last counts.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Answer> {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned());
            decoded.map_err(|_| Problem::argument("query"))
        };
        let pairs = parts.uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((crate::pubsub::json::camel_key(&decode(key)?), decode(value)?))
        });
        Ok(Self(pairs.collect::<Result<_, Problem>>()?))
    }
}

/// The page of `items` that `query` asks for, as `{field: […], "nextPageToken": …}`. Items are in
/// the order of their names; a token is the name after which a page begins, made opaque.
pub(super) fn page(
    query: &Query,
    field: &str,
    items: impl Iterator<Item = (String, Value)>,
) -> Result<Response, Answer> {
    let size = match query.text("pageSize") {
        "" => 0,
        text => text.parse().map_err(|_| Problem::argument("page_size"))?,
    };
    let size = if size == 0 { PAGE_SIZE } else { PAGE_SIZE_MAX.min(size) };
    let after = opaque::decode(query.text("pageToken"));
    let after = after.ok_or_else(|| Problem::argument("page_token"))?;
    let mut items = items.skip_while(|(name, _)| !after.is_empty() && *name <= after);
    let mut last = None;
    let mut values = Vec::new();
    for (name, value) in items.by_ref().take(size) {
        values.push(value);
        last = Some(name);
    }
    let mut page = json!({});
    if !values.is_empty() {
        page[field] = values.into();
    }
    if let (Some(last), true) = (last, items.next().is_some()) {
        page["nextPageToken"] = opaque::encode(&last).into();
    }
    Ok(json(&page))
}
