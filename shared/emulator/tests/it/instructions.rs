//! Every instruction, as a client that does nothing by itself sees it.

use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use emulator::{Emulator, InstructionError, Options, Upload};
use expect_test::expect;

use crate::client::{Answer, send};

const INSERT: &str = "storage.objects.insert";
const GET: &str = "storage.objects.get";
const DELETE: &str = "storage.objects.delete";

/// The content that is written: 2 KiB.
const BODY: &[u8] = &[b'x'; 2048];

/// How long to wait before looking whether a silent request has had its effect, and how often.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 500;

async fn start() -> Emulator {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    emulator.create_bucket("b").unwrap();
    emulator
}

async fn call(emulator: &Emulator, method: &str) -> Result<Answer, String> {
    let url = emulator.url();
    let object = format!("{url}/storage/v1/b/b/o/a");
    match method {
        INSERT => {
            let url = format!("{url}/upload/storage/v1/b/b/o?uploadType=media&name=a");
            send(Method::POST, &url, &[], BODY).await
        }
        GET => send(Method::GET, &format!("{object}?alt=media"), &[], "").await,
        _ => send(Method::DELETE, &object, &[], "").await,
    }
}

/// How a call ends, in a word or two.
async fn end(emulator: &Emulator, method: &str) -> String {
    let answer = match call(emulator, method).await {
        Err(err) if err.starts_with("no answer") => return "no answer".to_owned(),
        Err(_) => return "half an answer".to_owned(),
        Ok(answer) => answer,
    };
    let text = String::from_utf8_lossy(&answer.body);
    let stored = emulator.create_bucket("b").unwrap().versions_of("a");
    let checksum = stored.first().map_or("none", |stored| stored.crc32c.as_str());
    let header = |name| answer.header(name).unwrap_or("");
    let differs = match (answer.status, method) {
        _ if header("content-type").starts_with("text/html") => " page",
        (200, GET) if answer.body != BODY => " other content",
        (200, GET) if !header("x-goog-hash").contains(checksum) => " other checksum",
        (200, INSERT) if !text.starts_with('{') => " other content",
        (200, INSERT) if !text.contains(checksum) => " other checksum",
        _ => "",
    };
    let more = [header("location"), header("retry-after")].concat();
    format!("{}{differs} {more}", answer.status).trim().to_owned()
}

/// What `method` does under `instruction`, on a bucket where "a" is, or is not before an insert.
async fn row(method: &str, instruction: &str) -> String {
    let emulator = start().await;
    let memory = emulator.create_bucket("b").unwrap();
    if method != INSERT {
        memory.insert("a", Bytes::from_static(BODY), Upload::default()).unwrap();
    }
    let is_there = || memory.objects().contains_key("a");
    let before = is_there();
    let instructions = emulator.instruct(method, &[instruction]).unwrap();
    let silence = async {
        for _ in 0..LOOKS_MAX {
            tokio::time::sleep(LOOK).await;
            let acts = method == DELETE || method == INSERT && instruction.starts_with("commit");
            if instructions.is_consumed() && (!acts || is_there() != before) {
                return "silence".to_owned();
            }
        }
        "silence and no effect".to_owned()
    };
    let end = match instruction.contains("stall-for-60s") || instruction.contains("then-stall") {
        false => end(&emulator, method).await,
        // An answer would come at once.
        true => tokio::select! { end = end(&emulator, method) => end, end = silence => end },
    };
    let there = if is_there() { "there" } else { "not there" };
    let consumed = if instructions.is_consumed() { "" } else { ", waits" };
    let method = method.rsplit('.').next().unwrap();
    format!("{method:6} {instruction:45} {end}, {there}{consumed}\n")
}

async fn table(method: &str, instructions: &[&str]) -> String {
    let mut table = String::new();
    for instruction in instructions {
        table.push_str(&row(method, instruction).await);
    }
    table
}

const ANY: [&str; 21] = [
    "return-400",
    "return-304",
    "return-503",
    "return-429-retry-after-3s",
    "return-reset-connection",
    "return-broken-stream",
    "return-corrupted-data",
    "stall-for-0s-after-0K",
    "stall-for-60s-after-0K",
    "stall-for-60s-after-1K",
    "commit-then-reset-connection",
    "commit-then-break-head",
    "commit-then-break-body",
    "commit-then-stall-head",
    "commit-then-stall-body",
    "reset-connection-then-commit",
    "wrong-checksum",
    "redirect-307",
    "redirect-301-to-http://127.0.0.1:1/x",
    "html-200",
    "slow-head-0ms",
];

