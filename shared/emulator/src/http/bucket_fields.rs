//! What clients may set on a bucket. (Cloud Storage JSON API, `Buckets` resource and
//! `Buckets: setIamPolicy`.)

use serde_json::{Map, Value};

use super::bucket_resource::READ_ONLY;
use super::description;
use super::refusal::Refusal;

const TEXTS: [&str; 3] = ["location", "storageClass", "rpo"];

const LISTS: [&str; 1] = ["cors"];

const FLAGS: [&str; 1] = ["defaultEventBasedHold"];

const MAPS: [&str; 14] = [
    "autoclass",
    "billing",
    "customPlacementConfig",
    "encryption",
    "hierarchicalNamespace",
    "iamConfiguration",
    "ipFilter",
    "labels",
    "lifecycle",
    "logging",
    "retentionPolicy",
    "softDeletePolicy",
    "versioning",
    "website",
];

/// What every bucket has.
const REQUIRED: [&str; 2] = ["location", "storageClass"];

/// Removes what the service decides itself, and refuses what it would not understand.
pub(super) fn keep_settable(properties: &mut Map<String, Value>) -> Result<(), Refusal> {
    properties.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    check_types(properties, &TEXTS, Value::is_string)?;
    check_types(properties, &LISTS, Value::is_array)?;
    check_types(properties, &FLAGS, Value::is_boolean)?;
    check_types(properties, &MAPS, Value::is_object)?;
    if let Some(labels) = properties.get("labels").and_then(Value::as_object) {
        let is_text = |value: &Value| value.is_string() || value.is_null();
        ensure(labels.values().all(is_text), "labels")?;
    }
    if let Some(versioning) = properties.get("versioning").and_then(Value::as_object) {
        check_types(versioning, &["enabled"], Value::is_boolean)?;
    }
    let class = properties.get("storageClass").and_then(Value::as_str);
    ensure(class.is_none_or(description::is_storage_class), "storageClass")
}

/// Refuses to remove what every bucket has.
pub(super) fn keep_required(patch: &Map<String, Value>) -> Result<(), Refusal> {
    REQUIRED.iter().try_for_each(|key| ensure(patch.get(*key) != Some(&Value::Null), key))
}

/// Refuses a policy that is none.
pub(super) fn check_policy(policy: &Map<String, Value>) -> Result<(), Refusal> {
    let whole = |version: &Value| match version {
        Value::String(text) => text.parse::<i32>().is_ok(),
        version => version.is_i64() || version.is_u64(),
    };
    check_types(policy, &["version"], whole)?;
    check_types(policy, &["bindings"], Value::is_array)?;
    let bindings = policy.get("bindings").and_then(Value::as_array);
    ensure(bindings.into_iter().flatten().all(is_binding), "bindings")
}

fn is_binding(binding: &Value) -> bool {
    let members = binding.get("members").and_then(Value::as_array);
    let is_members = members.is_some_and(|members| members.iter().all(Value::is_string));
    binding.get("role").is_some_and(Value::is_string) && is_members
}

fn check_types(
    fields: &Map<String, Value>,
    keys: &[&str],
    fits: impl Fn(&Value) -> bool,
) -> Result<(), Refusal> {
    let fits = |key: &str| fields.get(key).is_none_or(|value| value.is_null() || fits(value));
    keys.iter().try_for_each(|key| ensure(fits(key), key))
}

fn ensure(fits: bool, key: &str) -> Result<(), Refusal> {
    match fits {
        true => Ok(()),
        false => Err(Refusal::invalid(format!("Invalid value for: {key}"))),
    }
}
