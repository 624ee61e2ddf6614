//! The REST face of Pub/Sub, called as clients call it.

use axum::http::Method;
use bytes::Bytes;
use emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::client::send;
use crate::subscriber::{Answer, PATIENCE, Subscriber};

/// Calls under one project.
struct Api {
    emulator: Emulator,
}

impl Api {
    async fn start() -> Self {
        Self { emulator: Emulator::start(Options::default()).await.unwrap() }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/v1/projects/p/{path}", self.emulator.url());
        let headers = [("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = send(method, &url, &headers, body).await.unwrap();
        (answer.status, answer.json())
    }

    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, Value::Null).await
    }

    async fn put(&self, path: &str, body: Value) -> Value {
        self.ok(Method::PUT, path, body).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.ok(Method::POST, path, body).await
    }

    /// The status, its name and the message of an error.
    async fn refused(&self, method: Method, path: &str, body: Value) -> String {
        let (status, answer) = self.call(method, path, body).await;
        let error = &answer["error"];
        assert_eq!(error["code"], status, "{path}: {answer}");
        let [name, message] = ["status", "message"].map(|key| error[key].as_str().unwrap());
        format!("{status} {name}: {message}")
    }

    /// Topic `t` and a pull subscription `sub` with these fields.
    async fn subscribed(&self, fields: Value) {
        self.put("topics/topic", json!({})).await;
        self.put("topics/grave", json!({})).await;
        let mut body = json!({"topic": "projects/p/topics/topic"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.put("subscriptions/sub", body).await;
    }

    async fn publish(&self, texts: &[&str]) {
        let messages: Vec<_> =
            texts.iter().map(|text| json!({"attributes": {"text": text}})).collect();
        self.post("topics/topic:publish", json!({"messages": messages})).await;
    }

    async fn pull(&self) -> Vec<Value> {
        let body = json!({"maxMessages": 10, "returnImmediately": true});
        let answer = self.post("subscriptions/sub:pull", body).await;
        answer["receivedMessages"].as_array().cloned().unwrap_or_default()
    }

    async fn texts(&self) -> Vec<String> {
        self.pull().await.iter().map(text).collect()
    }
}

fn text(received: &Value) -> String {
    received["message"]["attributes"]["text"].as_str().unwrap().to_owned()
}

fn ids(received: &[Value]) -> Value {
    received.iter().map(|it| it["ackId"].clone()).collect()
}

#[tokio::test]
async fn topics_come_change_and_go() {
    let api = Api::start().await;
    let topic = api.put("topics/topic", json!({"labels": {"a_b": "c"}})).await;
    assert_eq!(topic, json!({"name": "projects/p/topics/topic", "labels": {"a_b": "c"}}));
    assert_eq!(
        api.refused(Method::PUT, "topics/topic", json!({})).await,
        "409 ALREADY_EXISTS: Resource already exists in the project (resource=topic)."
    );
    let update = json!({
        "topic": {"labels": {"d": "e"}, "messageRetentionDuration": "600s"},
        "updateMask": "labels,message_retention_duration",
    });
    let topic = api.ok(Method::PATCH, "topics/topic", update).await;
    assert_eq!(
        (&topic["labels"], &topic["messageRetentionDuration"]),
        (&json!({"d": "e"}), &json!("600s"),)
    );
    assert_eq!(api.get("topics/topic").await, topic);
    assert_eq!(api.ok(Method::DELETE, "topics/topic", Value::Null).await, json!({}));
    assert_eq!(
        api.refused(Method::GET, "topics/topic", Value::Null).await,
        "404 NOT_FOUND: Resource not found (resource=topic)."
    );
    assert_eq!(api.get("topics").await, json!({}));
}

#[tokio::test]
async fn lists_come_in_pages_and_of_one_project() {
    let api = Api::start().await;
    for number in 0..5 {
        api.put(&format!("topics/topic-{number}"), json!({})).await;
    }
    api.emulator.subscribe(emulator::Subscription::new("elsewhere", "elsewhere")).unwrap();
    let mut path = "topics?pageSize=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = api.get(&path).await;
        let names = page["topics"].as_array().unwrap().iter();
        pages.push(names.map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        let Some(token) = page["nextPageToken"].as_str() else { break };
        path = format!("topics?page_size=2&pageToken={token}");
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let names: Vec<String> = pages.concat();
    assert_eq!(names, (0..5).map(|n| format!("projects/p/topics/topic-{n}")).collect::<Vec<_>>());
    for size in ["-1", "x", "99999999999999999999999"] {
        let path = format!("topics?pageSize={size}");
        let refused = api.refused(Method::GET, &path, Value::Null).await;
        assert!(refused.ends_with("(argument=page_size)."));
    }
    let refused = api.refused(Method::GET, "topics?pageToken=no%20token", Value::Null).await;
    assert!(refused.ends_with("(argument=page_token)."), "{refused}");
}

#[tokio::test]
async fn a_subscription_shows_what_it_was_given_and_what_it_has_besides() {
    let api = Api::start().await;
    api.subscribed(json!({})).await;
    let bare = json!({
        "name": "projects/p/subscriptions/sub",
        "topic": "projects/p/topics/topic",
        "pushConfig": {},
        "ackDeadlineSeconds": 10,
        "messageRetentionDuration": "604800s",
        "expirationPolicy": {"ttl": "2678400s"},
        "state": "ACTIVE",
    });
    assert_eq!(api.get("subscriptions/sub").await, bare);
    let given = json!({
        "name": "projects/p/subscriptions/full",
        "topic": "projects/p/topics/topic",
        "pushConfig": {
            "pushEndpoint": "http://localhost:9/push?x=1",
            "attributes": {"x-goog-version": "v1"},
            "oidcToken": {"serviceAccountEmail": "a@b", "audience": "c"},
            "noWrapper": {"writeMetadata": true},
        },
        "ackDeadlineSeconds": 600,
        "retainAckedMessages": true,
        "messageRetentionDuration": "600s",
        "labels": {"camelCase_key": "kept"},
        "enableMessageOrdering": true,
        "expirationPolicy": {},
        "filter": "attributes:a",
        "deadLetterPolicy": {
            "deadLetterTopic": "projects/p/topics/grave", "maxDeliveryAttempts": 100,
        },
        "retryPolicy": {"minimumBackoff": "0s", "maximumBackoff": "600s"},
        "enableExactlyOnceDelivery": true,
    });
    let mut lower = given.clone();
    lower["labels"] = json!({"snake_case": "kept"});
    let mut shown = lower.clone();
    shown["state"] = json!("ACTIVE");
    assert_eq!(api.put("subscriptions/full", lower).await, shown);
    assert_eq!(api.get("subscriptions/full").await, shown);
    // Labels are lower case.
    assert!(api.refused(Method::PUT, "subscriptions/more", given).await.starts_with("400 INVALID"));
    let below = api.get("topics/topic/subscriptions").await;
    let names = ["full", "sub"].map(|it| format!("projects/p/subscriptions/{it}"));
    assert_eq!(below, json!({"subscriptions": names}));
}

#[tokio::test]
async fn what_the_service_refuses_is_refused() {
    let api = Api::start().await;
    api.subscribed(json!({})).await;
    let wrong = [
        (json!({"filter": "((("}), "Invalid filter: expected "),
        (json!({"filter": "a".repeat(257)}), "The value for filter is too large. You passed 257"),
        (json!({"ackDeadlineSeconds": 9}), "Invalid ack deadline given (ack_deadline=9)."),
        (json!({"ackDeadlineSeconds": 601}), "Invalid ack deadline given (ack_deadline=601)."),
        (json!({"ackDeadlineSeconds": -1}), "You have passed an invalid argument"),
        (json!({"messageRetentionDuration": "599.9s"}), "The value for message_retention_duration"),
        (json!({"messageRetentionDuration": "1 day"}), "You have passed an invalid argument"),
        (json!({"expirationPolicy": {"ttl": "1s"}}), "The value for expiration_policy.ttl"),
        (json!({"retryPolicy": {"maximumBackoff": "601s"}}), "The value for retry_policy.max"),
        (json!({"retryPolicy": {"minimumBackoff": "9s", "maximumBackoff": "1s"}}), "You have"),
        (
            json!({"deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/grave",
            "maxDeliveryAttempts": 4}}),
            "The value for dead_letter_policy.max_delivery_attempts",
        ),
        (json!({"deadLetterPolicy": {"maxDeliveryAttempts": 9}}), "Invalid [topics] name"),
        (json!({"pushConfig": {"pushEndpoint": "https://localhost/"}}), "Invalid push endpoint"),
        (json!({"pushConfig": {"pushEndpoint": "localhost:80"}}), "Invalid push endpoint"),
        (json!({"pushConfig": {"pushEndpoint": "http://l/", "oidcToken": {}}}), "You have passed"),
        (json!({"pushConfig": []}), "You have passed an invalid argument"),
        (json!({"labels": {"a": 1}}), "You have passed an invalid argument"),
        (json!({"topic": ""}), "Invalid [topics] name"),
        (json!({"topic": "projects/p/topics/a"}), "Invalid [topics] name"),
        (json!({"unheard": 1}), "Invalid JSON payload received. Unknown name \"unheard\""),
    ];
    for (fields, expected) in wrong {
        let mut body = json!({"topic": "projects/p/topics/topic"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let refused = api.refused(Method::PUT, "subscriptions/other", body).await;
        let expected = format!("400 INVALID_ARGUMENT: {expected}");
        assert!(refused.starts_with(&expected), "{fields}: {refused}");
    }
    let unknown = [
        json!({"topic": "projects/p/topics/unknown"}),
        json!({"topic": "projects/p/topics/topic",
            "deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/unknown"}}),
    ];
    for body in unknown {
        assert_eq!(
            api.refused(Method::PUT, "subscriptions/other", body).await,
            "404 NOT_FOUND: Resource not found (resource=unknown)."
        );
    }
    let body = json!({"topic": "projects/p/topics/topic", "bigqueryConfig": {"table": "t"}});
    let refused = api.refused(Method::PUT, "subscriptions/other", body).await;
    assert!(refused.starts_with("501 UNIMPLEMENTED"), "{refused}");
    for id in ["ab", "1bc", "googx", "a b", "a%2Fb", &"a".repeat(256)] {
        let path = format!("topics/{}", id.replace(' ', "%20"));
        let refused = api.refused(Method::PUT, &path, json!({})).await;
        assert!(refused.starts_with("400 INVALID_ARGUMENT: Invalid [topics] name"), "{refused}");
    }
}

#[tokio::test]
async fn an_update_changes_what_its_mask_says_and_neither_filter_nor_order() {
    let api = Api::start().await;
    api.subscribed(json!({"filter": "attributes:text", "labels": {"a": "b"}})).await;
    let update = |body: Value, mask: &str| {
        let body = json!({"subscription": body, "updateMask": mask});
        api.ok(Method::PATCH, "subscriptions/sub", body)
    };
    let body = json!({
        "ackDeadlineSeconds": 20, "retainAckedMessages": true,
        "deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/grave"},
    });
    let updated = update(body.clone(), "ackDeadlineSeconds,deadLetterPolicy").await;
    assert_eq!(updated["ackDeadlineSeconds"], 20);
    assert_eq!(updated["deadLetterPolicy"]["maxDeliveryAttempts"], 5);
    assert_eq!(updated.get("retainAckedMessages"), None, "not in the mask");
    assert_eq!(updated["labels"], json!({"a": "b"}));
    let body = json!({"dead_letter_policy": {"max_delivery_attempts": 7}});
    let updated = update(body, "dead_letter_policy.max_delivery_attempts,labels").await;
    assert_eq!(
        updated["deadLetterPolicy"],
        json!({
            "deadLetterTopic": "projects/p/topics/grave", "maxDeliveryAttempts": 7,
        })
    );
    assert_eq!(updated.get("labels"), None);
    for (mask, expected) in [
        ("filter", "the 'filter' field in the Subscription is not mutable."),
        ("enableMessageOrdering", "field in the Subscription is not mutable."),
        ("name,labels", "the 'name' field in the Subscription is not mutable."),
        ("", "must be set, and must contain a non-empty paths list."),
    ] {
        let body = json!({"subscription": {"filter": ""}, "updateMask": mask});
        let refused = api.refused(Method::PATCH, "subscriptions/sub", body).await;
        assert!(refused.ends_with(expected), "{mask}: {refused}");
    }
    let body =
        json!({"subscription": {"ackDeadlineSeconds": 5}, "updateMask": "ackDeadlineSeconds"});
    let refused = api.refused(Method::PATCH, "subscriptions/sub", body).await;
    assert!(refused.starts_with("400 INVALID_ARGUMENT: Invalid ack deadline"), "{refused}");
}

#[tokio::test]
async fn what_is_pulled_comes_again_unless_it_is_acknowledged() {
    let api = Api::start().await;
    let policy = json!({"deadLetterTopic": "projects/p/topics/grave", "maxDeliveryAttempts": 5});
    api.subscribed(json!({"deadLetterPolicy": policy})).await;
    api.put("subscriptions/graves", json!({"topic": "projects/p/topics/grave"})).await;
    api.publish(&["a", "b"]).await;
    let pulled = api.pull().await;
    assert_eq!(pulled.iter().map(text).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(api.pull().await.len(), 0, "both are leased");
    let acknowledge = json!({"ackIds": ids(&pulled[1..])});
    api.post("subscriptions/sub:acknowledge", acknowledge).await;
    let mut last = ids(&pulled[..1]);
    for attempt in 2..=6 {
        let nack = json!({"ackIds": last, "ackDeadlineSeconds": 0});
        api.post("subscriptions/sub:modifyAckDeadline", nack).await;
        let pulled = api.pull().await;
        last = ids(&pulled);
        let attempts: Vec<_> = pulled.iter().map(|it| it["deliveryAttempt"].clone()).collect();
        let expected = if attempt <= 5 { vec![json!(attempt)] } else { Vec::new() };
        assert_eq!(attempts, expected);
    }
    let body = json!({"maxMessages": 10});
    let graves = api.post("subscriptions/graves:pull", body).await;
    let attributes = &graves["receivedMessages"][0]["message"]["attributes"];
    assert_eq!(attributes["text"], "a");
    assert_eq!(attributes["CloudPubSubDeadLetterSourceDeliveryCount"], "5");
    assert_eq!(attributes["CloudPubSubDeadLetterSourceSubscription"], "sub");
    assert_eq!(attributes["CloudPubSubDeadLetterSourceSubscriptionProject"], "p");
    assert!(attributes["CloudPubSubDeadLetterSourceTopicPublishTime"].is_string());
    // And back again, as what it was.
    assert_eq!(api.emulator.redrive("projects/p/subscriptions/graves").unwrap(), 1);
    assert_eq!(api.emulator.redrive("projects/p/subscriptions/graves").unwrap(), 0);
    let pulled = api.pull().await;
    assert_eq!(pulled[0]["message"]["attributes"], json!({"text": "a"}));
    assert_eq!((pulled.len(), &pulled[0]["deliveryAttempt"]), (1, &json!(1)));
}

#[tokio::test]
async fn a_waiting_pull_gets_what_is_published_then() {
    let api = Api::start().await;
    api.subscribed(json!({})).await;
    let pull = api.post("subscriptions/sub:pull", json!({"maxMessages": 1}));
    let (pulled, ()) = tokio::join!(pull, api.publish(&["late"]));
    assert_eq!(text(&pulled["receivedMessages"][0]), "late");
}

#[tokio::test]
async fn a_subscription_is_sought_in_both_directions_and_to_a_snapshot() {
    let api = Api::start().await;
    api.subscribed(json!({"retainAckedMessages": true})).await;
    api.publish(&["a", "b"]).await;
    let pulled = api.pull().await;
    api.post("subscriptions/sub:acknowledge", json!({"ackIds": ids(&pulled[..1])})).await;
    let body = json!({"subscription": "projects/p/subscriptions/sub"});
    let snapshot = api.put("snapshots/snap", body).await;
    assert_eq!(snapshot["topic"], "projects/p/topics/topic");
    api.publish(&["c"]).await;
    let seek = |target: Value| api.post("subscriptions/sub:seek", target);
    seek(json!({"time": "2099-01-01T00:00:00Z"})).await;
    assert_eq!(api.texts().await, [""; 0]);
    seek(json!({"time": "2000-01-01T00:00:00Z"})).await;
    assert_eq!(api.texts().await, ["a", "b", "c"]);
    seek(json!({"snapshot": "projects/p/snapshots/snap"})).await;
    // Open messages stay with whoever has them.
    seek(json!({"time": "2099-01-01T00:00:00Z"})).await;
    seek(json!({"snapshot": "projects/p/snapshots/snap"})).await;
    assert_eq!(api.texts().await, ["b", "c"]);
    for target in [json!({}), json!({"time": "soon"}), json!({"time": "x", "snapshot": "y"})] {
        let refused = api.refused(Method::POST, "subscriptions/sub:seek", target).await;
        assert!(refused.starts_with("400 INVALID_ARGUMENT"), "{refused}");
    }
    assert_eq!(
        api.refused(Method::POST, "subscriptions/sub:seek", json!({"snapshot": "none"})).await,
        "404 NOT_FOUND: Resource not found (resource=none)."
    );
    let listed = api.get("snapshots").await;
    assert_eq!(listed["snapshots"][0]["name"], "projects/p/snapshots/snap");
    assert_eq!(api.get("topics/topic/snapshots").await["snapshots"][0], snapshot["name"]);
    api.ok(Method::DELETE, "snapshots/snap", Value::Null).await;
    assert_eq!(api.get("snapshots").await, json!({}));
}

#[tokio::test]
async fn a_subscription_is_pushed_or_pulled_as_it_is_told() {
    let api = Api::start().await;
    let subscriber = Subscriber::start([Answer::Status(204)]).await;
    api.subscribed(json!({"pushConfig": {"pushEndpoint": subscriber.url}})).await;
    let refused = api.refused(Method::POST, "subscriptions/sub:pull", json!({"maxMessages": 1}));
    assert_eq!(
        refused.await,
        "400 FAILED_PRECONDITION: This method is not supported for push subscriptions."
    );
    api.publish(&["pushed"]).await;
    api.emulator.settled(PATIENCE).await.unwrap();
    assert_eq!(subscriber.pushes()[0].attribute("text").as_deref(), Some("pushed"));
    api.post("subscriptions/sub:modifyPushConfig", json!({"pushConfig": {}})).await;
    api.publish(&["pulled"]).await;
    assert_eq!(api.texts().await, ["pulled"]);
    assert_eq!(subscriber.pushes().len(), 1);
    let back = json!({"pushConfig": {"pushEndpoint": "https://localhost/"}});
    api.refused(Method::POST, "subscriptions/sub:modifyPushConfig", back).await;
}

#[tokio::test]
async fn without_its_topic_a_subscription_keeps_what_it_has() {
    let api = Api::start().await;
    api.subscribed(json!({})).await;
    api.publish(&["a"]).await;
    api.ok(Method::DELETE, "topics/topic", Value::Null).await;
    assert_eq!(api.get("subscriptions/sub").await["topic"], "_deleted-topic_");
    let messages = json!({"messages": [{"data": "YQ=="}]});
    let refused = api.refused(Method::POST, "topics/topic:publish", messages).await;
    assert_eq!(refused, "404 NOT_FOUND: Resource not found (resource=topic).");
    api.put("topics/topic", json!({})).await;
    api.publish(&["nobody's"]).await;
    assert_eq!(api.texts().await, ["a"], "a new topic of the same name is another one");
    api.post("subscriptions/sub:detach", json!({})).await;
    assert_eq!(api.get("subscriptions/sub").await["detached"], true);
    let pull = json!({"maxMessages": 1});
    let refused = api.refused(Method::POST, "subscriptions/sub:pull", pull).await;
    assert!(refused.starts_with("400 FAILED_PRECONDITION"), "{refused}");
    api.ok(Method::DELETE, "subscriptions/sub", Value::Null).await;
    api.refused(Method::GET, "subscriptions/sub", Value::Null).await;
}

#[tokio::test]
async fn a_publication_is_taken_wholly_or_not_at_all() {
    let api = Api::start().await;
    api.subscribed(json!({})).await;
    let many = |count: usize| -> serde_json::Map<String, Value> {
        (0..count).map(|number| (format!("k{number}"), json!("v"))).collect()
    };
    let wrong = [
        json!([]),
        json!([{"data": "YQ=="}, {}]),
        json!([{"data": "YQ=="}, {"data": "", "attributes": {}}]),
        json!([{"data": "*"}]),
        json!([{"data": 1}]),
        json!(["a"]),
        json!("a"),
        json!([{"attributes": many(101)}]),
        json!([{"attributes": {"": "v"}}]),
        json!([{"attributes": {"googkey": "v"}}]),
        json!([{"attributes": {"k": null}}]),
        json!([{"attributes": {"k".repeat(257): "v"}}]),
        json!([{"attributes": {"k": "v".repeat(1025)}}]),
        json!([{"data": "YQ==", "orderingKey": "k".repeat(1025)}]),
        json!(vec![json!({"data": "YQ=="}); 1001]),
        json!([{"data": "A".repeat(13_400_000)}]),
    ];
    for messages in wrong {
        let body = json!({"messages": messages});
        let refused = api.refused(Method::POST, "topics/topic:publish", body).await;
        assert!(refused.starts_with("400 INVALID_ARGUMENT: "), "{refused}");
    }
    assert_eq!(api.pull().await.len(), 0);
    let most = json!({
        "data": "_-8", "orderingKey": "k".repeat(1024), "attributes": many(99),
        "messageId": "the client's own", "publishTime": "2000-01-01T00:00:00Z",
    });
    let published =
        api.post("topics/topic:publish", json!({"messages": [most, {"data": "YQ=="}]})).await;
    assert_eq!(published["messageIds"].as_array().unwrap().len(), 2);
    let pulled = api.pull().await;
    assert_eq!(pulled[0]["message"]["data"], "/+8=");
    assert_eq!(pulled[0]["message"]["messageId"], published["messageIds"][0]);
    assert_eq!(pulled[1]["message"].get("attributes"), None);
}

#[tokio::test]
async fn policies_are_answered_and_forgotten() {
    let api = Api::start().await;
    api.subscribed(json!({})).await;
    let body = json!({"subscription": "projects/p/subscriptions/sub"});
    api.put("snapshots/snap", body).await;
    for resource in ["topics/topic", "subscriptions/sub", "snapshots/snap"] {
        assert_eq!(api.get(&format!("{resource}:getIamPolicy")).await, json!({"etag": "ACAB"}));
        let policy = json!({"policy": {"bindings": [{"role": "r", "members": ["allUsers"]}]}});
        let set = api.post(&format!("{resource}:setIamPolicy"), policy).await;
        assert_eq!(set["bindings"][0]["role"], "r");
        let body = json!({"permissions": ["pubsub.topics.publish"]});
        let tested = api.post(&format!("{resource}:testIamPermissions"), body.clone()).await;
        assert_eq!(tested, body);
        let refused = api.refused(Method::POST, &format!("{resource}:unheard"), json!({})).await;
        assert_eq!(refused, "404 NOT_FOUND: Method not found.");
        let path = format!("{resource}:unheard");
        let refused = api.refused(Method::DELETE, &path, Value::Null).await;
        assert_eq!(refused, "404 NOT_FOUND: Method not found.");
    }
}

#[tokio::test]
async fn no_body_breaks_it() {
    let api = Api::start().await;
    api.subscribed(json!({})).await;
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let bodies = ["{", "null", "[]", "\"a\"", "{\"a\":1", "\u{0}", "{\"ackIds\":{}}", &deep];
    let paths = [
        (Method::PUT, "topics/other"),
        (Method::PATCH, "topics/topic"),
        (Method::POST, "topics/topic:publish"),
        (Method::PUT, "subscriptions/other"),
        (Method::PATCH, "subscriptions/sub"),
        (Method::POST, "subscriptions/sub:pull"),
        (Method::POST, "subscriptions/sub:acknowledge"),
        (Method::POST, "subscriptions/sub:modifyAckDeadline"),
        (Method::POST, "subscriptions/sub:seek"),
        (Method::PUT, "snapshots/other"),
    ];
    for (method, path) in paths {
        for body in bodies {
            let url = format!("{}/v1/projects/p/{path}", api.emulator.url());
            let answer = send(method.clone(), &url, &[], Bytes::copy_from_slice(body.as_bytes()))
                .await
                .unwrap();
            assert_eq!(answer.status, 400, "{method} {path} {body}");
            assert_eq!(answer.json()["error"]["status"], "INVALID_ARGUMENT");
        }
    }
    for (field, value) in [("ackIds", json!(["1"])), ("ackIds", json!([])), ("ackIds", json!([1]))]
    {
        let body = json!({field: value, "ackDeadlineSeconds": 1});
        for method in ["acknowledge", "modifyAckDeadline"] {
            let path = format!("subscriptions/sub:{method}");
            let refused = api.refused(Method::POST, &path, body.clone()).await;
            assert!(refused.starts_with("400 INVALID_ARGUMENT"), "{refused}");
        }
    }
    for seconds in [json!(-1), json!(601), json!(1e30), json!("a")] {
        let body = json!({"ackIds": ["1-1"], "ackDeadlineSeconds": seconds});
        api.refused(Method::POST, "subscriptions/sub:modifyAckDeadline", body).await;
    }
}
