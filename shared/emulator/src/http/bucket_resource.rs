//! The bucket resource and what belongs to it. (Cloud Storage JSON API, `Buckets` resource.)

use serde_json::{Map, Value, json};

use crate::buckets::Settings;
use crate::resource::etag_of;

/// The number of every project: nobody here looks at it.
const PROJECT_NUMBER: &str = "123456789012";

/// Fields that the service decides.
pub(super) const READ_ONLY: [&str; 14] = [
    "acl",
    "defaultObjectAcl",
    "etag",
    "generation",
    "id",
    "kind",
    "locationType",
    "metageneration",
    "name",
    "owner",
    "projectNumber",
    "selfLink",
    "timeCreated",
    "updated",
];

/// The resource with every field that the service always sends, and what was set.
pub(super) fn of(name: &str, settings: &Settings, origin: &str) -> Value {
    let location = location(settings);
    let mut resource = json!({
        "kind": "storage#bucket",
        "id": name,
        "selfLink": format!("{origin}/storage/v1/b/{name}"),
        "name": name,
        "projectNumber": PROJECT_NUMBER,
        "metageneration": settings.metageneration.to_string(),
        "location": location,
        "locationType": location_type(location),
        "storageClass": "STANDARD",
        "etag": etag(settings),
        "timeCreated": settings.created_at.to_millis_text(),
        "updated": settings.updated_at.to_millis_text(),
        "iamConfiguration": {
            "bucketPolicyOnly": {"enabled": false},
            "uniformBucketLevelAccess": {"enabled": false},
            "publicAccessPrevention": "inherited",
        },
    });
    let Some(fields) = resource.as_object_mut() else { return resource };
    for (key, value) in &settings.properties {
        match (fields.get_mut(key), value) {
            (Some(Value::Object(fields)), Value::Object(said)) => overlay(fields, said),
            _ => drop(fields.insert(key.clone(), value.clone())),
        }
    }
    resource
}

fn overlay(fields: &mut Map<String, Value>, said: &Map<String, Value>) {
    for (key, value) in said {
        fields.insert(key.clone(), value.clone());
    }
}

/// That names are flat.
pub(super) fn storage_layout(name: &str, settings: &Settings) -> Value {
    let location = location(settings);
    json!({
        "kind": "storage#storageLayout",
        "bucket": name,
        "projectNumber": PROJECT_NUMBER,
        "location": location,
        "locationType": location_type(location),
        "hierarchicalNamespace": {"enabled": false},
    })
}

/// The policy that was set, or the one that a new bucket has.
pub(super) fn policy(name: &str, settings: &Settings) -> Value {
    let project = &settings.project;
    let owners = [format!("projectEditor:{project}"), format!("projectOwner:{project}")];
    let readers = [format!("projectViewer:{project}")];
    let mut policy = settings.policy.clone().unwrap_or_else(|| {
        json!({"version": 1, "bindings": [
            {"role": "roles/storage.legacyBucketOwner", "members": owners},
            {"role": "roles/storage.legacyBucketReader", "members": readers},
        ]})
    });
    policy["kind"] = "storage#policy".into();
    policy["resourceId"] = format!("projects/_/buckets/{name}").into();
    policy["etag"] = etag(settings).into();
    if policy.get("bindings").is_none() {
        policy["bindings"] = json!([]);
    }
    if policy.get("version").is_none() {
        policy["version"] = 1.into();
    }
    policy
}

/// The entity tag of a bucket, and of its policy.
pub(super) fn etag(settings: &Settings) -> String {
    etag_of(settings.metageneration, settings.metageneration)
}

/// Where a bucket is.
pub(super) fn location(settings: &Settings) -> &str {
    location_in(&settings.properties)
}

/// Where these fields say that a bucket is.
pub(super) fn location_in(properties: &Map<String, Value>) -> &str {
    properties.get("location").and_then(Value::as_str).unwrap_or("US")
}

/// (Cloud Storage documentation, "Bucket locations".)
fn location_type(location: &str) -> &'static str {
    match location {
        "US" | "EU" | "ASIA" => "multi-region",
        "NAM4" | "EUR4" | "EUR5" | "EUR7" | "EUR8" | "ASIA1" => "dual-region",
        _ => "region",
    }
}
