//! Any bytes at all: an answer, never a panic, and nothing invented.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::{Class, ObjectName};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{BUCKET, attributes, push, push_of, resource};
use crate::admission::{Admission, admit};
use crate::decode::notification;
use crate::quarantine;

/// Reads `body`, admits it, names its place in quarantine; checks what holds for all of them.
fn take(body: &[u8]) {
    let Ok(notification) = notification(body) else { return };
    match admit(&notification, BUCKET, &[Class::History, Class::Snapshot]) {
        Admission::Handle(delivery) => {
            assert_eq!(delivery.name.to_string(), notification.object);
            assert_eq!(delivery.generation, notification.generation);
            assert_eq!(notification.bucket, BUCKET);
        }
        Admission::Reject(reason) => {
            assert!(!reason.is_empty());
            assert!(quarantine::name("snapshot-builder", &notification).is_some());
        }
        Admission::Skip(_) => (),
    }
    if let Some(name) = quarantine::name("snapshot-builder", &notification) {
        assert_eq!(ObjectName::parse(&name.to_string()), Ok(name.clone()), "{name}");
        assert!(name.to_string().len() <= 1024);
    }
}

/// Object names near ours: every part can be a word, something hostile, or nothing.
fn names() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("history".to_owned()),
        Just("snapshots".to_owned()),
        Just("ventures".to_owned()),
        Just("..".to_owned()),
        Just(String::new()),
        Just("2025".to_owned()),
        Just("11".to_owned()),
        "[a-z0-9#*?\\[\\]%. é\u{0}-\u{1f}]{0,12}",
        ".{0,200}",
    ];
    let shaped = (part.clone(), part.clone(), part.clone()).prop_map(|(segment, id, file)| {
        format!("env/dev/{segment}/{id}/history/2025/11/06/{file}.json")
    });
    let free =
        prop::collection::vec(part, 0..9).prop_map(|parts| format!("env/prod/{}", parts.join("/")));
    prop_oneof![shaped, free, any::<String>()]
}

fn values() -> impl Strategy<Value = Value> {
    let words = ["message", "attributes", "data", "bucketId", "objectId", "objectGeneration"];
    let more = ["eventType", "kind", "name", "bucket", "generation", "storage#object", "1"];
    let word = prop::sample::select([&words[..], &more[..]].concat()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let key = prop_oneof![word.clone(), ".{0,5}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
        take(&body);
    }

    #[test]
    fn arbitrary_json(envelope in values(), data in values()) {
        take(envelope.to_string().as_bytes());
        take(json!({"message": envelope}).to_string().as_bytes());
        take(push_of(&envelope, &data.to_string()).to_string().as_bytes());
    }

    #[test]
    fn arbitrary_names(name in names(), generation in any::<u64>()) {
        let mut some = attributes(&name);
        some["objectGeneration"] = generation.to_string().into();
        take(push_of(&some, "").to_string().as_bytes());
        take(push_of(&Value::Null, &resource(&name).to_string()).to_string().as_bytes());
    }

    #[test]
    fn mutated_pushes(
        name in names(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        inside in any::<bool>(),
    ) {
        // Either the envelope is damaged, or the payload inside a good one.
        let mut bytes = if inside { resource(&name).to_string().into_bytes() } else { push(&name) };
        for (index, byte) in changes {
            *index.get_mut(&mut bytes) = byte;
        }
        let cut = &bytes[..end.index(bytes.len() + 1)];
        for bytes in [&bytes[..], cut] {
            if inside {
                let body = json!({"message": {"data": BASE64_STANDARD.encode(bytes)}});
                take(body.to_string().as_bytes());
            } else {
                take(bytes);
            }
        }
    }
}
