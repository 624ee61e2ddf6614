//! `Buckets`: made, looked at, changed, listed and deleted.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::body::Resource;
use super::bucket_fields::{check_policy, keep_required, keep_settable};
use super::bucket_resource;
use super::caller::Caller;
use super::description;
use super::params::Params;
use super::path::Path;
use super::read::origin;
use super::refusal::Refusal;
use super::{Shared, json as answer};
use crate::access::Target;
use crate::buckets::{Bucket, Settings, is_bucket_name};
use crate::memory::Unmet;
use crate::opaque;

/// The most buckets on a page of a list. (Cloud Storage JSON API, `Buckets: list`.)
const BUCKETS_MAX: usize = 1000;

/// Makes an empty bucket.
pub(super) async fn insert(
    State(service): Shared,
    params: Params,
    headers: HeaderMap,
    Resource(mut properties): Resource,
) -> Result<Response, Refusal> {
    let project = params.text("project").filter(|project| !project.is_empty());
    let project = project.ok_or_else(|| Refusal::required("project"))?.to_owned();
    let name = description::text(&properties, "name")?.ok_or_else(|| Refusal::required("name"))?;
    if !is_bucket_name(&name) {
        return Err(Refusal::invalid(format!("Invalid bucket name: '{name}'")));
    }
    keep_settable(&mut properties)?;
    let mut properties = without_nulls(properties);
    let location = properties.get("location").and_then(Value::as_str).unwrap_or("US");
    properties.insert("location".to_owned(), location.to_ascii_uppercase().into());
    let settings = Settings::new(&project, properties);
    let bucket = service.buckets.create(&name, settings)?;
    answer(&params, bucket_resource::of(&name, &bucket.settings, &origin(&headers)))
}

/// What is set on a bucket.
pub(super) async fn get(
    State(service): Shared,
    Path(name): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let bucket = service.buckets.get(&name).ok_or_else(Refusal::no_bucket)?;
    match params.conditions()?.check_bucket(bucket.settings.metageneration) {
        Ok(()) => (),
        Err(Unmet::Match) => return Err(Refusal::unmet()),
        Err(Unmet::NotMatch) => return Err(Refusal::not_modified()),
    }
    answer(&params, bucket_resource::of(&name, &bucket.settings, &origin(&headers)))
}

/// One page of the buckets of a project.
pub(super) async fn list(
    State(service): Shared,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let project = params.text("project").filter(|project| !project.is_empty());
    let project = project.ok_or_else(|| Refusal::required("project"))?;
    let prefix = params.text("prefix").unwrap_or("");
    let after = match params.text("pageToken").filter(|token| !token.is_empty()) {
        None => String::new(),
        Some(token) => {
            let name = opaque::decode(token).filter(|name| is_bucket_name(name));
            name.ok_or_else(|| Refusal::parameter("pageToken"))?
        }
    };
    let max = params.number("maxResults")?.and_then(|max| usize::try_from(max).ok());
    let max = max.unwrap_or(BUCKETS_MAX).clamp(1, BUCKETS_MAX);
    let mut buckets = service.buckets.of_project(project);
    buckets.retain(|(name, _)| name.starts_with(prefix) && *name > after);
    let mut page = json!({"kind": "storage#buckets"});
    if buckets.len() > max {
        buckets.truncate(max);
        page["nextPageToken"] = buckets.last().map(|(name, _)| opaque::encode(name)).into();
    }
    let origin = origin(&headers);
    let resource =
        |(name, bucket): (String, Bucket)| bucket_resource::of(&name, &bucket.settings, &origin);
    if !buckets.is_empty() {
        page["items"] = buckets.into_iter().map(resource).collect();
    }
    answer(&params, page)
}

/// Changes the fields that the body names; `null` removes one. (RFC 7396.)
pub(super) async fn patch(
    state: Shared,
    Path(name): Path<String>,
    params: Params,
    headers: HeaderMap,
    Resource(mut said): Resource,
) -> Result<Response, Refusal> {
    keep_settable(&mut said)?;
    keep_required(&said)?;
    change(&state, &name, &params, &headers, |properties| merge(properties, said))
}

/// Sets every field that can be set.
pub(super) async fn update(
    state: Shared,
    Path(name): Path<String>,
    params: Params,
    headers: HeaderMap,
    Resource(mut said): Resource,
) -> Result<Response, Refusal> {
    keep_settable(&mut said)?;
    let said = without_nulls(said);
    change(&state, &name, &params, &headers, |properties| {
        let location = properties.remove("location");
        *properties = said;
        if let Some(location) = location {
            properties.entry("location").or_insert(location);
        }
    })
}

