//! Objects made of objects: compose, copy, rewrite and move.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use domain::Generation;
use serde_json::{Map, Value, json};

use super::body::Resource;
use super::caller::{Caller, GET, MOVE};
use super::description::{self, Description};
use super::params::{Params, parse_number};
use super::path::Path;
use super::read::origin;
use super::refusal::Refusal;
use super::sessions::OBJECT_BYTES_MAX;
use super::{Shared, json as answer, resource_of};
use crate::memory::Conditions;
use crate::{Memory, Stored, Upload, opaque};

/// The most objects that are composed into one. (Cloud Storage JSON API, `Objects: compose`.)
const SOURCES_MAX: usize = 32;

/// The unit in which a client bounds how much one call rewrites. (Cloud Storage JSON API,
/// `Objects: rewrite`, `maxBytesRewrittenPerCall`.)
const REWRITE_UNIT_BYTES: u64 = 1024 * 1024;

/// Puts the contents of objects of one bucket behind each other into one object.
pub(super) async fn compose(
    State(service): Shared,
    caller: Caller,
    Path((bucket, object)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
    Resource(request): Resource,
) -> Result<Response, Refusal> {
    let memory = service.bucket(&bucket)?;
    let conditions = caller.may_write(&memory, &bucket, &object, params.conditions()?)?;
    let sources = request.get("sourceObjects").and_then(Value::as_array);
    let sources = sources.ok_or_else(|| Refusal::required("sourceObjects"))?;
    if sources.is_empty() || sources.len() > SOURCES_MAX {
        let message = format!(
            "The number of source components provided ({}) must be between 1 and {SOURCES_MAX}.",
            sources.len()
        );
        return Err(Refusal::invalid(message));
    }
    let sources: Vec<Stored> = sources
        .iter()
        .map(|source| source_of((&memory, &caller), &bucket, source))
        .collect::<Result<_, _>>()?;
    let component_count = Some(component_count(&sources)?);
    let content = content(&sources)?;
    let described = match request.get("destination") {
        None | Some(Value::Null) => Description::default(),
        Some(Value::Object(destination)) => Description::of(destination)?,
        Some(_) => return Err(Refusal::invalid("Invalid value for: destination")),
    };
    let first = sources.into_iter().next().map(|source| source.content_type);
    let content_type = described.upload.content_type.or(first);
    let upload = Upload { content_type, component_count, ..described.upload };
    let upload = service.with_class(&bucket, upload);
    let stored = memory.insert_under(&conditions, &object, content, upload);
    let stored = stored.map_err(|err| Refusal::of(&err, &bucket, &object))?;
    answer(&params, resource_of(&bucket, &stored, &origin(&headers)))
}

/// The contents of `sources` behind each other, if the object is not too large for that.
fn content(sources: &[Stored]) -> Result<Bytes, Refusal> {
    let bytes = sources.iter().map(|source| source.body.len()).sum();
    if bytes > OBJECT_BYTES_MAX {
        let message = format!("The composed object would have more than {OBJECT_BYTES_MAX} bytes.");
        return Err(Refusal::invalid(message));
    }
    let mut content = BytesMut::with_capacity(bytes);
    sources.iter().for_each(|source| content.extend_from_slice(&source.body));
    Ok(content.freeze())
}

/// Of how many parts a composition of `sources` is.
fn component_count(sources: &[Stored]) -> Result<u32, Refusal> {
    let counts = sources.iter().map(|source| source.component_count.unwrap_or(1));
    let count = counts.map(u64::from).sum::<u64>();
    // The service's numbers are signed.
    let count = i32::try_from(count).ok().and_then(|count| u32::try_from(count).ok());
    count.ok_or_else(|| Refusal::invalid("The composed object would have too many components."))
}

/// One source of a composition, under its own precondition.
fn source_of(
    (memory, caller): (&Memory, &Caller),
    bucket: &str,
    source: &Value,
) -> Result<Stored, Refusal> {
    let name = source.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| Refusal::required("sourceObjects.name"))?;
    caller.needs_object(GET, bucket, name)?;
    let generation = generation(source.get("generation"), "sourceObjects.generation")?;
    let stored = memory.find(name, generation.map(Generation));
    let stored = stored.ok_or_else(|| caller.missing(bucket, name))?;
    let wanted = match source.get("objectPreconditions") {
        None | Some(Value::Null) => None,
        Some(Value::Object(conditions)) => conditions.get("ifGenerationMatch"),
        Some(_) => return Err(Refusal::invalid("Invalid value for: objectPreconditions")),
    };
    let conditions = Conditions {
        generation: self::generation(wanted, "ifGenerationMatch")?,
        ..Conditions::default()
    };
    conditions.check(Some(&stored)).map_err(|_| Refusal::unmet())?;
    Ok(stored)
}

/// Clients write it as a text and as a number.
fn generation(value: Option<&Value>, key: &str) -> Result<Option<u64>, Refusal> {
    let invalid = || Refusal::invalid(format!("Invalid value for: {key}"));
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => parse_number(text).map(Some).ok_or_else(invalid),
        Some(number) => number.as_u64().map(Some).ok_or_else(invalid),
    }
}

/// From where and to where.
pub(super) type FromTo = Path<(String, String, String, String)>;

