//! Notes about what can never be handled.

use std::sync::Arc;

use domain::{Failure, ObjectName};
use expect_test::expect;
use store::ErrorKind;

use super::{Notes, RECORD, push, tools};
use crate::decode::notification;
use crate::quarantine::{name, quarantine};

async fn kept(store: &Arc<Notes>, object: &str) -> Result<(), Failure> {
    let notification = notification(&push(object)).unwrap();
    let reasons = ["first".to_owned(), "second".to_owned()];
    let version = notification.version();
    quarantine(&tools(Arc::clone(store)), "snapshot-builder", version, &reasons).await
}

fn place(object: &str) -> String {
    let name = name("rules-engine", notification(&push(object)).unwrap().version()).unwrap();
    assert_eq!(ObjectName::parse(&name.to_string()), Ok(name.clone()));
    let name = name.to_string();
    name.rsplit_once('/').unwrap().0.strip_prefix("env/dev/reports/quarantine/").unwrap().to_owned()
}

#[tokio::test]
async fn a_note_says_what_where_and_why() {
    let store = Arc::new(Notes::default());
    kept(&store, "env/dev/ventures/Zürich/history/2025/11/06/1.json").await.unwrap();
    expect![[r#"
        env/dev/reports/quarantine/snapshot-builder/ventures/Zürich/d023b1e9c0d1e266812601cfa9b20bf7.json
        {"function":"snapshot-builder","object":"env/dev/ventures/Zürich/history/2025/11/06/1.json","generation":"1607428286395814","reasons":["first","second"],"quarantined_at":"2025-11-06T10:20:00.000Z"}
        {
            "definitions": "d",
            "source-generation": "1607428286395814",
            "source-name": "env/dev/ventures/Z%C3%BCrich/history/2025/11/06/1.json",
            "version": "builder-00007",
        }
    "#]]
    .assert_eq(&store.text());
}

#[tokio::test]
async fn a_repetition_leaves_the_note_that_is_there() {
    let store = Arc::new(Notes::default());
    kept(&store, RECORD).await.unwrap();
    let before = store.text();
    kept(&store, RECORD).await.unwrap();
    assert_eq!(store.text(), before);
}

#[tokio::test]
async fn another_generation_is_another_note() {
    let store = Arc::new(Notes::default());
    let mut notification = notification(&push(RECORD)).unwrap();
    for generation in [1, 2] {
        notification.generation = domain::Generation(generation);
        quarantine(&tools(Arc::clone(&store)), "f", notification.version(), &[]).await.unwrap();
    }
    assert_eq!(store.names().len(), 2);
}

#[tokio::test]
async fn a_note_that_cannot_be_written_is_a_retry() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Rejected, ErrorKind::Throttled] {
        let failure = kept(&Notes::failing(kind), RECORD).await.unwrap_err();
        let Failure::Retry(reason) = failure else { panic!("{failure:?}") };
        assert!(reason.starts_with("quarantine: put env/dev/"), "{reason}");
    }
}

#[test]
fn the_place_follows_from_the_object() {
    let long = "é".repeat(200);
    let objects = [
        RECORD,
        "env/dev/snapshots/ventures/V 1.json",
        "env/dev/indices/rules/_bundle.json",
        "env/dev/reports/alerts/R1/V1/A1.json",
        "env/dev/ventures/V#1/history/2025/11/06/1.json",
        "env/dev/ventures/../history/2025/11/06/1.json",
        "env/dev/ventures//history/2025/11/06/1.json",
        "env/dev/reports/alerts/history/2025/11/06/1.json",
        &format!("env/dev/ventures/{long}/history/2025/11/06/1.json"),
        "env/dev/UPPER/V1/history/2025/11/06/1.json",
        "env/dev/",
    ];
    let places: Vec<String> = objects.into_iter().map(place).collect();
    expect![[r#"
        rules-engine/ventures/V1
        rules-engine/ventures/V 1
        rules-engine/unknown/_bundle.json
        rules-engine/unknown/V1
        rules-engine/ventures/V%231
        rules-engine/ventures/unknown%2E%2E
        rules-engine/ventures/unknown
        rules-engine/reports/alerts
        rules-engine/ventures/%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9
        rules-engine/unknown/V1
        rules-engine/unknown/unknown"#]].assert_eq(&places.join("\n"));
}
