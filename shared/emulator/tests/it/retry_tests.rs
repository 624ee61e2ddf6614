//! Instructions over HTTP, as the test server of Google has them.

use axum::http::Method;
use emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::client::{Answer, get, send};

async fn start() -> Emulator {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    emulator.create_bucket("b").unwrap();
    emulator
}

async fn create(emulator: &Emulator, body: impl Into<String>) -> Answer {
    let json = [("content-type", "application/json")];
    send(Method::POST, &format!("{}/retry_test", emulator.url()), &json, body.into()).await.unwrap()
}

/// The status of a list that names a set of instructions, or none.
async fn list(emulator: &Emulator, id: Option<&str>) -> u16 {
    let url = format!("{}/storage/v1/b/b/o", emulator.url());
    let headers = id.map(|id| ("x-retry-test-id", id));
    send(Method::GET, &url, headers.as_slice(), "").await.unwrap().status
}

#[tokio::test]
async fn a_set_is_for_requests_that_name_it_and_tells_when_it_is_completed() {
    let emulator = start().await;
    let instructions = json!({"storage.objects.list": ["return-503", "return-429"]});
    let asked = json!({"instructions": instructions, "transport": "HTTP"});
    let created = create(&emulator, asked.to_string()).await;
    assert_eq!(created.status, 200);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let shown = |left: Value, completed: bool| {
        let instructions = json!({"storage.objects.list": left});
        json!({"id": id, "instructions": instructions, "completed": completed, "transport": "HTTP"})
    };
    assert_eq!(created.json(), shown(json!(["return-503", "return-429"]), false));

    let url = format!("{}/retry_test/{id}", emulator.url());
    assert_eq!(list(&emulator, None).await, 200);
    assert_eq!(list(&emulator, Some(&id)).await, 503);
    assert_eq!(get(&url).await.json(), shown(json!(["return-429"]), false));
    assert_eq!(list(&emulator, Some(&id)).await, 429);
    assert_eq!(get(&url).await.json(), shown(json!([]), true));
    assert_eq!(list(&emulator, Some(&id)).await, 200);

    let all = format!("{}/retry_tests", emulator.url());
    assert_eq!(get(&all).await.json(), json!({"retry_test": [shown(json!([]), true)]}));
    assert_eq!(send(Method::DELETE, &url, &[], "").await.unwrap().status, 200);
    assert_eq!(get(&all).await.json(), json!({"retry_test": []}));
    assert_eq!(get(&url).await.status, 404);
    assert_eq!(send(Method::DELETE, &url, &[], "").await.unwrap().status, 404);
    assert_eq!(list(&emulator, Some(&id)).await, 400, "a set that is gone is not ignored");
    let counted = emulator.requests();
    assert_eq!(counted.class_a, 5, "only lists count: {counted}");
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_reason() {
    let emulator = start().await;
    let of = |method: &str, texts: Value| json!({"instructions": {method: texts}}).to_string();
    let list = "storage.objects.list";
    let many = vec!["return-503"; 1001];
    for (body, reason) in [
        (String::new(), "body is not a JSON object"),
        ("[]".to_owned(), "body is not a JSON object"),
        ("{\"instructions\":{}".to_owned(), "body is not a JSON object"),
        ("[".repeat(100_000), "body is not a JSON object"),
        (" ".repeat(300 * 1024), "body is too large or broke off"),
        ("{}".to_owned(), "instructions are not an object"),
        (json!({"instructions": []}).to_string(), "instructions are not an object"),
        (json!({"instructions": {}}).to_string(), "no instructions"),
        (of(list, json!([])), "no instructions"),
        (of(list, json!("return-503")), "instructions of storage.objects.list are not a list"),
        (of(list, json!([503])), "instructions of storage.objects.list are not a list"),
        (of(list, json!(["return-5o3"])), "instruction \"return-5o3\" is none of: return-S,"),
        (of(list, json!(["return-503-after-1K"])), "instruction \"return-503-after-1K\" cannot"),
        (of(list, json!(many)), "more than 1000 instructions"),
        (of("storage.objects.lost", json!(["return-503"])), "method \"storage.objects.lost\" is"),
        (
            json!({"instructions": {list: ["return-503"]}, "transport": "GRPC"}).to_string(),
            "transport is not HTTP",
        ),
        (
            json!({"instructions": {list: ["return-503"]}, "transport": 1}).to_string(),
            "transport is not HTTP",
        ),
    ] {
        let refused = create(&emulator, body).await;
        assert_eq!(refused.error(), (400, "invalid".to_owned()));
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(reason), "{message}");
    }
    let url = format!("{}/retry_test", emulator.url());
    assert_eq!(get(&url).await.status, 405);
    let put = send(Method::PUT, &format!("{url}/1"), &[], "").await.unwrap();
    assert_eq!(put.status, 405);
    assert_eq!(
        get(&format!("{}/retry_tests", emulator.url())).await.json()["retry_test"],
        json!([])
    );
}

#[tokio::test]
async fn the_number_of_sets_is_bounded() {
    let emulator = start().await;
    let asked = json!({"instructions": {"storage.objects.list": ["return-503"]}}).to_string();
    for _ in 0..1000 {
        assert_eq!(create(&emulator, asked.clone()).await.status, 200);
    }
    assert_eq!(create(&emulator, asked).await.status, 400);
}
