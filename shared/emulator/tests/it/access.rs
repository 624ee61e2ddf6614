//! A policy that requests are held to.

use std::sync::{Arc, Mutex};

use axum::http::Method;
use bytes::Bytes;
use emulator::{Asked, Policy, Target, Upload};
use serde_json::{Value, json};

use crate::client::{Answer, Rest};

/// Everybody whose token is the word `token-of-` and a name; these may do what is listed: who,
/// which permission, and what the name or the prefix begins with.
struct Listed {
    grants: &'static [(&'static str, &'static str, &'static str)],
    /// What was refused, by its permission and name.
    refused: Mutex<Vec<String>>,
}

impl Policy for Listed {
    fn principal(&self, token: &str) -> Option<String> {
        token.strip_prefix("token-of-").map(str::to_owned)
    }

    fn allows(&self, asked: &Asked<'_>) -> bool {
        assert_eq!(asked.bucket, "bbb");
        let text = match asked.target {
            Target::Object(name) => name,
            Target::Listing(prefix) => prefix,
            Target::Bucket => "",
        };
        self.grants.iter().any(|(who, permission, begins)| {
            asked.principal == *who
                && asked.permission == format!("storage.{permission}")
                && text.starts_with(begins)
        })
    }

    fn refused(&self, asked: &Asked<'_>) {
        self.refused.lock().unwrap().push(format!("{} {:?}", asked.permission, asked.target));
    }
}

const GRANTS: &[(&str, &str, &str)] = &[
    ("reader", "objects.get", "in/"),
    ("lister", "objects.get", "in/"),
    ("lister", "objects.list", ""),
    ("narrow", "objects.list", "in/"),
    ("appender", "objects.create", "out/"),
    ("writer", "objects.create", "out/"),
    ("writer", "objects.delete", "out/"),
    ("copier", "objects.get", "in/"),
    ("copier", "objects.create", "out/"),
    ("editor", "objects.update", "in/"),
    ("editor", "objects.list", ""),
    ("mover", "objects.move", "in/"),
    ("mover", "objects.create", "out/"),
    ("owner", "buckets.get", ""),
];

/// The objects `in/a` and `out/a`, under [`GRANTS`].
async fn held() -> Rest {
    let rest = Rest::with_bucket(json!({"versioning": {"enabled": true}})).await;
    for name in ["in/a", "out/a"] {
        rest.upload(name, "1").await;
    }
    rest.emulator.enforce(policy());
    rest
}

fn policy() -> Arc<Listed> {
    Arc::new(Listed { grants: GRANTS, refused: Mutex::default() })
}

impl Rest {
    async fn by(&self, who: &str, method: Method, path: &str, body: Value) -> Answer {
        let token = format!("Bearer token-of-{who}");
        let headers = [("authorization", &*token), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, body).await
    }

    /// The statuses of the same call by each.
    async fn statuses(&self, method: &Method, path: &str, who: &[&str]) -> Vec<u16> {
        let mut statuses = Vec::new();
        for who in who {
            statuses.push(self.by(who, method.clone(), path, Value::Null).await.status);
        }
        statuses
    }
}

#[tokio::test]
async fn reads_take_get_and_what_is_missing_shows_to_those_who_list_alone() {
    let rest = held().await;
    let who = ["reader", "lister", "writer"];
    for alt in ["json", "media"] {
        let path = format!("b/bbb/o/in%2Fa?alt={alt}");
        assert_eq!(rest.statuses(&Method::GET, &path, &who).await, [200, 200, 403], "{alt}");
        let path = format!("b/bbb/o/in%2Fmissing?alt={alt}");
        assert_eq!(rest.statuses(&Method::GET, &path, &who).await, [403, 404, 403], "{alt}");
        let path = format!("b/bbb/o/out%2Fa?alt={alt}");
        assert_eq!(rest.statuses(&Method::GET, &path, &who).await, [403, 403, 403], "{alt}");
    }
    let path = "/download/storage/v1/b/bbb/o/in%2Fa";
    assert_eq!(rest.statuses(&Method::GET, path, &who).await, [200, 200, 403]);
}

