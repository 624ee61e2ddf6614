//! Secrets: asked for once in a while, checked, and never told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gcp::Api;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::secret::Secret;
use crate::{SECRET_AGE_MAX, Unsent, Vault};

use super::Still;

fn answer(name: &str, version: &str, value: &[u8]) -> Value {
    json!({
        "name": format!("projects/123/secrets/{name}/versions/{version}"),
        "payload": {
            "data": STANDARD.encode(value),
            "dataCrc32c": crc32c::crc32c(value).to_string(),
        },
    })
}

/// A Secret Manager that answers so, and counts.
async fn service(status: u16, body: Value) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = tcp.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let at = counted.fetch_add(1, Ordering::SeqCst);
            let path = request.split(' ').nth(1).unwrap();
            assert!(path.starts_with("/v1/projects/") && path.ends_with(":access"), "{request}");
            assert!(!request.contains("authorization"), "{request}");
            let body = body.to_string().replace("{{at}}", &at.to_string());
            let said = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            tcp.write_all(said.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn vault(url: &str, project: Option<&str>) -> (Vault, Arc<Still>) {
    let clock = Still::new();
    let api = Api::machine(clock.clone(), clock.clone());
    (Vault::over(api, url, project.map(str::to_owned), clock.clone()), clock)
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

#[tokio::test]
async fn a_value_is_asked_for_again_when_it_is_old() {
    let (url, asked) = service(200, answer("ops", "7", b"hunter2")).await;
    let (vault, clock) = vault(&url, Some("acme"));
    for _ in 0..3 {
        assert_eq!(vault.value(&secret("ops")).await, Ok("hunter2".to_owned()));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    clock.advance(SECRET_AGE_MAX);
    assert_eq!(vault.value(&secret("ops")).await, Ok("hunter2".to_owned()));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // Another version is another value.
    assert!(vault.value(&secret("projects/acme/secrets/ops/versions/7")).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(format!("{vault:?}"), "Vault(…)");
}

#[tokio::test]
async fn no_more_than_so_many_values_are_kept() {
    let (url, asked) = service(200, answer("ops", "1", b"x")).await;
    let (vault, _) = vault(&url, None);
    let of = |at: usize| secret(&format!("projects/p{at}/secrets/ops"));
    for at in 0..70 {
        assert!(vault.value(&of(at)).await.is_ok());
    }
    assert!(vault.value(&of(69)).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 70);
    for at in 0..70 {
        assert!(vault.value(&of(at)).await.is_ok());
    }
    assert!(asked.load(Ordering::SeqCst) > 75);
}

#[tokio::test]
async fn what_is_refused_says_what_to_do_and_nothing_of_a_value() {
    let (url, _) = service(200, answer("ops", "7", b"hunter2")).await;
    let unnamed = "no project is named: name it in full, or set GOOGLE_CLOUD_PROJECT";
    let found = vault(&url, None).0.value(&secret("ops")).await;
    assert_eq!(found, Err(Unsent::lasting(unnamed)));
    let found = vault(&url, Some("../x")).0.value(&secret("ops")).await;
    assert_eq!(found, Err(Unsent::lasting(unnamed)));
    for (status, expected) in [
        (403, "it takes roles/secretmanager.secretAccessor on projects/acme/secrets/ops"),
        (404, "there is no such version of projects/acme/secrets/ops"),
        (400, "Secret Manager answers 400 to projects/acme/secrets/ops"),
    ] {
        let (url, _) = service(status, json!({"error": {"message": "hunter2"}})).await;
        let found = vault(&url, Some("acme")).0.value(&secret("ops")).await;
        assert_eq!(found, Err(Unsent::lasting(expected)));
    }
    let (url, _) = service(503, json!("hunter2")).await;
    let found = vault(&url, Some("acme")).0.value(&secret("ops")).await.unwrap_err();
    assert!(found.passes && !found.reason.contains("hunter2"), "{found}");
}

#[test]
fn an_answer_is_believed_when_it_is_about_the_secret_and_whole() {
    let (seven, latest) = (secret("projects/p/secrets/ops/versions/7"), secret("ops"));
    let good = answer("ops", "7", b"hunter2");
    assert_eq!(seven.read(&good), Ok(("hunter2".to_owned(), "7".to_owned())));
    let with = |pointer: &str, value: Value| {
        let mut answer = good.clone();
        *answer.pointer_mut(pointer).unwrap() = value;
        answer
    };
    let large = answer("ops", "7", &vec![b'x'; 64 * 1024 + 1]);
    for (answer, expected) in [
        (json!({}), "is about another secret"),
        (json!(null), "is about another secret"),
        (answer("other", "7", b"x"), "is about another secret"),
        (answer("ops", "8", b"x"), "is about another secret"),
        (answer("ops", "latest", b"x"), "is about another secret"),
        (with("/payload/data", json!(7)), "has no value"),
        (with("/payload/data", json!("!")), "has a value that is no base64"),
        (with("/payload/data", json!("")), "has another checksum than its value"),
        (with("/payload/dataCrc32c", json!(null)), "has another checksum than its value"),
        (answer("ops", "7", b"\xff"), "has a value that is no text"),
        (answer("ops", "7", b"a\0b"), "has a value that no variable can have"),
        (large, "has a value that is longer than there can be"),
    ] {
        assert_eq!(seven.read(&answer), Err(expected), "{answer:.100}");
    }
    assert!(latest.read(&answer("ops", "12", b"x")).is_ok());
}