/// Deletes a bucket in which no version of any object is left.
pub(super) async fn delete(
    State(service): Shared,
    Path(name): Path<String>,
    params: Params,
) -> Result<StatusCode, Refusal> {
    let conditions = params.conditions()?;
    service.buckets.delete(&name, |settings| {
        conditions.check_bucket(settings.metageneration).map_err(|_| Refusal::unmet())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// That names are flat here.
pub(super) async fn storage_layout(
    State(service): Shared,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Refusal> {
    let bucket = service.buckets.get(&name).ok_or_else(Refusal::no_bucket)?;
    answer(&params, bucket_resource::storage_layout(&name, &bucket.settings))
}

/// The policy that was set, or the one that a new bucket has.
pub(super) async fn policy(
    State(service): Shared,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Refusal> {
    let bucket = service.buckets.get(&name).ok_or_else(Refusal::no_bucket)?;
    answer(&params, bucket_resource::policy(&name, &bucket.settings))
}

/// Sets the policy. It is kept, and nobody is held to it.
pub(super) async fn set_policy(
    State(service): Shared,
    Path(name): Path<String>,
    params: Params,
    Resource(said): Resource,
) -> Result<Response, Refusal> {
    check_policy(&said)?;
    let said = without_nulls(said);
    let read = description::text(&said, "etag")?.filter(|etag| !etag.is_empty());
    let changed = service.buckets.change(&name, |settings, _| {
        // Somebody who read one policy does not replace another.
        if read.is_some_and(|read| read != bucket_resource::etag(settings)) {
            return Err(Refusal::unmet());
        }
        settings.policy = Some(Value::Object(said));
        settings.metageneration += 1;
        Ok(bucket_resource::policy(&name, settings))
    });
    answer(&params, changed?)
}

/// That there are none, which gcloud asks before it deletes a bucket with all that is in it.
pub(super) async fn managed_folders(
    State(service): Shared,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Refusal> {
    service.bucket(&name)?;
    answer(&params, json!({"kind": "storage#managedFolders"}))
}

/// What whoever asks may do of what is asked about.
pub(super) async fn test_permissions(
    State(service): Shared,
    caller: Caller,
    Path(name): Path<String>,
    params: Params,
    uri: Uri,
) -> Result<Response, Refusal> {
    service.bucket(&name)?;
    let pairs = uri.query().unwrap_or("").split('&');
    let asked = pairs.filter_map(|pair| pair.strip_prefix("permissions="));
    let asked = asked.map(|it| percent_decode_str(it).decode_utf8_lossy().into_owned());
    let may = |permission: &String| caller.may(permission, &name, Target::Bucket);
    let permissions: Vec<String> = asked.filter(may).collect();
    let kind = "storage#testIamPermissionsResponse";
    answer(&params, json!({"kind": kind, "permissions": permissions}))
}

/// Who Cloud Storage is to a project.
pub(super) async fn service_account(
    Path(project): Path<String>,
    params: Params,
) -> Result<Response, Refusal> {
    let address = format!("service-{project}@gs-project-accounts.iam.gserviceaccount.com");
    answer(&params, json!({"kind": "storage#serviceAccount", "email_address": address}))
}

fn change(
    State(service): &Shared,
    name: &str,
    params: &Params,
    headers: &HeaderMap,
    edit: impl FnOnce(&mut Map<String, Value>),
) -> Result<Response, Refusal> {
    let conditions = params.conditions()?;
    let changed = service.buckets.change(name, |settings, _| {
        let met = conditions.check_bucket(settings.metageneration);
        met.map_err(|_| Refusal::unmet())?;
        let mut edited = settings.properties.clone();
        edit(&mut edited);
        let location = bucket_resource::location(settings);
        if !bucket_resource::location_in(&edited).eq_ignore_ascii_case(location) {
            return Err(Refusal::invalid("The location of a bucket cannot be changed."));
        }
        edited.insert("location".to_owned(), location.into());
        settings.properties = edited;
        settings.touch();
        Ok(bucket_resource::of(name, settings, &origin(headers)))
    });
    answer(params, changed?)
}

/// A new resource of these fields: in one, `null` is as good as nothing.
fn without_nulls(fields: Map<String, Value>) -> Map<String, Value> {
    let mut fresh = Map::new();
    merge(&mut fresh, fields);
    fresh
}

/// JSON Merge Patch. (RFC 7396, section 2.)
fn merge(into: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, value) in patch {
        match (into.get_mut(&key), value) {
            (_, Value::Null) => drop(into.remove(&key)),
            (Some(Value::Object(into)), Value::Object(patch)) => merge(into, patch),
            (_, Value::Object(patch)) => drop(into.insert(key, without_nulls(patch).into())),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}
