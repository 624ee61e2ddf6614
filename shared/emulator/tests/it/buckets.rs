//! Buckets, as a client of the JSON API makes, changes and deletes them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::client::Rest;

fn conflict() -> (u64, String) {
    (409, "conflict".to_owned())
}

#[tokio::test]
async fn a_bucket_has_every_field_that_clients_read() {
    let rest = Rest::start().await;
    let said = json!({
        "name": "bbb",
        "location": "europe-west1",
        "storageClass": "NEARLINE",
        "labels": {"k": "v"},
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": true}},
        "etag": "x",
        "metageneration": "9",
    });
    let made = rest.ok(Method::POST, "b?project=p", said).await;
    assert_eq!(rest.get("b/bbb").await, made);
    let mut made = made;
    for field in ["etag", "timeCreated", "updated", "projectNumber"] {
        assert!(made.as_object_mut().unwrap().shift_remove(field).unwrap().is_string(), "{field}");
    }
    let link = format!("{}/storage/v1/b/bbb", rest.emulator.url());
    let expected = json!({
        "kind": "storage#bucket",
        "id": "bbb",
        "selfLink": link,
        "name": "bbb",
        "metageneration": "1",
        "location": "EUROPE-WEST1",
        "locationType": "region",
        "storageClass": "NEARLINE",
        "labels": {"k": "v"},
        "iamConfiguration": {
            "bucketPolicyOnly": {"enabled": false},
            "uniformBucketLevelAccess": {"enabled": true},
            "publicAccessPrevention": "inherited",
        },
    });
    assert_eq!(made, expected);
}

#[tokio::test]
async fn a_name_is_given_once_and_in_a_project() {
    let rest = Rest::with_bucket(json!({})).await;
    let again = rest.refused(Method::POST, "b?project=other", json!({"name": "bbb"})).await;
    assert_eq!(again, conflict());
    for path in ["b", "b?project="] {
        let refused = rest.refused(Method::POST, path, json!({"name": "ccc"})).await;
        assert_eq!(refused, (400, "required".to_owned()), "{path}");
    }
    let nameless = rest.refused(Method::POST, "b?project=p", json!({})).await;
    assert_eq!(nameless, (400, "required".to_owned()));
    let missing = rest.refused(Method::GET, "b/ccc", Value::Null).await;
    assert_eq!(missing, (404, "notFound".to_owned()));
}

#[tokio::test]
async fn lists_come_in_pages_of_one_project() {
    let rest = Rest::start().await;
    for (name, project) in [("one", "p"), ("three", "p"), ("two", "p"), ("other", "q")] {
        let path = format!("b?project={project}");
        rest.ok(Method::POST, &path, json!({"name": name})).await;
    }
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("b?project=p&maxResults=2&pageToken={token}");
        let page = rest.get(&path).await;
        let items = page["items"].as_array().unwrap().iter();
        pages.push(items.map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        let Some(next) = page["nextPageToken"].as_str() else { break };
        token = next.to_owned();
    }
    assert_eq!(pages, [vec!["one", "three"], vec!["two"]]);
    let some = rest.get("b?project=p&prefix=t&fields=items/name").await;
    assert_eq!(some, json!({"items": [{"name": "three"}, {"name": "two"}]}));
    assert_eq!(rest.get("b?project=none").await, json!({"kind": "storage#buckets"}));
}

#[tokio::test]
async fn a_patch_merges_and_an_update_replaces() {
    let labels = json!({"k": "v", "l": "m"});
    let rest = Rest::with_bucket(json!({"location": "EU", "labels": labels})).await;
    let before = rest.get("b/bbb").await;
    let patch = json!({
        "labels": {"k": null, "n": "o"},
        "versioning": {"enabled": true},
        "location": "eu",
        "name": "other",
    });
    let patched = rest.ok(Method::PATCH, "b/bbb?ifMetagenerationMatch=1", patch).await;
    assert_eq!(patched["labels"], json!({"l": "m", "n": "o"}));
    assert_eq!(patched["versioning"], json!({"enabled": true}));
    assert_eq!((&patched["name"], &patched["location"]), (&json!("bbb"), &json!("EU")));
    assert_eq!(patched["metageneration"], "2");
    assert_ne!(patched["etag"], before["etag"]);
    let stale = rest.refused(Method::PATCH, "b/bbb?ifMetagenerationMatch=1", json!({})).await;
    assert_eq!(stale, (412, "conditionNotMet".to_owned()));
    let update = json!({"labels": {"p": "q"}, "storageClass": "COLDLINE", "website": null});
    let updated = rest.ok(Method::PUT, "b/bbb", update).await;
    assert_eq!(updated["labels"], json!({"p": "q"}));
    assert_eq!((updated.get("versioning"), updated.get("website")), (None, None));
    assert_eq!(
        (&updated["location"], &updated["storageClass"]),
        (&json!("EU"), &json!("COLDLINE"))
    );
    let without = rest.ok(Method::PATCH, "b/bbb", json!({"labels": null})).await;
    assert_eq!(without.get("labels"), None);
}

