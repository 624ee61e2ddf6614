//! What registries say that do things in other ways, and those that mean no good.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::registry::{Answer, Request, serve};
use crate::image::blob::{Blob, Descriptor, media};
use crate::image::reference::Reference;
use crate::image::registry::challenge::{Challenge, challenge};
use crate::image::registry::{Keychain, Patience, Registry, Stored};

const ONCE: Patience = Patience { attempts_max: 1, pause: Duration::ZERO };
const TWICE: Patience = Patience { attempts_max: 2, ..ONCE };

fn blob() -> Blob {
    Blob::new(media::LAYER, "layer")
}

/// The registry `host`, where somebody has logged in.
fn registry(host: &str, patience: Patience) -> Registry {
    let auth = STANDARD.encode("somebody:a:secret");
    let keychain = Keychain::of(json!({"auths": {host: {"auth": auth}}}));
    Registry::of(&Reference::below(host, "r").unwrap(), keychain, patience).unwrap()
}

fn is(request: &Request, method: &str, begin: &str) -> bool {
    request.method == method && request.target.starts_with(begin)
}

/// Pushes a blob to a registry that says of an upload that it is at `place` and takes it at
/// `target` alone, from those who said who they are.
async fn check_place(place: fn(&str) -> String, target: &'static str) {
    let digest = blob().digest;
    let host = serve(move |host, request| {
        let known = request.headers.contains_key("authorization");
        Some(match request.method.as_str() {
            _ if !known => Answer::new(401).with("www-authenticate", "Basic realm=\"x\""),
            "HEAD" => Answer::new(404),
            "POST" => Answer::new(202).with("location", place(host)),
            _ if request.target == format!("{target}digest={digest}") => Answer::new(201),
            _ => Answer::json(400, &json!({"errors": [{"message": request.target}]})),
        })
    })
    .await;
    let stored = registry(&host, ONCE).put_blob("r", &blob(), None).await.unwrap();
    assert_eq!(stored, Stored::Uploaded, "{target}");
}

#[tokio::test]
async fn an_upload_is_wherever_the_registry_says() {
    check_place(|_| "/somewhere/1".to_owned(), "/somewhere/1?").await;
    check_place(|_| "/somewhere/1?a=b%2Fc".to_owned(), "/somewhere/1?a=b%2Fc&").await;
    check_place(|host| format!("http://{host}/s?a=b"), "/s?a=b&").await;
    // RFC 9110, section 10.2.2: a reference is relative to what was asked for.
    check_place(|_| "1?a=b".to_owned(), "/v2/r/blobs/uploads/1?a=b&").await;
    check_place(|_| "../1".to_owned(), "/v2/r/blobs/1?").await;
    check_place(|host| format!("//{host}/s"), "/s?").await;
    check_place(|host| format!("HTTP://{host}/s"), "/s?").await;
}

#[tokio::test]
async fn a_name_before_the_host_makes_no_loopback() {
    let host = serve(|_, request| {
        Some(match request.method.as_str() {
            "HEAD" => Answer::new(404),
            _ => Answer::new(202).with("location", "http://127.0.0.1:1@192.0.2.1:9/upload"),
        })
    })
    .await;
    let err = registry(&host, ONCE).put_blob("r", &blob(), None).await.unwrap_err().to_string();
    assert!(err.contains("without TLS"), "{err}");
    let host = serve(|_, _| {
        let realm = "Bearer realm=\"http://127.0.0.1:1@192.0.2.1:9/token\"";
        Some(Answer::new(401).with("www-authenticate", realm))
    })
    .await;
    let err = registry(&host, ONCE).head("r", "t").await.unwrap_err().to_string();
    assert!(err.contains("without TLS"), "{err}");
}

#[tokio::test]
async fn a_blob_that_lies_elsewhere_is_fetched_without_our_name() {
    let elsewhere = serve(|_, request| {
        let told = request.headers.keys().any(|it| it == "authorization" || it == "referer");
        Some(Answer { body: b"layer".to_vec(), ..Answer::new(if told { 400 } else { 200 }) })
    })
    .await;
    let host = serve(move |_, request| {
        let known = request.headers.contains_key("authorization");
        Some(match known {
            false => Answer::new(401).with("www-authenticate", "Basic realm=\"x\""),
            true => Answer::new(307).with("location", format!("http://{elsewhere}/b?signature=s")),
        })
    })
    .await;
    let fetched = registry(&host, ONCE).blob("r", &blob().descriptor()).await.unwrap();
    assert_eq!(fetched.bytes, blob().bytes);
}

