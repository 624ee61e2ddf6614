//! Objects made of objects.

use axum::http::Method;
use bytes::Bytes;
use emulator::Upload;
use serde_json::{Value, json};

use crate::client::Rest;

const MIB: usize = 1024 * 1024;

async fn with_objects(contents: &[(&'static str, &'static str)]) -> (Rest, Vec<Value>) {
    let rest = Rest::with_bucket(json!({"versioning": {"enabled": true}})).await;
    let mut resources = Vec::new();
    for (name, content) in contents {
        resources.push(rest.upload(name, content).await);
    }
    (rest, resources)
}

fn unmet() -> (u64, String) {
    (412, "conditionNotMet".to_owned())
}

#[tokio::test]
async fn a_composition_is_counted_and_has_no_md5() {
    let (rest, _) = with_objects(&[("a", "1"), ("c", "23")]).await;
    let sources = json!([{"name": "a"}, {"name": "c"}, {"name": "a"}]);
    let body = json!({"sourceObjects": sources, "destination": {"metadata": {"k": "v"}}});
    let made = rest.ok(Method::POST, "b/bbb/o/x/compose?ifGenerationMatch=0", body.clone()).await;
    assert_eq!(rest.content("x").await, "1231");
    assert_eq!((&made["componentCount"], made.get("md5Hash")), (&json!(3), None));
    assert_eq!((&made["contentType"], &made["metadata"]["k"]), (&json!("text/plain"), &json!("v")));
    let again = rest.refused(Method::POST, "b/bbb/o/x/compose?ifGenerationMatch=0", body).await;
    assert_eq!(again, unmet());
    let body = json!({"sourceObjects": [{"name": "x"}, {"name": "c"}]});
    let made = rest.ok(Method::POST, "b/bbb/o/x/compose", body).await;
    assert_eq!(made["componentCount"], 4, "of what it is composed in the end");
    assert_eq!(rest.content("x").await, "123123");
}

#[tokio::test]
async fn a_composition_takes_the_versions_that_it_names() {
    let (rest, versions) = with_objects(&[("a", "1"), ("a", "2")]).await;
    let [old, live] = [&versions[0], &versions[1]].map(|it| it["generation"].clone());
    let compose = async |source: Value| {
        let body = json!({"sourceObjects": [source]});
        rest.call(Method::POST, "b/bbb/o/x/compose", body).await
    };
    let matching = |generation| json!({"ifGenerationMatch": generation});
    for (source, expected) in [
        (json!({"name": "a"}), Ok("2")),
        (json!({"name": "a", "generation": old}), Ok("1")),
        (json!({"name": "a", "generation": null, "objectPreconditions": null}), Ok("2")),
        (json!({"name": "a", "objectPreconditions": matching(&live)}), Ok("2")),
        (json!({"name": "a", "objectPreconditions": matching(&old)}), Err(412)),
        (json!({"name": "a", "generation": old, "objectPreconditions": matching(&live)}), Err(412)),
        (json!({"name": "a", "generation": "17"}), Err(404)),
        (json!({"name": "missing"}), Err(404)),
    ] {
        let answer = compose(source.clone()).await;
        match expected {
            Ok(content) => {
                assert_eq!(answer.status, 200, "{source}: {answer:?}");
                assert_eq!(rest.content("x").await, content, "{source}");
            }
            Err(status) => assert_eq!(answer.error().0, status, "{source}"),
        }
    }
}