#[tokio::test]
async fn a_refusal_says_who_lacks_what_in_the_words_of_the_service() {
    let rest = held().await;
    let answer = rest.by("reader", Method::GET, "b/bbb/o/out%2Fa", Value::Null).await;
    let message = "reader does not have storage.objects.get access to the Google Cloud Storage \
                   object. Permission 'storage.objects.get' denied on resource (or it may not exist).";
    let error = json!({"message": message, "domain": "global", "reason": "forbidden"});
    let expected = json!({"error": {"code": 403, "message": message, "errors": [error]}});
    assert_eq!(answer.json(), expected);
    let answer = rest.by("reader", Method::GET, "b/bbb/o/in%2Fmissing", Value::Null).await;
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("reader does not have storage.objects.list access"), "{message}");
}

#[tokio::test]
async fn nobody_and_whoever_shows_a_strange_token_are_asked_for_another() {
    let rest = held().await;
    let anonymous = rest.call(Method::GET, "b/bbb/o/in%2Fa", Value::Null).await;
    assert_eq!(anonymous.error(), (401, "required".to_owned()));
    for token in ["Bearer nobody's", "Basic eDp5", "token-of-lister"] {
        let headers = [("authorization", token)];
        let answer = rest.send(Method::GET, "b/bbb/o/in%2Fa", &headers, "").await;
        assert_eq!(answer.error(), (401, "authError".to_owned()), "{token}");
    }
}

#[tokio::test]
async fn a_listing_takes_list_on_its_prefix() {
    let rest = held().await;
    let who = ["lister", "narrow", "reader"];
    for (prefix, statuses) in
        [("", [200, 403, 403]), ("in/", [200, 200, 403]), ("in%2Fa", [200, 200, 403])]
    {
        let path = format!("b/bbb/o?prefix={prefix}");
        assert_eq!(rest.statuses(&Method::GET, &path, &who).await, statuses, "{prefix}");
        let path = format!("b/bbb/o?versions=true&prefix={prefix}");
        assert_eq!(rest.statuses(&Method::GET, &path, &who).await, statuses, "{prefix}");
    }
}

#[tokio::test]
async fn to_overwrite_is_to_delete_whatever_the_precondition() {
    let who = ["reader", "appender", "writer"];
    for kind in ["media", "resumable"] {
        let rest = held().await;
        for (name, query, statuses) in [
            ("out/new-1", "", [403, 200, 200]),
            ("out/new-2", "&ifGenerationMatch=0", [403, 200, 412]),
            ("out/a", "", [403, 403, 200]),
            ("out/a", "&ifGenerationMatch=0", [403, 403, 412]),
            ("out/a", "&ifGenerationMatch=17", [403, 403, 412]),
            ("in/a", "", [403, 403, 403]),
        ] {
            // A session that is opened does not make an object.
            let made = kind == "media";
            let path = format!("/upload/storage/v1/b/bbb/o?uploadType={kind}&name={name}{query}");
            let found = rest.statuses(&Method::POST, &path, &who).await;
            // Who writes last finds what the one before has written.
            let statuses = match (name, made) {
                ("out/new-2", false) => [403, 200, 200],
                _ => statuses,
            };
            assert_eq!(found, statuses, "{path}");
        }
    }
}

#[tokio::test]
async fn an_upload_under_way_does_not_overwrite_what_came_meanwhile() {
    let rest = held().await;
    let path = "/upload/storage/v1/b/bbb/o?uploadType=resumable&name=out/late";
    let opened = rest.by("appender", Method::POST, path, Value::Null).await;
    let session = opened.header("location").unwrap();
    let memory = rest.emulator.create_bucket("bbb").unwrap();
    memory.insert("out/late", Bytes::from("theirs"), Upload::default()).unwrap();
    let session = session.split_once("127.0.0.1").unwrap().1.split_once('/').unwrap().1;
    let filled = rest.send(Method::PUT, &format!("/{session}"), &[], "mine").await;
    assert_eq!(filled.status, 412);
    assert_eq!(memory.objects()["out/late"].body, "theirs");
}

#[tokio::test]
async fn deletes_and_edits_take_their_own() {
    let rest = held().await;
    let who = ["lister", "appender", "writer"];
    let path = "b/bbb/o/out%2Fa";
    assert_eq!(rest.statuses(&Method::DELETE, path, &who).await, [403, 403, 204]);
    // She may not list.
    assert_eq!(rest.statuses(&Method::DELETE, path, &who).await, [403, 403, 403]);
    for method in [Method::PATCH, Method::PUT] {
        let who = ["reader", "editor"];
        assert_eq!(rest.statuses(&method, "b/bbb/o/in%2Fa", &who).await, [403, 200]);
        assert_eq!(rest.statuses(&method, "b/bbb/o/in%2Fmissing", &who).await, [403, 404]);
        assert_eq!(rest.statuses(&method, "b/bbb/o/out%2Fa", &who).await, [403, 403]);
    }
}