#[tokio::test]
async fn what_is_null_is_not_set() {
    let nulls = json!({"storageClass": null, "location": null, "labels": {"k": null, "l": "m"}});
    let rest = Rest::with_bucket(nulls.clone()).await;
    let made = rest.get("b/bbb").await;
    let updated = rest.ok(Method::PUT, "b/bbb", nulls).await;
    for bucket in [made, updated] {
        assert_eq!(bucket["labels"], json!({"l": "m"}));
        assert_eq!(
            (&bucket["location"], &bucket["storageClass"]),
            (&json!("US"), &json!("STANDARD"))
        );
    }
    assert_eq!(rest.upload("a", "1").await["storageClass"], "STANDARD");
}

#[tokio::test]
async fn a_bucket_stays_where_it_is() {
    let rest = Rest::with_bucket(json!({"location": "EU"})).await;
    let before = rest.get("b/bbb").await;
    for (method, location) in
        [(Method::PATCH, Value::Null), (Method::PATCH, json!("US")), (Method::PUT, json!("US"))]
    {
        let refused = rest.refused(method, "b/bbb", json!({"location": location})).await;
        assert_eq!(refused, (400, "invalid".to_owned()), "{location}");
    }
    assert_eq!(rest.get("b/bbb").await, before);
}

#[tokio::test]
async fn only_an_empty_bucket_is_deleted() {
    let rest = Rest::with_bucket(json!({"versioning": {"enabled": true}})).await;
    let generation = rest.upload("a", "1").await["generation"].as_str().unwrap().to_owned();
    assert_eq!(rest.refused(Method::DELETE, "b/bbb", Value::Null).await, conflict());
    assert_eq!(rest.delete("b/bbb/o/a").await, 204);
    let noncurrent = rest.refused(Method::DELETE, "b/bbb", Value::Null).await;
    assert_eq!(noncurrent, conflict(), "a version is left");
    assert_eq!(rest.delete(&format!("b/bbb/o/a?generation={generation}")).await, 204);
    let stale = rest.delete("b/bbb?ifMetagenerationMatch=2").await;
    assert_eq!((stale, rest.delete("b/bbb").await), (412, 204));
    for path in ["b/bbb", "b/bbb/o", "b/bbb/iam", "b/bbb/notificationConfigs"] {
        let missing = rest.refused(Method::GET, path, Value::Null).await;
        assert_eq!(missing, (404, "notFound".to_owned()), "{path}");
    }
    assert_eq!(rest.delete("b/bbb").await, 404);
    rest.ok(Method::POST, "b?project=p", json!({"name": "bbb"})).await;
}

#[tokio::test]
async fn new_objects_have_the_storage_class_of_their_bucket() {
    let rest = Rest::with_bucket(json!({"storageClass": "NEARLINE"})).await;
    assert_eq!(rest.upload("a", "1").await["storageClass"], "NEARLINE");
    let upload = "/upload/storage/v1/b/bbb/o?uploadType=resumable&name=";
    for (name, said, class) in [("b", json!({}), "NEARLINE"), ("c", json!("ARCHIVE"), "ARCHIVE")] {
        let body = if said.is_string() { json!({"storageClass": said}) } else { said };
        let session = rest.call(Method::POST, &format!("{upload}{name}"), body).await;
        let path = session.header("location").unwrap();
        let path = path.strip_prefix(&rest.emulator.url()).unwrap();
        let answer = rest.send(Method::PUT, path, &[], "1").await;
        assert_eq!(answer.json()["storageClass"], class, "{name}");
    }
    let sources = json!({"sourceObjects": [{"name": "c"}]});
    let composed = rest.ok(Method::POST, "b/bbb/o/d/compose", sources).await;
    assert_eq!(composed["storageClass"], "NEARLINE");
    rest.ok(Method::PATCH, "b/bbb", json!({"storageClass": "COLDLINE"})).await;
    assert_eq!(rest.get("b/bbb/o/a").await["storageClass"], "NEARLINE", "as it was made");
    let copy = rest.ok(Method::POST, "b/bbb/o/c/copyTo/b/bbb/o/e", Value::Null).await;
    assert_eq!(copy["storageClass"], "COLDLINE", "of the bucket, not of the source");
    let moved = rest.ok(Method::POST, "b/bbb/o/a/moveTo/o/f", Value::Null).await;
    assert_eq!(moved["storageClass"], "NEARLINE", "another name for the same");
}

#[tokio::test]
async fn every_permission_is_granted_and_a_policy_is_kept() {
    let rest = Rest::with_bucket(json!({})).await;
    let policy = rest.get("b/bbb/iam").await;
    assert_eq!(policy["resourceId"], "projects/_/buckets/bbb");
    let binding = json!([{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]);
    rest.ok(Method::PUT, "b/bbb/iam", json!({"version": 3, "bindings": binding})).await;
    let policy = rest.get("b/bbb/iam").await;
    assert_eq!((&policy["version"], &policy["bindings"]), (&json!(3), &binding));
    rest.ok(Method::PUT, "b/bbb/iam", json!({"version": null, "bindings": null})).await;
    let policy = rest.get("b/bbb/iam").await;
    assert_eq!((&policy["version"], &policy["bindings"]), (&json!(1), &json!([])));
    let path = "b/bbb/iam/testPermissions?permissions=a.b&permissions=c%2Ed";
    assert_eq!(rest.get(path).await["permissions"], json!(["a.b", "c.d"]));
}
