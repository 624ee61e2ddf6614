//! Any bytes at all: what `fuzzing::push` asserts, of some thousand inputs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::{RECORD, attributes, push, push_of, resource};
use crate::decode::{Malformed, notification};
use crate::fuzzing;
use crate::server::BODY_BYTES_MAX;

/// The same inputs each time. What fails is printed, and becomes a test with a name.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
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

#[test]
fn the_largest_message_is_read() {
    let mut object = resource(RECORD);
    object["metadata"] = "é".repeat(5 * 1024 * 1024 - 2048).into();
    let body = push_of(&attributes(RECORD), &object.to_string()).to_string();
    assert!((BODY_BYTES_MAX - 2 * 1024 * 1024..BODY_BYTES_MAX).contains(&body.len()));
    assert_eq!(notification(body.as_bytes()), notification(&push(RECORD)));
    fuzzing::push(body.as_bytes());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_bytes_and_fields(body in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzzing::push(&body);
    }

    #[test]
    fn arbitrary_json(envelope in values(), data in values()) {
        fuzzing::push(envelope.to_string().as_bytes());
        fuzzing::push(json!({"message": envelope}).to_string().as_bytes());
        fuzzing::push(push_of(&envelope, &data.to_string()).to_string().as_bytes());
    }

    #[test]
    fn arbitrary_names(name in names(), generation in any::<u64>()) {
        let mut some = attributes(&name);
        some["objectGeneration"] = generation.to_string().into();
        fuzzing::push(push_of(&some, "").to_string().as_bytes());
        fuzzing::push(push_of(&Value::Null, &resource(&name).to_string()).to_string().as_bytes());
        // What a subscription without the wrapper sends, and what Eventarc sends.
        let cloud_event = json!({
            "specversion": "1.0",
            "type": "google.cloud.storage.object.v1.finalized",
            "data": resource(&name),
        });
        for body in [resource(&name), cloud_event].map(|body| body.to_string()) {
            prop_assert_eq!(notification(body.as_bytes()), Err(Malformed::Envelope));
        }
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
                fuzzing::push(body.to_string().as_bytes());
            } else {
                fuzzing::push(bytes);
            }
        }
    }
}
