//! Other metadata for objects that stay what they are.

use axum::http::Method;
use serde_json::{Value, json};

use crate::client::Rest;

const OBJECT: &str = "b/bbb/o/a";

async fn with_object() -> (Rest, Value) {
    let rest = Rest::with_bucket(json!({"versioning": {"enabled": true}})).await;
    let object = rest.upload("a", "1").await;
    (rest, object)
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_removes() {
    let (rest, uploaded) = with_object().await;
    for (patch, metadata, content_type) in [
        (json!({"metadata": {"k": "v", "l": "m"}}), json!({"k": "v", "l": "m"}), "text/plain"),
        (json!({"metadata": {"k": null, "n": "o"}}), json!({"l": "m", "n": "o"}), "text/plain"),
        (json!({"contentType": "text/x"}), json!({"l": "m", "n": "o"}), "text/x"),
        (json!({"metadata": {}}), json!({"l": "m", "n": "o"}), "text/x"),
        (json!({"metadata": null}), Value::Null, "text/x"),
        (json!({"contentType": null}), Value::Null, "application/octet-stream"),
    ] {
        let patched = rest.ok(Method::PATCH, OBJECT, patch.clone()).await;
        let expected = (&metadata, &json!(content_type));
        assert_eq!((&patched["metadata"], &patched["contentType"]), expected, "{patch}");
        assert_eq!(rest.get(OBJECT).await, patched);
        for field in ["generation", "md5Hash", "timeCreated"] {
            assert_eq!(patched[field], uploaded[field], "{field}");
        }
    }
}

#[tokio::test]
async fn every_change_counts_and_only_the_first_of_two_at_once_is_made() {
    let (rest, uploaded) = with_object().await;
    for metageneration in 2..5 {
        let path = format!("{OBJECT}?ifMetagenerationMatch={}", metageneration - 1);
        let patched = rest.ok(Method::PATCH, &path, json!({"cacheControl": "no-store"})).await;
        assert_eq!(patched["metageneration"], metageneration.to_string());
        assert_ne!(patched["etag"], uploaded["etag"]);
        let refused = rest.refused(Method::PATCH, &path, json!({"cacheControl": "public"})).await;
        assert_eq!(refused, (412, "conditionNotMet".to_owned()));
    }
    for query in [
        "ifGenerationMatch=1",
        "ifGenerationMatch=0",
        "ifMetagenerationMatch=1",
        "ifMetagenerationNotMatch=4",
    ] {
        let refused = rest.refused(Method::PUT, &format!("{OBJECT}?{query}"), json!({})).await;
        assert_eq!(refused, (412, "conditionNotMet".to_owned()), "{query}");
    }
    assert_eq!(rest.get(OBJECT).await["cacheControl"], "no-store");
    let again = rest.upload("a", "1").await;
    assert_eq!(again["metageneration"], "1", "of another version");
}

#[tokio::test]
async fn an_update_replaces_all_that_can_be_set() {
    let (rest, _) = with_object().await;
    let patch = json!({
        "metadata": {"k": "v"},
        "cacheControl": "no-store",
        "contentLanguage": "en",
        "storageClass": "NEARLINE",
        "customTime": "2026-11-20T08:48:37.758Z",
    });
    rest.ok(Method::PATCH, OBJECT, patch).await;
    let update = json!({"metadata": {"l": "m"}, "contentLanguage": "de", "size": "7"});
    let updated = rest.ok(Method::PUT, OBJECT, update).await;
    assert_eq!(updated["metadata"], json!({"l": "m"}));
    assert_eq!((&updated["contentLanguage"], &updated["size"]), (&json!("de"), &json!("1")));
    assert_eq!(updated["storageClass"], "NEARLINE", "no object is without one");
    for field in ["cacheControl", "customTime"] {
        assert_eq!(updated.get(field), None, "{field}");
    }
    assert_eq!(rest.content("a").await, "1");
}

#[tokio::test]
async fn a_version_is_changed_that_is_noncurrent() {
    let (rest, old) = with_object().await;
    let live = rest.upload("a", "2").await;
    let path = format!("{OBJECT}?generation={}", old["generation"].as_str().unwrap());
    let patched = rest.ok(Method::PATCH, &path, json!({"metadata": {"k": "v"}})).await;
    assert_eq!(
        (&patched["generation"], &patched["metageneration"]),
        (&old["generation"], &json!("2"))
    );
    assert_eq!(rest.get(OBJECT).await, live);
    for path in ["b/bbb/o/missing", "b/bbb/o/a?generation=1", "b/missing/o/a"] {
        let refused = rest.refused(Method::PATCH, path, json!({})).await;
        assert_eq!(refused, (404, "notFound".to_owned()), "{path}");
    }
}