#[tokio::test]
async fn a_composition_has_bounds() {
    let (rest, _) = with_objects(&[("empty", "")]).await;
    let of = |name: &str| json!({"sourceObjects": vec![json!({"name": name}); 32]});
    for round in 1..=6 {
        let made = rest.ok(Method::POST, "b/bbb/o/empty/compose", of("empty")).await;
        assert_eq!(made["componentCount"], 32_u64.pow(round));
    }
    let refused = rest.refused(Method::POST, "b/bbb/o/empty/compose", of("empty")).await;
    assert_eq!(refused, (400, "invalid".to_owned()), "more components than can be counted");
    let memory = rest.emulator.create_bucket("bbb").unwrap();
    memory.insert("large", Bytes::from(vec![0; 9 * MIB]), Upload::default()).unwrap();
    let refused = rest.refused(Method::POST, "b/bbb/o/x/compose", of("large")).await;
    assert_eq!(refused, (400, "invalid".to_owned()), "more bytes than an object may have");
    let body = json!({"sourceObjects": vec![json!({"name": "empty"}); 33]});
    let refused = rest.refused(Method::POST, "b/bbb/o/x/compose", body).await;
    assert_eq!(refused, (400, "invalid".to_owned()), "more sources than one call takes");
    assert_eq!(rest.delete("b/bbb/o/x").await, 404);
}

#[tokio::test]
async fn a_copy_keeps_what_is_said_unless_it_says_other() {
    let (rest, _) = with_objects(&[("a", "1")]).await;
    rest.ok(Method::POST, "b?project=p", json!({"name": "ccc"})).await;
    let patch = json!({"metadata": {"k": "v"}, "cacheControl": "no-store"});
    let source = rest.ok(Method::PATCH, "b/bbb/o/a", patch).await;
    let copy = rest.ok(Method::POST, "b/bbb/o/a/copyTo/b/ccc/o/x", Value::Null).await;
    for field in ["metadata", "cacheControl", "contentType", "md5Hash", "crc32c", "size"] {
        assert_eq!(copy[field], source[field], "{field}");
    }
    assert_eq!((&copy["bucket"], &copy["metageneration"]), (&json!("ccc"), &json!("1")));
    assert_ne!(copy["generation"], source["generation"], "another version, in another bucket");
    let other = json!({"metadata": {"l": "m"}, "contentType": "text/x"});
    let copy = rest.ok(Method::POST, "b/bbb/o/a/copyTo/b/ccc/o/x", other).await;
    assert_eq!((&copy["metadata"], &copy["contentType"]), (&json!({"l": "m"}), &json!("text/x")));
    assert_eq!(copy.get("cacheControl"), None, "all of it, or nothing");
    for (path, expected) in [
        ("b/bbb/o/a/copyTo/b/ccc/o/x?ifGenerationMatch=0", 412),
        ("b/bbb/o/a/copyTo/b/ccc/o/y?ifSourceGenerationMatch=1", 412),
        ("b/bbb/o/a/copyTo/b/ccc/o/y?ifSourceMetagenerationNotMatch=2", 412),
        ("b/bbb/o/a/copyTo/b/ccc/o/y?sourceGeneration=1", 404),
        ("b/bbb/o/missing/copyTo/b/ccc/o/y", 404),
        ("b/bbb/o/a/copyTo/b/missing/o/y", 404),
    ] {
        assert_eq!(rest.refused(Method::POST, path, Value::Null).await.0, expected, "{path}");
    }
    assert_eq!(rest.get("b/ccc/o").await["items"].as_array().unwrap().len(), 1);
}

/// The object `large` of two and a half MiB, and the path on which it is rewritten in pieces.
async fn with_large() -> (Rest, String) {
    let (rest, _) = with_objects(&[]).await;
    let memory = rest.emulator.create_bucket("bbb").unwrap();
    memory.insert("large", Bytes::from(vec![7; 5 * MIB / 2]), Upload::default()).unwrap();
    let path = format!("b/bbb/o/large/rewriteTo/b/bbb/o/x?maxBytesRewrittenPerCall={MIB}");
    (rest, path)
}

