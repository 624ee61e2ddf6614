//! Notifications, and the pushes that they end in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use emulator::{Emulator, Filter, Memory, Notification, Options, Push, Subscription, Upload};
use expect_test::expect;
use serde_json::json;
use store::Metadata;

use crate::subscriber::{Answer, PATIENCE, Subscriber, announcing, dead_letters};

fn insert(memory: &Memory, names: &[&str]) {
    for name in names {
        memory.insert(name, Bytes::from("1"), Upload::default()).unwrap();
    }
}

fn numbered() -> Vec<String> {
    (0..20).map(|number| format!("{number:02}")).collect()
}

fn insert_numbered(memory: &Memory) {
    for name in numbered() {
        insert(memory, &[&name]);
    }
}

fn statuses(emulator: &Emulator) -> Vec<u16> {
    emulator.attempts().iter().map(|attempt| attempt.status).collect()
}

#[tokio::test]
async fn a_notification_has_all_attributes_and_the_resource() {
    let subscriber = Subscriber::start([]).await;
    let (emulator, memory) = announcing(Options::default()).await;
    emulator.subscribe(subscriber.subscription()).unwrap();
    let metadata = Metadata::from([("k".to_owned(), "v".to_owned())]);
    let upload = Upload { metadata, ..Upload::default() };
    let first = memory.insert("a/東 1", Bytes::from("{}"), upload.clone()).unwrap();
    let second = memory.insert("a/東 1", Bytes::from("{}"), upload).unwrap();
    emulator.settled(PATIENCE).await.unwrap();
    let pushes = subscriber.pushes();
    let attributes = |n: usize| pushes[n].json()["message"]["attributes"].clone();
    let generation = |n: usize| [first.generation, second.generation][n].to_string();
    let mut expected = json!({
        "bucketId": "b",
        "eventTime": attributes(0)["eventTime"],
        "eventType": "OBJECT_FINALIZE",
        "notificationConfig": "projects/_/buckets/b/notificationConfigs/1",
        "objectGeneration": generation(0),
        "objectId": "a/東 1",
        "payloadFormat": "JSON_API_V1",
    });
    assert_eq!(attributes(0), expected);
    expected["eventTime"] = attributes(1)["eventTime"].clone();
    expected["objectGeneration"] = json!(generation(1));
    expected["overwroteGeneration"] = json!(generation(0));
    assert_eq!(attributes(1), expected);
    let event_time = pushes[0].attribute("eventTime").unwrap();
    assert!(domain::Instant::parse(&event_time).is_some(), "{event_time}");
    assert_eq!(event_time.len(), "2020-12-08T11:51:26.395668Z".len(), "microseconds");

    let payload = pushes[0].payload().replace(&generation(0), "GENERATION");
    let payload = payload.replace(&first.created_at.to_millis_text(), "TIME");
    let etag = pushes[0].payload().split("\"etag\": ").nth(1).unwrap().to_owned();
    expect![[r#"
        {
          "kind": "storage#object",
          "id": "b/a/東 1/GENERATION",
          "selfLink": "https://www.googleapis.com/storage/v1/b/b/o/a%2F%E6%9D%B1%201",
          "name": "a/東 1",
          "bucket": "b",
          "generation": "GENERATION",
          "metageneration": "1",
          "contentType": "application/octet-stream",
          "timeCreated": "TIME",
          "updated": "TIME",
          "storageClass": "STANDARD",
          "timeStorageClassUpdated": "TIME",
          "size": "2",
          "md5Hash": "mZFLkyvTelC5g8XnyQrpOw==",
          "mediaLink": "https://storage.googleapis.com/download/storage/v1/b/b/o/a%2F%E6%9D%B1%201?generation=GENERATION&alt=media",
          "metadata": {
            "k": "v"
          },
          "crc32c": "KXvQqg==",
          "etag": ETAG"#]]
    .assert_eq(&payload.replace(&etag, "ETAG"));
    assert!(etag.ends_with("EAE=\"\n}\n"), "{etag}");
}

#[tokio::test]
async fn a_push_is_byte_for_byte_that_of_the_service() {
    let subscriber = Subscriber::start([]).await;
    let (emulator, _) = announcing(Options::default()).await;
    emulator.subscribe(subscriber.subscription()).unwrap();
    let attributes =
        BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]);
    let id = emulator.publish("t", attributes, Bytes::from("hello?>")).unwrap();
    emulator.settled(PATIENCE).await.unwrap();
    let push = subscriber.pushes().remove(0);
    let body = push.json();
    let published_at = body["message"]["publishTime"].as_str().unwrap();
    let text = push.text.replace(&id, "ID").replace(published_at, "TIME");
    expect![[r#"{"message":{"attributes":{"a":"1","b":"2"},"data":"aGVsbG8/Pg==","messageId":"ID","message_id":"ID","publishTime":"TIME","publish_time":"TIME"},"subscription":"projects/local/subscriptions/s"}"#]]
    .assert_eq(&text);
    assert_eq!(push.headers["content-type"], "application/json");
    assert_eq!(published_at.len(), "2020-12-08T11:51:26.744Z".len());
}

#[tokio::test]
async fn prefixes_of_notifications_and_filters_of_subscriptions_select() {
    let subscriber = Subscriber::start([]).await;
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let memory = emulator.create_bucket("b").unwrap();
    for (topic, prefix) in [("t", "env/"), ("other", "")] {
        emulator.notify("b", Notification::finalized(topic, prefix)).unwrap();
    }
    let filter = "NOT hasPrefix(attributes.objectId, \"env/b/x/\") AND \
        (hasPrefix(attributes.objectId, \"env/a/\") OR hasPrefix(attributes.objectId, \"env/b/\"))";
    emulator
        .subscribe(Subscription {
            filter: Filter::parse(filter).unwrap(),
            ..subscriber.subscription()
        })
        .unwrap();
    insert(&memory, &["env/a/1", "env/b/x/2", "env/b/3", "env/c/4", "a/5"]);
    emulator.settled(PATIENCE).await.unwrap();
    assert_eq!(subscriber.objects(), ["env/a/1", "env/b/3"]);
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_nothing_else() {
    let answers = [500, 404, 301, 429, 203, 200].map(Answer::Status);
    let subscriber = Subscriber::start(answers).await;
    let (emulator, memory) = announcing(Options::default()).await;
    emulator.subscribe(subscriber.subscription()).unwrap();
    insert(&memory, &["a"]);
    emulator.settled(PATIENCE).await.unwrap();
    insert(&memory, &["b"]);
    emulator.settled(PATIENCE).await.unwrap();
    assert_eq!(statuses(&emulator), [500, 404, 301, 429, 203, 200, 204]);
    let attempts = emulator.attempts();
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 1]);
    let ids: BTreeSet<_> = attempts[..6].iter().map(|attempt| &attempt.message_id).collect();
    assert_eq!(ids.len(), 1, "one message keeps its id");
    assert_eq!((&*attempts[6].object, &*attempts[6].subscription), ("b", "s"));
    assert_eq!(attempts[6].generation, Some(memory.versions_of("b")[0].generation));
    assert!(subscriber.pushes()[0].json().get("deliveryAttempt").is_none());
}

#[tokio::test]
async fn every_status_of_success_acknowledges() {
    for status in [200, 201, 202, 204] {
        let subscriber = Subscriber::start([Answer::Status(status)]).await;
        let (emulator, memory) = announcing(Options::default()).await;
        emulator.subscribe(subscriber.subscription()).unwrap();
        insert(&memory, &["a"]);
        emulator.settled(PATIENCE).await.unwrap();
        assert_eq!(statuses(&emulator), [status]);
    }
}

#[tokio::test]
async fn silence_past_the_deadline_and_a_dead_endpoint_are_not_acknowledgements() {
    let subscriber = Subscriber::start([Answer::Silence]).await;
    let (emulator, memory) = announcing(Options::default()).await;
    let ack_deadline = Duration::from_millis(100);
    emulator.subscribe(Subscription { ack_deadline, ..subscriber.subscription() }).unwrap();
    insert(&memory, &["a"]);
    emulator.settled(PATIENCE).await.unwrap();
    assert_eq!(statuses(&emulator).first(), Some(&0));
    assert_eq!(statuses(&emulator).last(), Some(&204));

    let nobody = Subscription {
        name: "nobody".to_owned(),
        push: Some(Push::to("http://127.0.0.1:9/")),
        dead_letter: dead_letters(3),
        ..subscriber.subscription()
    };
    emulator.subscribe(nobody).unwrap();
    insert(&memory, &["b"]);
    emulator.settled(PATIENCE).await.unwrap();
    let attempts = emulator.attempts();
    let refused = attempts.iter().filter(|attempt| attempt.subscription == "nobody");
    assert_eq!(refused.map(|attempt| attempt.status).collect::<Vec<_>>(), [0, 0, 0]);
}

#[tokio::test]
async fn after_its_attempts_a_message_goes_to_the_dead_letter_topic() {
    let subscriber = Subscriber::start([503; 3].map(Answer::Status)).await;
    let grave = Subscriber::start([]).await;
    let (emulator, memory) = announcing(Options::default()).await;
    emulator
        .subscribe(Subscription {
            name: "projects/p/subscriptions/builder".to_owned(),
            dead_letter: dead_letters(3),
            ..subscriber.subscription()
        })
        .unwrap();
    emulator.subscribe(Subscription { topic: "dead".to_owned(), ..grave.subscription() }).unwrap();
    insert(&memory, &["a"]);
    emulator.settled(PATIENCE).await.unwrap();
    let pushes = subscriber.pushes();
    let numbers = pushes.iter().map(|push| push.json()["deliveryAttempt"].as_u64().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
    assert!(pushes[0].text.starts_with("{\"deliveryAttempt\":1,\"message\":{"));

    let dead = emulator.dead_letters("dead");
    assert_eq!((dead.len(), dead[0].object()), (1, Some("a")));
    let attribute = |key: &str| grave.pushes()[0].attribute(&format!("CloudPubSubDeadLetter{key}"));
    assert_eq!(attribute("SourceDeliveryCount").as_deref(), Some("3"));
    assert_eq!(attribute("SourceSubscription").as_deref(), Some("builder"));
    assert_eq!(attribute("SourceSubscriptionProject").as_deref(), Some("p"));
    let published_at = attribute("SourceTopicPublishTime").unwrap();
    assert!(published_at.ends_with("+00:00"), "{published_at}");
    assert_eq!(grave.objects(), ["a"]);
    assert_eq!(grave.pushes()[0].payload(), pushes[0].payload());
    let id = pushes[0].json()["message"]["messageId"].clone();
    assert_ne!(grave.pushes()[0].json()["message"]["messageId"], id, "published anew");
}

#[tokio::test]
async fn held_messages_gather_and_go_in_order_when_released() {
    let subscriber = Subscriber::start([]).await;
    let (emulator, memory) = announcing(Options::default()).await;
    emulator.subscribe(subscriber.subscription()).unwrap();
    emulator.hold();
    insert_numbered(&memory);
    let left = emulator.settled(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(left.to_string(), "s: 20 waiting, 0 in flight");
    assert_eq!(emulator.attempts(), []);
    emulator.release();
    emulator.settled(PATIENCE).await.unwrap();
    assert_eq!(subscriber.objects(), numbered());
}

/// A port that nobody listens on.
async fn closed() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_folder_remembers_is_not_pushed_where_it_starts_held() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { folder: Some(folder.path().to_owned()), ..Options::default() };
    let subscriber = Subscriber::start([]).await;
    let stale = Subscription { push: Some(Push::to(closed().await)), ..subscriber.subscription() };
    let (emulator, memory) = announcing(options.clone()).await;
    emulator.hold();
    emulator.subscribe(stale.clone()).unwrap();
    insert(&memory, &["a"]);
    emulator.stop().await;
    let emulator = Emulator::start(Options { held: true, ..options }).await.unwrap();
    let found = emulator.subscriptions();
    let found = found.iter().map(|it| it.push.as_ref().unwrap().endpoint.as_str());
    assert_eq!(found.collect::<Vec<_>>(), [stale.push.unwrap().endpoint]);
    // Time enough for an attempt that nobody would answer.
    let left = emulator.settled(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(left.to_string(), "s: 1 waiting, 0 in flight");
    emulator.subscribe(subscriber.subscription()).unwrap();
    emulator.release();
    emulator.settled(PATIENCE).await.unwrap();
    assert_eq!(emulator.attempts().iter().map(|it| it.attempt).collect::<Vec<_>>(), [1]);
    assert_eq!(subscriber.objects(), ["a"]);
}

#[tokio::test]
async fn a_seed_decides_the_order_of_shuffled_messages_and_none_is_lost() {
    let run = async |seed| {
        let subscriber = Subscriber::start([]).await;
        let options = Options { shuffle: Some(seed), ..Options::default() };
        let (emulator, memory) = announcing(options).await;
        emulator.subscribe(subscriber.subscription()).unwrap();
        emulator.hold();
        insert_numbered(&memory);
        // Longer than any of the small delays: what is left is the order.
        emulator.settled(Duration::from_millis(100)).await.unwrap_err();
        emulator.release();
        emulator.settled(PATIENCE).await.unwrap();
        subscriber.objects()
    };
    let mut objects = run(7).await;
    assert_eq!(objects, run(7).await);
    assert_ne!(objects, run(8).await);
    assert_ne!(objects, numbered());
    objects.sort_unstable();
    assert_eq!(objects, numbered());
}

#[tokio::test]
async fn repeated_notifications_are_different_messages() {
    let subscriber = Subscriber::start([]).await;
    let (emulator, memory) = announcing(Options { repeat: 3, ..Options::default() }).await;
    emulator.subscribe(subscriber.subscription()).unwrap();
    insert(&memory, &["a", "b"]);
    emulator.settled(PATIENCE).await.unwrap();
    let pushes = subscriber.pushes();
    let ids: BTreeSet<_> =
        pushes.iter().map(|push| push.json()["message"]["messageId"].to_string()).collect();
    assert_eq!((pushes.len(), ids.len()), (6, 6));
}

#[tokio::test]
async fn announcing_again_tells_the_truth_about_what_is_there_or_gone() {
    let subscriber = Subscriber::start([]).await;
    let (emulator, memory) = announcing(Options::default()).await;
    insert(&memory, &["a", "a"]);
    let versions = memory.versions_of("a");
    emulator.subscribe(subscriber.subscription()).unwrap();
    emulator.announce("b", "a", None).unwrap();
    emulator.announce("b", "a", Some(versions[0].generation)).unwrap();
    emulator.announce("b", "gone", None).unwrap();
    emulator.settled(PATIENCE).await.unwrap();
    let seen: Vec<_> = subscriber
        .pushes()
        .iter()
        .map(|push| (push.object(), push.attribute("objectGeneration").unwrap()))
        .collect();
    let generations = [versions[1].generation, versions[0].generation].map(|g| g.to_string());
    let [live, old] = generations;
    let expected = [("a", live.as_str()), ("a", &old), ("gone", "1")];
    assert_eq!(seen, expected.map(|(name, generation)| (name.to_owned(), generation.to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settled_waits_for_what_follows_from_a_push() {
    let (emulator, memory) = announcing(Options::default()).await;
    let chain = (1..=100).map(|number| Answer::Write(memory.clone(), format!("link {number:02}")));
    let subscriber = Subscriber::start(chain).await;
    emulator.subscribe(subscriber.subscription()).unwrap();
    insert(&memory, &["link 00"]);
    emulator.settled(PATIENCE).await.unwrap();
    let expected: Vec<_> = (0..=100).map(|number| format!("link {number:02}")).collect();
    assert_eq!(subscriber.objects(), expected);
}

#[tokio::test]
async fn pushes_in_flight_are_bounded() {
    let subscriber = Subscriber::start([Answer::Silence, Answer::Silence, Answer::Silence]).await;
    let (emulator, memory) = announcing(Options::default()).await;
    emulator.subscribe(Subscription { in_flight_max: 3, ..subscriber.subscription() }).unwrap();
    insert_numbered(&memory);
    let left = emulator.settled(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(left.to_string(), "s: 17 waiting, 3 in flight");
}

#[tokio::test]
async fn stopped_it_answers_and_pushes_nothing() {
    let subscriber = Subscriber::start([Answer::Silence]).await;
    let (emulator, memory) = announcing(Options::default()).await;
    emulator.subscribe(subscriber.subscription()).unwrap();
    let url = emulator.url();
    insert(&memory, &["a"]);
    emulator.stop().await;
    insert(&memory, &["b"]);
    let answer = crate::client::send(axum::http::Method::GET, &url, &[], "").await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(!subscriber.objects().contains(&"b".to_owned()));
}