#[tokio::test]
async fn what_a_url_is_signed_with_is_in_no_message() {
    let host = serve(|_, request| {
        Some(match request.method.as_str() {
            "HEAD" => Answer::new(404),
            // Nobody listens there.
            _ => Answer::new(202).with("location", "http://127.0.0.1:1/b?signature=SECRET"),
        })
    })
    .await;
    let err = registry(&host, ONCE).put_blob("r", &blob(), None).await.unwrap_err();
    let message = format!("{err:#}");
    assert!(message.contains("does not answer") && !message.contains("SECRET"), "{message}");
}

#[tokio::test]
async fn a_registry_cannot_write_to_the_terminal_what_it_likes() {
    let host = serve(|_, _| {
        let words = format!("a\u{1b}[2J\nb {}", "long ".repeat(1000));
        Some(Answer::json(400, &json!({"errors": [{"code": "X", "message": words}]})))
    })
    .await;
    let message = registry(&host, ONCE).manifest("r", "t").await.unwrap_err().to_string();
    assert!(message.contains("400 X a"), "{message}");
    assert!(message.len() < 400 && !message.contains(char::is_control), "{message:?}");
}

#[tokio::test]
async fn no_more_is_read_than_was_promised() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let host = serve(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Some(Answer { body: vec![b'a'; 5 << 20], ..Answer::new(200) })
    })
    .await;
    let registry = registry(&host, TWICE);
    let promised = Descriptor { size: 5, ..blob().descriptor() };
    let message = registry.blob("r", &promised).await.unwrap_err().to_string();
    assert!(message.contains("more than 5 bytes"), "{message}");
    let message = registry.manifest("r", "t").await.unwrap_err().to_string();
    assert!(message.contains("more than 4194304 bytes"), "{message}");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "what is too long is not asked for again");
}

/// Pushes a blob to a registry that answers the first attempt to send it with `status`.
async fn check_lost(status: u16) {
    let uploads = AtomicUsize::new(0);
    let host = serve(move |_, request| {
        Some(match request.method.as_str() {
            "HEAD" => Answer::new(404),
            "POST" => {
                let number = uploads.fetch_add(1, Ordering::SeqCst);
                Answer::new(202).with("location", format!("/upload/{number}"))
            }
            _ if request.target.starts_with("/upload/0") => {
                let error = json!({"code": "DIGEST_INVALID", "message": "half of it was there"});
                Answer::json(status, &json!({"errors": [error]}))
            }
            _ => Answer::new(201),
        })
    })
    .await;
    let stored = registry(&host, TWICE).put_blob("r", &blob(), None).await.unwrap();
    assert_eq!(stored, Stored::Uploaded, "{status}");
    let message = registry(&host, ONCE).put_blob("other", &blob(), None).await;
    // Another upload than the first one is taken at once.
    assert_eq!(message.unwrap(), Stored::Uploaded);
}

#[tokio::test]
async fn an_upload_that_the_registry_has_lost_begins_anew() {
    for status in [400, 404, 416] {
        check_lost(status).await;
    }
}

#[tokio::test]
async fn an_upload_that_is_never_taken_ends_with_the_words_of_the_registry() {
    let host = serve(|_, request| {
        Some(match request.method.as_str() {
            "HEAD" => Answer::new(404),
            "POST" => Answer::new(202).with("location", "/upload"),
            _ => Answer::json(400, &json!({"errors": [{"code": "DIGEST_INVALID"}]})),
        })
    })
    .await;
    let message = registry(&host, TWICE).put_blob("r", &blob(), None).await.unwrap_err();
    assert!(message.to_string().contains("400 DIGEST_INVALID"), "{message}");
}