#[tokio::test]
async fn copies_take_the_source_and_the_destination() {
    let rest = held().await;
    let compose = |source: &str| json!({"sourceObjects": [{"name": source}]});
    for (source, to, status) in [
        ("in/a", "out/x", 200),
        // It is there by now, and a copier may not delete.
        ("in/a", "out/x", 403),
        ("in/a", "in/x", 403),
        ("out/a", "out/y", 403),
        ("in/missing", "out/y", 403),
    ] {
        let [from, into] = [source, to].map(|it| it.replace('/', "%2F"));
        for call in ["rewriteTo", "copyTo"] {
            let into = if status == 200 { format!("{into}-{call}") } else { into.clone() };
            let into = if to == "out/x" && status == 403 { "out%2Fa".to_owned() } else { into };
            let path = format!("b/bbb/o/{from}/{call}/b/bbb/o/{into}");
            let answer = rest.by("copier", Method::POST, &path, Value::Null).await;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
        }
        let path = format!("b/bbb/o/{into}/compose");
        let answer = rest.by("copier", Method::POST, &path, compose(source)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    let moved = |to: &str| format!("b/bbb/o/in%2Fa/moveTo/o/{to}");
    let who = ["copier", "mover"];
    assert_eq!(rest.statuses(&Method::POST, &moved("out%2Fa"), &who).await, [403, 403]);
    assert_eq!(rest.statuses(&Method::POST, &moved("out%2Fz"), &who).await, [403, 200]);
}

#[tokio::test]
async fn calls_about_buckets_are_held_to_it_too() {
    let rest = held().await;
    let who = ["writer", "owner"];
    for path in ["b/bbb", "b/bbb/storageLayout", "b/bbb/notificationConfigs"] {
        assert_eq!(rest.statuses(&Method::GET, path, &who).await, [403, 200], "{path}");
    }
    for (method, path) in
        [(Method::DELETE, "b/bbb"), (Method::GET, "b/bbb/iam"), (Method::PATCH, "b/bbb")]
    {
        assert_eq!(rest.statuses(&method, path, &who).await, [403, 403], "{method} {path}");
    }
    let asked = "b/bbb/iam/testPermissions?permissions=storage.buckets.get\
                 &permissions=storage.buckets.delete";
    let answer = rest.by("owner", Method::GET, asked, Value::Null).await;
    assert_eq!(answer.json()["permissions"], json!(["storage.buckets.get"]));
}

#[tokio::test]
async fn a_policy_is_told_what_was_refused_and_not_what_was_not_needed() {
    let rest = held().await;
    let policy = policy();
    rest.emulator.enforce(policy.clone());
    let path = "/upload/storage/v1/b/bbb/o?uploadType=media&name=out/new";
    assert_eq!(rest.statuses(&Method::POST, path, &["appender", "appender"]).await, [200, 403]);
    assert_eq!(rest.statuses(&Method::GET, "b/bbb/o/in%2Fb", &["reader"]).await, [403]);
    let expected =
        ["storage.objects.delete Object(\"out/new\")", "storage.objects.list Listing(\"\")"];
    assert_eq!(*policy.refused.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_batch_lends_its_token_to_calls_without_one() {
    let rest = held().await;
    let part = |headers: &str| {
        format!(
            "--b\nContent-Type: application/http\n\nGET /storage/v1/b/bbb/o/in%2Fa\n{headers}\n"
        )
    };
    let own = "Authorization: Bearer token-of-writer\n";
    let body = format!("{}{}--b--\n", part(""), part(own));
    let headers = [
        ("authorization", "Bearer token-of-reader"),
        ("content-type", "multipart/mixed; boundary=b"),
    ];
    let answer = rest.send(Method::POST, "/batch/storage/v1", &headers, body).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("HTTP/1.1 "));
    assert_eq!(lines.collect::<Vec<_>>(), ["HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden"]);
}

#[tokio::test]
async fn who_holds_the_emulator_is_asked_for_nothing() {
    let rest = held().await;
    let memory = rest.emulator.create_bucket("bbb").unwrap();
    memory.insert("in/b", Bytes::from("1"), Upload::default()).unwrap();
    assert_eq!(memory.objects().len(), 3);
}
