//! Batches of calls, as a client sees them.

use axum::http::Method;
use bytes::Bytes;
use emulator::{Chance, Upload};
use expect_test::expect;
use store::Operations;

use crate::client::{Answer, send};
use crate::uploads::{Uploads, mutated, uploads};

const KIND: &str = "multipart/mixed; boundary=\"===b\"";

async fn batch(uploads: &Uploads, kind: &str, body: impl Into<Bytes>) -> Answer {
    let url = format!("{}/batch/storage/v1", uploads.emulator.url());
    let body: Bytes = body.into();
    send(Method::POST, &url, &[("content-type", kind)], body).await.unwrap()
}

/// A batch of these calls, in the lines of Python's client.
fn of(calls: &[&str]) -> String {
    let part = |call: &&str| {
        format!("--===b\nContent-Type: application/http\nMIME-Version: 1.0\n\n{call}\n")
    };
    calls.iter().map(part).chain(["--===b--\n".to_owned()]).collect()
}

/// The status of every answer, in order.
fn statuses(answer: &Answer) -> Vec<u16> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
}

async fn with(names: &[&str]) -> Uploads {
    let uploads = uploads().await;
    for name in names {
        uploads.memory.insert(name, Bytes::from("1"), Upload::default()).unwrap();
    }
    uploads
}