#[tokio::test]
async fn a_rewrite_comes_to_its_end_in_several_calls() {
    let (rest, path) = with_large().await;
    let mut answers = Vec::new();
    let mut token = String::new();
    loop {
        let answer = rest.ok(Method::POST, &format!("{path}{token}"), json!({})).await;
        assert_eq!(answer["kind"], "storage#rewriteResponse");
        assert_eq!(answer["objectSize"], (5 * MIB / 2).to_string());
        let is_done = answer["done"].as_bool().unwrap();
        let rewritten = answer["totalBytesRewritten"].as_str().unwrap().parse::<usize>().unwrap();
        answers.push((rewritten, is_done, answer.get("resource").is_some()));
        if is_done {
            assert_eq!(answer.get("rewriteToken"), None);
            break;
        }
        assert_eq!(rest.call(Method::GET, "b/bbb/o/x", Value::Null).await.status, 404);
        token = format!("&rewriteToken={}", answer["rewriteToken"].as_str().unwrap());
    }
    let expected = [(MIB, false, false), (2 * MIB, false, false), (5 * MIB / 2, true, true)];
    assert_eq!(answers, expected);
    assert_eq!(rest.content("x").await, rest.content("large").await);
}

#[tokio::test]
async fn a_token_goes_on_with_the_rewrite_that_it_is_of() {
    let (rest, path) = with_large().await;
    let begun = rest.ok(Method::POST, &path, json!({})).await;
    let token = begun["rewriteToken"].as_str().unwrap();
    let elsewhere = path.replace("/o/x?", "/o/y?");
    let invalid = (400, "invalid".to_owned());
    for path in [
        format!("{elsewhere}&rewriteToken={token}"),
        format!("{path}&rewriteToken={}", token.to_ascii_uppercase()),
        format!("{path}&rewriteToken="),
        format!("{path}&rewriteToken={}", &token[1..]),
    ] {
        assert_eq!(rest.refused(Method::POST, &path, json!({})).await, invalid, "{path}");
    }
    rest.upload("large", "another").await;
    let path = format!("{path}&rewriteToken={token}");
    let changed = rest.refused(Method::POST, &path, json!({})).await;
    assert_eq!(changed, invalid, "the source is another version");
    assert_eq!(rest.call(Method::GET, "b/bbb/o/x", Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_first_call_of_a_rewrite_is_refused_if_the_last_would_be() {
    let (rest, path) = with_large().await;
    rest.upload("x", "1").await;
    for condition in [
        "ifGenerationMatch=0",
        "ifMetagenerationMatch=2",
        "ifSourceGenerationMatch=1",
        "ifSourceMetagenerationMatch=2",
    ] {
        let refused = rest.refused(Method::POST, &format!("{path}&{condition}"), json!({})).await;
        assert_eq!(refused, unmet(), "{condition}");
    }
    let begun = rest.ok(Method::POST, &format!("{path}&ifMetagenerationMatch=1"), json!({})).await;
    rest.ok(Method::PATCH, "b/bbb/o/x", json!({"contentType": "text/x"})).await;
    let token = begun["rewriteToken"].as_str().unwrap();
    let path = format!("{path}&ifMetagenerationMatch=1&rewriteToken={token}");
    assert_eq!(rest.refused(Method::POST, &path, json!({})).await, unmet(), "nor a later one");
}

#[tokio::test]
async fn a_move_leaves_nothing_behind_under_the_name_before() {
    let (rest, _) = with_objects(&[("a", "1"), ("c", "2")]).await;
    let patched = rest.ok(Method::PATCH, "b/bbb/o/a", json!({"metadata": {"k": "v"}})).await;
    for (path, expected) in [
        ("b/bbb/o/a/moveTo/o/c?ifGenerationMatch=0", 412),
        ("b/bbb/o/a/moveTo/o/x?ifSourceMetagenerationMatch=1", 412),
        ("b/bbb/o/a/moveTo/o/a", 400),
        ("b/bbb/o/missing/moveTo/o/x", 404),
    ] {
        assert_eq!(rest.refused(Method::POST, path, Value::Null).await.0, expected, "{path}");
    }
    let moved = rest.ok(Method::POST, "b/bbb/o/a/moveTo/o/x", Value::Null).await;
    assert_eq!((&moved["name"], &moved["metadata"]), (&json!("x"), &patched["metadata"]));
    assert_ne!(moved["generation"], patched["generation"]);
    assert_eq!(rest.content("x").await, "1");
    assert_eq!(rest.call(Method::GET, "b/bbb/o/a", Value::Null).await.status, 404);
}