#[tokio::test]
async fn what_each_instruction_does_to_an_insert() {
    let uploads = [
        "return-503-after-0K",
        "return-503-after-2K",
        "return-503-after-256K",
        "return-broken-stream-final-chunk-after-10B",
        "return-broken-stream-final-chunk-after-99999B",
    ];
    expect![[r#"
        insert return-400                                    400, not there
        insert return-304                                    304, not there
        insert return-503                                    503, not there
        insert return-429-retry-after-3s                     429 3, not there
        insert return-reset-connection                       no answer, not there
        insert return-broken-stream                          half an answer, there
        insert return-corrupted-data                         200 other content, there
        insert stall-for-0s-after-0K                         200, there
        insert stall-for-60s-after-0K                        silence, not there
        insert stall-for-60s-after-1K                        silence, not there
        insert commit-then-reset-connection                  no answer, there
        insert commit-then-break-head                        no answer, there
        insert commit-then-break-body                        half an answer, there
        insert commit-then-stall-head                        silence, there
        insert commit-then-stall-body                        silence, there
        insert reset-connection-then-commit                  no answer, not there
        insert wrong-checksum                                200 other checksum, there
        insert redirect-307                                  307 /upload/storage/v1/b/b/o?uploadType=media&name=a, not there
        insert redirect-301-to-http://127.0.0.1:1/x          301 http://127.0.0.1:1/x, not there
        insert html-200                                      200 page, not there
        insert slow-head-0ms                                 200, there
        insert return-503-after-0K                           503, not there
        insert return-503-after-2K                           503, not there
        insert return-503-after-256K                         200, there, waits
        insert return-broken-stream-final-chunk-after-10B    half an answer, there
        insert return-broken-stream-final-chunk-after-99999B 200, there, waits
    "#]].assert_eq(&table(INSERT, &[&ANY[..], &uploads].concat()).await);
}

#[tokio::test]
async fn what_each_instruction_does_to_a_read() {
    let downloads = ["return-broken-stream-after-1K", "return-broken-stream-after-256K"];
    expect![[r#"
        get    return-400                                    400, there
        get    return-304                                    304, there
        get    return-503                                    503, there
        get    return-429-retry-after-3s                     429 3, there
        get    return-reset-connection                       no answer, there
        get    return-broken-stream                          half an answer, there
        get    return-corrupted-data                         200 other content, there
        get    stall-for-0s-after-0K                         200, there
        get    stall-for-60s-after-0K                        silence, there
        get    stall-for-60s-after-1K                        silence, there
        get    commit-then-reset-connection                  no answer, there
        get    commit-then-break-head                        no answer, there
        get    commit-then-break-body                        half an answer, there
        get    commit-then-stall-head                        silence, there
        get    commit-then-stall-body                        silence, there
        get    reset-connection-then-commit                  no answer, there
        get    wrong-checksum                                200 other checksum, there
        get    redirect-307                                  307 /storage/v1/b/b/o/a?alt=media, there
        get    redirect-301-to-http://127.0.0.1:1/x          301 http://127.0.0.1:1/x, there
        get    html-200                                      200 page, there
        get    slow-head-0ms                                 200, there
        get    return-broken-stream-after-1K                 half an answer, there
        get    return-broken-stream-after-256K               200, there, waits
    "#]].assert_eq(&table(GET, &[&ANY[..], &downloads].concat()).await);
}

#[tokio::test]
async fn what_each_instruction_does_to_a_delete() {
    expect![[r#"
        delete return-400                                    400, there
        delete return-304                                    304, there
        delete return-503                                    503, there
        delete return-429-retry-after-3s                     429 3, there
        delete return-reset-connection                       no answer, there
        delete return-broken-stream                          no answer, not there
        delete return-corrupted-data                         204, not there, waits
        delete stall-for-0s-after-0K                         204, not there
        delete stall-for-60s-after-0K                        silence, not there
        delete stall-for-60s-after-1K                        204, not there, waits
        delete commit-then-reset-connection                  no answer, not there
        delete commit-then-break-head                        no answer, not there
        delete commit-then-break-body                        no answer, not there
        delete commit-then-stall-head                        silence, not there
        delete commit-then-stall-body                        silence, not there
        delete reset-connection-then-commit                  no answer, there
        delete wrong-checksum                                204, not there, waits
        delete redirect-307                                  307 /storage/v1/b/b/o/a, there
        delete redirect-301-to-http://127.0.0.1:1/x          301 http://127.0.0.1:1/x, there
        delete html-200                                      200 page, there
        delete slow-head-0ms                                 204, not there
    "#]]
    .assert_eq(&table(DELETE, &ANY).await);
}

#[tokio::test]
async fn instructions_happen_in_order_to_their_method_only_and_while_they_are_kept() {
    let emulator = start().await;
    let instructions = emulator.instruct(INSERT, &["return-503", "return-400"]).unwrap();
    assert_eq!(end(&emulator, GET).await, "404");
    assert_eq!(end(&emulator, INSERT).await, "503");
    assert!(!instructions.is_consumed());
    assert_eq!(end(&emulator, INSERT).await, "400");
    assert!(instructions.is_consumed());
    assert_eq!(end(&emulator, INSERT).await, "200");
    let more = emulator.instruct(INSERT, &["return-503", "return-503"]).unwrap();
    assert_eq!(end(&emulator, INSERT).await, "503");
    assert_eq!(more.left(), 1);
    drop(more);
    assert_eq!(end(&emulator, INSERT).await, "200");
}

#[tokio::test]
async fn what_does_not_fit_a_request_waits_for_the_next() {
    let emulator = start().await;
    let instructions = emulator.instruct(GET, &["return-broken-stream-after-1K"]).unwrap();
    assert_eq!(end(&emulator, GET).await, "404");
    assert_eq!(instructions.left(), 1);
    assert_eq!(end(&emulator, INSERT).await, "200");
    assert_eq!(end(&emulator, GET).await, "half an answer");
    assert!(instructions.is_consumed());
}

#[tokio::test]
async fn a_late_request_is_carried_out_after_the_next_one() {
    let emulator = start().await;
    let memory = emulator.create_bucket("b").unwrap();
    let _late = emulator.instruct(INSERT, &["reset-connection-then-commit"]).unwrap();
    assert_eq!(end(&emulator, INSERT).await, "no answer");
    assert_eq!(memory.versions_of("a").len(), 0);
    assert_eq!(end(&emulator, GET).await, "404", "the next one comes first");
    assert_eq!(memory.versions_of("a").len(), 1);
    assert_eq!(end(&emulator, GET).await, "200");
    assert_eq!(memory.versions_of("a").len(), 1, "it is carried out once");
}

#[tokio::test]
async fn what_is_no_instruction_is_refused() {
    let emulator = start().await;
    for text in [
        "",
        "return",
        "return-",
        "return-99",
        "return-200",
        "return-600",
        "return-+503",
        "return-503-",
        "return-503-after-K",
        "return-503-after-1",
        "return-503-after--1K",
        "return-503-after-99999999999999999999K",
        "return-503-retry-after-99999s",
        "return-broken-streams",
        "return-broken-stream-after-1B",
        "stall-always",
        "stall-for-1s",
        "stall-for-3601s-after-0K",
        "redirect-200",
        "redirect-301-to-",
        "redirect-301-to-nowhere",
        "redirect-301-to-http://\n",
        "html-100",
        "html-20000",
        "html-200-x",
        "slow-head-5s",
        "RETURN-503",
        "return-503\u{0}",
        "rückgabe-503",
    ] {
        let refused = emulator.instruct(GET, &[text]).expect_err(text);
        assert_eq!(refused, InstructionError::Instruction(text.to_owned()), "{text:?}");
    }
    let refused = emulator.instruct(GET, &["return-503", "nonsense"]).unwrap_err();
    assert!(refused.to_string().starts_with(r#"instruction "nonsense" is none of: return-S, "#));
    assert_eq!(end(&emulator, GET).await, "404", "all of a set or nothing");
    for method in ["", "storage.objects", "storage.objects.gets", "objects.get"] {
        let refused = emulator.instruct(method, &["return-503"]).unwrap_err();
        assert!(refused.to_string().contains("storage.objects.get, "), "{refused}");
    }
    let unfit = [
        (GET, "return-503-after-0K"),
        (INSERT, "return-broken-stream-after-1K"),
        (DELETE, "return-broken-stream-final-chunk-after-1B"),
    ];
    for (method, text) in unfit {
        let refused = emulator.instruct(method, &[text]).unwrap_err();
        assert_eq!(refused.to_string(), format!("instruction {text:?} cannot happen to {method}"));
    }
    let refused = emulator.instruct(GET, &vec!["return-503"; 1001]).unwrap_err();
    assert_eq!(refused, InstructionError::TooMany);
    assert_eq!(emulator.instruct(GET, &[""; 0]).unwrap_err(), InstructionError::None);
}

#[tokio::test]
async fn every_method_is_told_by_verb_and_path() {
    let emulator = start().await;
    let requests = [
        ("storage.objects.list", "GET", "/storage/v1/b/b/o"),
        ("storage.objects.list", "GET", "/b/b/o?prefix=a"),
        (INSERT, "POST", "/upload/storage/v1/b/b/o"),
        (INSERT, "POST", "/resumable/upload/storage/v1/b/b/o"),
        (INSERT, "PUT", "/upload/storage/v1/b/b/o?upload_id=1"),
        (GET, "GET", "/storage/v1/b/b/o/a%2Fb"),
        (GET, "GET", "/download/storage/v1/b/b/o/a?alt=media"),
        (GET, "GET", "/b/b/o/a"),
        (DELETE, "DELETE", "/storage/v1/b/b/o/a"),
        ("storage.objects.patch", "PATCH", "/storage/v1/b/b/o/a"),
        ("storage.objects.update", "PUT", "/storage/v1/b/b/o/a"),
        ("storage.objects.compose", "POST", "/storage/v1/b/b/o/a/compose"),
        ("storage.objects.copy", "POST", "/storage/v1/b/b/o/a/copyTo/b/b/o/c"),
        ("storage.objects.rewrite", "POST", "/storage/v1/b/b/o/a/rewriteTo/b/b/o/c"),
        ("storage.objects.move", "POST", "/storage/v1/b/b/o/a/moveTo/o/c"),
        ("storage.buckets.insert", "POST", "/storage/v1/b?project=p"),
        ("storage.buckets.list", "GET", "/storage/v1/b"),
        ("storage.buckets.get", "GET", "/b/b"),
        ("storage.buckets.patch", "PATCH", "/storage/v1/b/b"),
        ("storage.buckets.update", "PUT", "/storage/v1/b/b"),
        ("storage.buckets.delete", "DELETE", "/storage/v1/b/b"),
        ("storage.buckets.getIamPolicy", "GET", "/storage/v1/b/b/iam"),
        ("storage.buckets.setIamPolicy", "PUT", "/storage/v1/b/b/iam"),
        ("storage.buckets.testIamPermissions", "GET", "/storage/v1/b/b/iam/testPermissions"),
        ("storage.buckets.getStorageLayout", "GET", "/storage/v1/b/b/storageLayout"),
        ("storage.buckets.lockRetentionPolicy", "POST", "/storage/v1/b/b/lockRetentionPolicy"),
        ("storage.notifications.insert", "POST", "/storage/v1/b/b/notificationConfigs"),
        ("storage.notifications.list", "GET", "/storage/v1/b/b/notificationConfigs"),
        ("storage.notifications.get", "GET", "/storage/v1/b/b/notificationConfigs/1"),
        ("storage.notifications.delete", "DELETE", "/storage/v1/b/b/notificationConfigs/1"),
        ("storage.serviceaccount.get", "GET", "/storage/v1/projects/p/serviceAccount"),
    ];
    for (method, verb, path) in requests {
        let instructions = emulator.instruct(method, &["return-418"]).unwrap();
        let url = format!("{}{path}", emulator.url());
        let verb = verb.parse::<Method>().unwrap();
        assert_eq!(send(verb, &url, &[], "").await.unwrap().status, 418, "{method} {path}");
        assert!(instructions.is_consumed());
    }
}