#[tokio::test]
async fn calls_are_made_in_order_and_answered_in_parts() {
    let uploads = with(&["a/b", "c"]).await;
    let body = "--===b\r\ncontent-type: application/http\r\ncontent-id: <x+1>\r\n\r\n\
                DELETE http://elsewhere.test/storage/v1/b/b/o/a%2Fb HTTP/1.1\r\n\
                accept: application/json\r\ncontent-length: 0\r\n\r\n\r\n\
                --===b\r\nContent-Type: application/http; charset=utf-8\r\nContent-ID: y\r\n\r\n\
                GET /storage/v1/b/b/o/c?fields=selfLink\r\nHost: there.test\r\n\r\n\r\n\
                --===b\r\nContent-Type: application/http\r\n\r\n\
                GET /storage/v1/b/b/o/a%2Fb?fields=name HTTP/1.1\r\n\r\n\r\n--===b--\r\n";
    let answer = batch(&uploads, KIND, body).await;
    assert_eq!(answer.header("content-type"), Some("multipart/mixed; boundary=batch_strata"));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    expect![[r#"
        --batch_strata
        Content-Type: application/http
        Content-ID: <response-x+1>

        HTTP/1.1 204 No Content
        content-length: 0


        --batch_strata
        Content-Type: application/http
        Content-ID: response-y

        HTTP/1.1 200 OK
        content-type: application/json; charset=UTF-8
        content-length: 51

        {"selfLink":"http://there.test/storage/v1/b/b/o/c"}
        --batch_strata
        Content-Type: application/http

        HTTP/1.1 404 Not Found
        content-type: application/json; charset=UTF-8
        content-length: 141

        {"error":{"code":404,"message":"No such object: b/a/b","errors":[{"message":"No such object: b/a/b","domain":"global","reason":"notFound"}]}}
        --batch_strata--
    "#]]
    .assert_eq(&text.replace("\r\n", "\n"));
    assert_eq!(uploads.memory.objects().into_keys().collect::<Vec<_>>(), ["c"]);
}

#[tokio::test]
async fn a_batch_has_two_paths_and_is_counted_call_by_call() {
    let uploads = with(&["a"]).await;
    let body =
        of(&["GET /storage/v1/b/b/o/a", "DELETE /storage/v1/b/b/o/a", "GET /storage/v1/b/b/o"]);
    let url = format!("{}/batch", uploads.emulator.url());
    let answer = send(Method::POST, &url, &[("content-type", KIND)], body).await.unwrap();
    assert_eq!(statuses(&answer), [200, 204, 200]);
    let expected = Operations { class_a: 1, class_b: 1, deletes: 1 };
    assert_eq!(uploads.emulator.requests(), expected);
}

#[tokio::test]
async fn content_moves_in_requests_of_its_own() {
    let uploads = with(&["a"]).await;
    let calls = [
        "POST /upload/storage/v1/b/b/o?uploadType=media&name=x HTTP/1.1\r\n\r\n1",
        "POST /resumable/upload/storage/v1/b/b/o?uploadType=resumable&name=x HTTP/1.1",
        "GET /download/storage/v1/b/b/o/a?alt=media HTTP/1.1",
        "GET /storage/v1/b/b/o/a?alt=media HTTP/1.1",
        "POST /batch/storage/v1 HTTP/1.1",
        "GET /elsewhere HTTP/1.1",
    ];
    let answer = batch(&uploads, KIND, of(&calls)).await;
    assert_eq!(statuses(&answer), [400, 400, 400, 400, 400, 404]);
    assert_eq!(uploads.memory.objects().len(), 1);
}

#[tokio::test]
async fn a_batch_has_at_most_a_hundred_calls() {
    let uploads = with(&["a"]).await;
    let most = vec!["GET /storage/v1/b/b/o/a HTTP/1.1"; 100];
    assert_eq!(statuses(&batch(&uploads, KIND, of(&most)).await), [200; 100]);
    let mut more = most;
    more.push("DELETE /storage/v1/b/b/o/a HTTP/1.1");
    let refused = batch(&uploads, KIND, of(&more)).await;
    assert_eq!(refused.error(), (400, "invalid".to_owned()));
    let large = "x".repeat(10 * 1024 * 1024 + 1);
    assert_eq!(batch(&uploads, KIND, large).await.error().0, 413);
    assert_eq!(uploads.memory.objects().len(), 1);
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_changes_nothing() {
    let uploads = with(&["a"]).await;
    let delete = "DELETE /storage/v1/b/b/o/a HTTP/1.1";
    for second in [
        "",
        "GET",
        "GET /x HTTP/2",
        "GET /x HTTP/1.1 more",
        "GET x HTTP/1.1",
        "GET http:// HTTP/1.1",
        "G\u{e9}T /x HTTP/1.1",
        "GET /x y HTTP/1.1",
        "GET /x HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /x HTTP/1.1\r\nbad name: x\r\n\r\n",
        "GET /x HTTP/1.1\r\nx: \u{1}\r\n\r\n",
        "GET /x HTTP/1.1\r\ncontent-length: 5\r\n\r\n1",
        "GET /x HTTP/1.1\r\ncontent-length: x\r\n\r\n1",
    ] {
        let refused = batch(&uploads, KIND, of(&[delete, second])).await;
        assert_eq!(refused.error(), (400, "invalid".to_owned()), "{second:?}");
    }
    let whole = of(&[delete]);
    for (kind, body) in [
        ("multipart/related; boundary=\"===b\"", whole.clone()),
        ("multipart/mixed", whole.clone()),
        ("", whole.clone()),
        (KIND, whole.replace("--===b--", "")),
        (KIND, whole.replace("application/http", "text/plain")),
        (KIND, String::new()),
    ] {
        assert_eq!(batch(&uploads, kind, body).await.error().0, 400, "{kind}");
    }
    assert_eq!(uploads.memory.objects().len(), 1);
}

#[tokio::test]
async fn no_mutation_of_a_batch_is_answered_with_more_than_a_refusal() {
    let uploads = with(&["a"]).await;
    let seed = 13;
    let chance = Chance::new(seed);
    let valid = of(&["GET /storage/v1/b/b/o/a HTTP/1.1\r\na: b\r\ncontent-length: 1\r\n\r\nx"; 2]);
    for round in 0..400 {
        let body = mutated(valid.as_bytes(), b"\r\n-=: /\xff\0%", &chance);
        let answer = batch(&uploads, KIND, body).await;
        match answer.status {
            200 => {
                let expected = [200, 400, 404, 405];
                let known = statuses(&answer).iter().all(|status| expected.contains(status));
                assert!(known, "seed {seed}, round {round}: {answer:?}");
            }
            400 => drop(answer.error()),
            other => panic!("seed {seed}, round {round}: {other}"),
        }
    }
}