/// `Objects: copy`: the resource of the new version.
pub(super) async fn copy(
    state: Shared,
    caller: Caller,
    path: FromTo,
    params: Params,
    headers: HeaderMap,
    Resource(resource): Resource,
) -> Result<Response, Refusal> {
    let call = Call::read((&state, &caller), &path, &params, &resource)?;
    let stored = call.finish()?;
    answer(&params, resource_of(call.bucket, &stored, &origin(&headers)))
}

/// `Objects: rewrite`: the same, in as many calls as the client wants.
pub(super) async fn rewrite(
    state: Shared,
    caller: Caller,
    path: FromTo,
    params: Params,
    headers: HeaderMap,
    Resource(resource): Resource,
) -> Result<Response, Refusal> {
    let call = Call::read((&state, &caller), &path, &params, &resource)?;
    let size = call.source.body.len() as u64;
    let at_once = match params.number("maxBytesRewrittenPerCall")? {
        None => size,
        Some(bytes) if bytes > 0 && bytes % REWRITE_UNIT_BYTES == 0 => bytes,
        Some(_) => {
            let message = "maxBytesRewrittenPerCall must be an integral multiple of 1 MiB.";
            return Err(Refusal::invalid(message).about("maxBytesRewrittenPerCall"));
        }
    };
    let begun = match params.text("rewriteToken") {
        None => 0,
        Some(token) => call.position(token)?,
    };
    let rewritten = begun.saturating_add(at_once).min(size);
    let mut page = json!({
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": rewritten.to_string(),
        "objectSize": size.to_string(),
        "done": rewritten == size,
    });
    if rewritten == size {
        let stored = call.finish()?;
        page["resource"] = resource_of(call.bucket, &stored, &origin(&headers));
    } else {
        page["rewriteToken"] = call.token(rewritten).into();
    }
    answer(&params, page)
}

/// A copy that is asked for.
struct Call<'a> {
    source: Stored,
    memory: std::sync::Arc<Memory>,
    bucket: &'a str,
    object: &'a str,
    conditions: Conditions,
    upload: Upload,
}

impl<'a> Call<'a> {
    fn read(
        (State(service), caller): (&Shared, &Caller),
        Path((bucket, object, to_bucket, to_object)): &'a FromTo,
        params: &Params,
        resource: &Map<String, Value>,
    ) -> Result<Self, Refusal> {
        let from = service.bucket(bucket)?;
        let memory = service.bucket(to_bucket)?;
        caller.needs_object(GET, bucket, object)?;
        let conditions = params.conditions()?;
        let conditions = caller.may_write(&memory, to_bucket, to_object, conditions)?;
        let version = params.number("sourceGeneration")?.map(Generation);
        let source = from.find(object, version);
        let source = source.ok_or_else(|| caller.missing(bucket, object))?;
        params.source_conditions()?.check(Some(&source)).map_err(|_| Refusal::unmet())?;
        // Nothing is rewritten in vain.
        let live = memory.find(to_object, None);
        conditions.check(live.as_ref()).map_err(|_| Refusal::unmet())?;
        let upload = service.with_class(to_bucket, upload(&source, resource)?);
        Ok(Self { source, memory, bucket: to_bucket, object: to_object, conditions, upload })
    }

    fn finish(&self) -> Result<Stored, Refusal> {
        let (body, upload) = (self.source.body.clone(), self.upload.clone());
        let stored = self.memory.insert_under(&self.conditions, self.object, body, upload);
        stored.map_err(|err| Refusal::of(&err, self.bucket, self.object))
    }

    /// Says how far it is, and of what.
    fn token(&self, rewritten: u64) -> String {
        let Self { source, bucket, object, .. } = self;
        opaque::encode(&format!("{rewritten} {} {bucket}/{object}", source.generation))
    }

    fn position(&self, token: &str) -> Result<u64, Refusal> {
        let rewritten = opaque::decode(token).and_then(|said| said.split(' ').next()?.parse().ok());
        let rewritten = rewritten.filter(|rewritten| self.token(*rewritten) == token);
        rewritten.ok_or_else(|| Refusal::parameter("rewriteToken"))
    }
}

/// The metadata of the source, unless the body says other. The storage class is not one of them.
fn upload(source: &Stored, resource: &Map<String, Value>) -> Result<Upload, Refusal> {
    let mut kept = source.to_upload();
    kept.properties.remove("storageClass");
    if !resource.keys().any(|key| description::is_settable(key)) {
        return Ok(kept);
    }
    let said = Description::of(resource)?.upload;
    Ok(Upload {
        content_type: said.content_type.or(kept.content_type),
        // The content stays coded as it is.
        content_encoding: said.content_encoding.or(kept.content_encoding),
        component_count: kept.component_count,
        ..said
    })
}

/// `Objects: move`: another name in the same bucket, at once for everybody.
pub(super) async fn move_to(
    State(service): Shared,
    caller: Caller,
    Path((bucket, from, to)): Path<(String, String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let memory = service.bucket(&bucket)?;
    caller.needs_object(MOVE, &bucket, &from)?;
    let destination = caller.may_write(&memory, &bucket, &to, params.conditions()?)?;
    if from == to {
        return Err(Refusal::invalid("Source and destination object names must be different."));
    }
    let source = params.source_conditions()?;
    let stored = memory.rename((&from, &source), (&to, &destination));
    let stored = stored.map_err(|err| Refusal::of(&err, &bucket, &from))?;
    let stored = stored.ok_or_else(|| caller.missing(&bucket, &from))?;
    answer(&params, resource_of(&bucket, &stored, &origin(&headers)))
}
