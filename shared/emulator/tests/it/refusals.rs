//! How requests are refused that no handler sees, and which parameter a refusal names.

use axum::http::Method;
use serde_json::{Value, json};

use crate::client::Rest;

#[tokio::test]
async fn a_path_that_is_not_text_is_refused_in_the_words_of_the_service() {
    let rest = Rest::with_bucket(json!({})).await;
    rest.upload("a", "1").await;
    for (method, path, parameter) in [
        (Method::GET, "b/bbb/o/%FF", "object"),
        (Method::GET, "/b/bbb/o/%FF", "object"),
        (Method::GET, "/download/storage/v1/b/bbb/o/%C3", "object"),
        (Method::PATCH, "b/bbb/o/%FF", "object"),
        (Method::PUT, "b/bbb/o/%ff", "object"),
        (Method::DELETE, "b/%FF/o/a", "bucket"),
        (Method::POST, "b/bbb/o/%FF/compose", "object"),
        (Method::POST, "b/bbb/o/%FF/copyTo/b/bbb/o/x", "object"),
        (Method::POST, "b/bbb/o/a/rewriteTo/b/%FF/o/x", "destinationBucket"),
        (Method::POST, "b/bbb/o/a/moveTo/o/%FF", "destinationObject"),
        (Method::GET, "b/%FF", "bucket"),
        (Method::GET, "b/%FF/o", "bucket"),
        (Method::PUT, "b/%FF/iam", "bucket"),
        (Method::GET, "b/bbb/notificationConfigs/%FF", "notification"),
        (Method::POST, "/upload/storage/v1/b/%FF/o?uploadType=media&name=x", "bucket"),
        (Method::GET, "projects/%FF/serviceAccount", "projectId"),
    ] {
        let answer = rest.send(method.clone(), path, &[], "").await;
        assert_eq!(answer.error(), (400, "invalid".to_owned()), "{method} {path}");
        let error = &answer.json()["error"]["errors"][0];
        assert_eq!(error["locationType"], "parameter", "{method} {path}");
        assert_eq!(error["location"], parameter, "{method} {path}");
    }
}

#[tokio::test]
async fn a_refused_parameter_is_named() {
    let rest = Rest::with_bucket(json!({})).await;
    rest.upload("a", "1").await;
    for (method, path, parameter) in [
        (Method::GET, "b/bbb/o/a?generation=x", "generation"),
        (Method::GET, "b/bbb/o/a?ifGenerationMatch=-1", "ifGenerationMatch"),
        (Method::GET, "b/bbb/o/a?alt=xml", "alt"),
        (Method::GET, "b/bbb/o/a?fields=(", "fields"),
        (Method::GET, "b/bbb/o?maxResults=-1", "maxResults"),
        (Method::GET, "b/bbb/o?pageToken=!", "pageToken"),
        (Method::GET, "b/bbb/o?matchGlob=%5B", "matchGlob"),
        (Method::GET, "b/bbb/o?versions=maybe", "versions"),
        (Method::GET, "b?prefix=b", "project"),
        (Method::POST, "b", "project"),
        (Method::POST, "/upload/storage/v1/b/bbb/o?uploadType=other&name=x", "uploadType"),
        (Method::POST, "/upload/storage/v1/b/bbb/o?uploadType=media", "name"),
        (Method::PUT, "/upload/storage/v1/b/bbb/o", "upload_id"),
        (
            Method::POST,
            "b/bbb/o/a/rewriteTo/b/bbb/o/x?maxBytesRewrittenPerCall=1",
            "maxBytesRewrittenPerCall",
        ),
        (Method::POST, "b/bbb/o/a/rewriteTo/b/bbb/o/x?rewriteToken=!", "rewriteToken"),
    ] {
        let answer = rest.send(method.clone(), path, &[], "{}").await;
        assert_eq!(answer.error().0, 400, "{method} {path}");
        let error = &answer.json()["error"]["errors"][0];
        assert_eq!(error["locationType"], "parameter", "{method} {path}");
        assert_eq!(error["location"], parameter, "{method} {path}");
    }
    let answer = rest.call(Method::GET, "b/bbb/o?prefix=%FF", Value::Null).await;
    assert_eq!(answer.error(), (400, "invalid".to_owned()), "no parameter can be read");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_in_the_words_of_the_service() {
    let rest = Rest::with_bucket(json!({})).await;
    rest.upload("a", "1").await;
    let long = json!({"metadata": {"k": "v".repeat(70 * 1024)}}).to_string();
    for (method, path) in [
        (Method::POST, "b?project=p"),
        (Method::PATCH, "b/bbb"),
        (Method::PUT, "b/bbb/iam"),
        (Method::PATCH, "b/bbb/o/a"),
        (Method::POST, "b/bbb/o/a/compose"),
        (Method::POST, "b/bbb/o/a/copyTo/b/bbb/o/x"),
        (Method::POST, "b/bbb/notificationConfigs"),
    ] {
        let answer = rest.send(method.clone(), path, &[], long.clone()).await;
        assert_eq!(answer.error(), (413, "uploadTooLarge".to_owned()), "{method} {path}");
    }
    let longest = vec![b' '; 64 * 1024 * 1024 + 1];
    let answer = rest.send(Method::PATCH, "b/bbb", &[], longest).await;
    assert_eq!(answer.error(), (413, "uploadTooLarge".to_owned()));
}

#[tokio::test]
async fn pub_sub_refuses_paths_and_methods_in_its_own_words() {
    let rest = Rest::start().await;
    for (method, path, status, name) in [
        (Method::GET, "/v1/projects/p/topics/%FF", 400, "INVALID_ARGUMENT"),
        (Method::PUT, "/v1/projects/%FF/topics/topic", 400, "INVALID_ARGUMENT"),
        (Method::GET, "/v1/projects/%FF/topics", 400, "INVALID_ARGUMENT"),
        (Method::GET, "/v1/projects/p/topics/%FF/snapshots", 400, "INVALID_ARGUMENT"),
        (Method::POST, "/v1/projects/p/subscriptions/%FF:pull", 400, "INVALID_ARGUMENT"),
        (Method::GET, "/v1/projects/%FF/subscriptions", 400, "INVALID_ARGUMENT"),
        (Method::GET, "/v1/projects/p/snapshots/%FF", 400, "INVALID_ARGUMENT"),
        (Method::GET, "/v1/projects/%FF/snapshots", 400, "INVALID_ARGUMENT"),
        (Method::POST, "/v1/projects/p/topics", 404, "NOT_FOUND"),
        (Method::PATCH, "/oauth2/v3/certs", 404, "NOT_FOUND"),
    ] {
        let answer = rest.send(method.clone(), path, &[], "{}").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        let error = &answer.json()["error"];
        assert_eq!(error["code"], status, "{method} {path}");
        assert_eq!(error["status"], name, "{method} {path}");
    }
}