#[tokio::test]
async fn a_token_that_gives_tokens_is_sent_to_nobody_else() {
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    let elsewhere = serve(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Some(Answer::json(200, &json!({"token": "t"})))
    })
    .await;
    let host = serve(move |host, request| {
        let realm = format!("Bearer realm=\"http://{host}/token\"");
        Some(match is(request, "POST", "/token") {
            true => Answer::new(307).with("location", format!("http://{elsewhere}/token")),
            false => Answer::new(401).with("www-authenticate", realm),
        })
    })
    .await;
    let keychain = Keychain::of(json!({"auths": {&host: {"identitytoken": "SECRET"}}}));
    let reference = Reference::below(&host, "r").unwrap();
    let registry = Registry::of(&reference, keychain, ONCE).unwrap();
    let message = registry.head("r", "t").await.unwrap_err().to_string();
    assert!(message.contains("gives no token: 307"), "{message}");
    assert_eq!(heard.load(Ordering::SeqCst), 0);
}

/// Distribution documentation, "Token Authentication Specification", OAuth 2: scopes of a form lie
/// between blanks, where those of a query are several parameters.
#[tokio::test]
async fn an_identity_token_gives_a_token_for_all_repositories_of_a_mount() {
    let host = serve(|host, request| {
        let realm = format!("Bearer realm=\"http://{host}/token\",service=\"s\"");
        let form = String::from_utf8_lossy(&request.body).replace("%3A", ":").replace("%2C", ",");
        let all = "scope=repository:r:pull,push%20repository:other:pull";
        Some(match request.headers.get("authorization").map(String::as_str) {
            _ if is(request, "POST", "/token") && form.split('&').any(|it| it == all) => {
                Answer::json(200, &json!({"access_token": "both"}))
            }
            _ if is(request, "POST", "/token") => Answer::json(200, &json!({"token": "one"})),
            Some("Bearer one") if is(request, "HEAD", "/v2/r/blobs/") => Answer::new(404),
            Some("Bearer both") if request.target.contains("from=other") => Answer::new(201),
            _ => Answer::new(401).with("www-authenticate", realm),
        })
    })
    .await;
    let keychain = Keychain::of(json!({"auths": {&host: {"identitytoken": "SECRET"}}}));
    let reference = Reference::below(&host, "r").unwrap();
    let registry = Registry::of(&reference, keychain, ONCE).unwrap();
    let stored = registry.put_blob("r", &blob(), Some("other")).await.unwrap();
    assert_eq!(stored, Stored::Mounted);
}

#[test]
fn of_several_ways_to_say_who_asks_a_token_comes_first() {
    let bearer = |realm: &str, service: Option<&str>| {
        let service = service.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.to_owned(), service })
    };
    let check = |headers: &[&str], expected: Option<Challenge>| {
        assert_eq!(challenge(headers.iter().copied()), expected, "{headers:?}");
    };
    check(&["Basic realm=\"a\"", "Bearer realm=\"b\""], bearer("b", None));
    check(&["Basic realm=\"a, b\", Bearer realm=\"c\",service=\"d\""], bearer("c", Some("d")));
    check(&["Bearer realm=\"c\" , service=\"d\", Basic realm=\"a\""], bearer("c", Some("d")));
    check(&["Negotiate", "Basic realm=\"a\""], Some(Challenge::Basic));
    check(&["Negotiate dG9rZW4=, Basic"], Some(Challenge::Basic));
    check(&["Bearer realm=\"a\\\"b\""], bearer("a\"b", None));
    check(&["Bearer service=\"no realm\", Basic"], Some(Challenge::Basic));
    check(&[], None);
}

#[tokio::test]
async fn whoever_reads_asks_for_no_right_to_write() {
    let host = serve(|host, request| {
        let realm = format!("Bearer realm=\"http://{host}/token\"");
        let known = request.headers.get("authorization").map(String::as_str);
        Some(match known {
            _ if is(request, "GET", "/token") && request.target.contains("push") => {
                Answer::new(403)
            }
            _ if is(request, "GET", "/token") => Answer::json(200, &json!({"token": "t"})),
            Some("Bearer t") => Answer { body: b"layer".to_vec(), ..Answer::new(200) },
            _ => Answer::new(401).with("www-authenticate", realm),
        })
    })
    .await;
    let registry = registry(&host, ONCE).for_reading();
    assert_eq!(registry.blob("r", &blob().descriptor()).await.unwrap().bytes, blob().bytes);
}
