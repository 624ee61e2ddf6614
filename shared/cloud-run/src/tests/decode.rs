//! Bodies of pushes and what they say.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{RECORD, attributes, push, push_of, resource};
use crate::decode::notification;

fn check(body: &[u8], expect: &Expect) {
    let text = match notification(body) {
        Ok(it) => format!(
            "{} {} {} finalized={} {:?} created={} attempts={:?}",
            it.bucket,
            it.object.rsplit('/').next().unwrap_or_default(),
            it.generation,
            it.finalized,
            it.overwrote,
            it.created_at.map_or("-".to_owned(), |at| at.to_string()),
            it.attempts,
        ),
        Err(malformed) => malformed.to_string(),
    };
    expect.assert_eq(&text);
}

fn check_json(body: &Value, expect: &Expect) {
    check(body.to_string().as_bytes(), expect);
}

#[test]
fn attributes_and_payload() {
    check(
        &push(RECORD),
        &expect![
            "strata 2025-11-06T10:18:22.000Z_01A.json 1607428286395814 finalized=true Nothing created=2025-11-06T10:18:22.395Z attempts=Some(3)"
        ],
    );
}

#[test]
fn a_push_as_the_real_service_sends_it() {
    let data = "ewogICJraW5kIjogInN0b3JhZ2Ujb2JqZWN0IiwKICAibmFtZSI6ICJ0ZXN0X2Z1bGxfMS5jc3YiLAogICJidWNrZXQiOiAicmF3LTEiLAogICJnZW5lcmF0aW9uIjogIjE2MDc0MjgyODYzOTU4MTQiLAogICJ0aW1lQ3JlYXRlZCI6ICIyMDIwLTEyLTA4VDExOjUxOjI2LjM5NVoiCn0K";
    let body = format!(
        r#"{{"deliveryAttempt":37,"message":{{"attributes":{{"bucketId":"raw-1","eventTime":"2020-12-08T11:51:26.395668Z","eventType":"OBJECT_FINALIZE","notificationConfig":"projects\/_\/buckets\/raw-1\/notificationConfigs\/1","objectGeneration":"1607428286395814","objectId":"test_full_1.csv","overwroteGeneration":"1607423100840561","payloadFormat":"JSON_API_V1"}},"data":"{data}","messageId":"1670753549413554","message_id":"1670753549413554","publishTime":"2020-12-08T11:51:26.744Z","publish_time":"2020-12-08T11:51:26.744Z"}},"subscription":"projects/p/subscriptions/s"}}"#
    );
    check(
        body.as_bytes(),
        &expect![
            "raw-1 test_full_1.csv 1607428286395814 finalized=true Generation(Generation(1607423100840561)) created=2020-12-08T11:51:26.395Z attempts=Some(37)"
        ],
    );
}

#[test]
fn attributes_alone() {
    let body = json!({"message": {"attributes": attributes("o")}});
    check_json(
        &body,
        &expect!["strata o 1607428286395814 finalized=true Nothing created=- attempts=None"],
    );
}

#[test]
fn payload_alone_does_not_know_what_was_overwritten() {
    let payload = resource("o").to_string();
    let expect = expect![
        "strata o 1607428286395814 finalized=true Unknown created=2025-11-06T10:18:22.395Z attempts=Some(3)"
    ];
    check_json(&push_of(&json!({}), &payload), &expect);
    check_json(&push_of(&Value::Null, &payload), &expect);
    // Attributes that are not complete do not count at all.
    for missing in ["bucketId", "objectId", "objectGeneration", "eventType"] {
        let mut some = attributes("from-attributes");
        some["overwroteGeneration"] = "5".into();
        some.as_object_mut().unwrap().remove(missing);
        check_json(&push_of(&some, &payload), &expect);
    }
}

#[test]
fn other_events_are_known_by_their_type_wherever_the_rest_comes_from() {
    let mut archived = attributes("o");
    archived["eventType"] = "OBJECT_ARCHIVE".into();
    let expect =
        expect!["strata o 1607428286395814 finalized=false Nothing created=- attempts=Some(3)"];
    check_json(&push_of(&archived, ""), &expect);
    let only_type = json!({"eventType": "OBJECT_DELETE"});
    let expect = expect![
        "strata o 1607428286395814 finalized=false Unknown created=2025-11-06T10:18:22.395Z attempts=Some(3)"
    ];
    check_json(&push_of(&only_type, &resource("o").to_string()), &expect);
}

#[test]
fn an_overwritten_generation_that_cannot_be_read_is_unknown() {
    let mut some = attributes("o");
    some["overwroteGeneration"] = "many".into();
    check_json(
        &push_of(&some, ""),
        &expect!["strata o 1607428286395814 finalized=true Unknown created=- attempts=Some(3)"],
    );
}

#[test]
fn every_base64_is_read() {
    // The two characters in which the alphabets differ both occur, and padding is needed.
    let mut object = resource("o");
    object["note"] = "\u{fbff}?>~\u{7fb}".into();
    let payload = ["", " ", "  "].map(|end| format!("{object}{end}"));
    let payload = payload.iter().find(|text| BASE64_STANDARD.encode(text).ends_with("==")).unwrap();
    let standard = BASE64_STANDARD.encode(payload);
    assert!(standard.contains(['+', '/']), "{standard}");
    let url_safe = BASE64_URL_SAFE.encode(payload);
    let unpadded = url_safe.trim_end_matches('=').to_owned();
    for data in [standard, url_safe, unpadded, BASE64_STANDARD_NO_PAD.encode(payload)] {
        let body = json!({"message": {"data": data}});
        check_json(
            &body,
            &expect![
                "strata o 1607428286395814 finalized=true Unknown created=2025-11-06T10:18:22.395Z attempts=None"
            ],
        );
    }
}

#[test]
fn what_is_no_notification_is_malformed() {
    let envelope = expect!["body is not a wrapped Pub/Sub push"];
    for body in ["", "null", "[]", "{}", "1E400", "\u{feff}{}", r#"{"message":null}"#, "{\"a\":1}x"]
    {
        check(body.as_bytes(), &envelope);
    }
    check(&[0xff, 0xfe], &envelope);
    check(br#"{"message":{},"message":{}}"#, &envelope);
    check(br#"{"message":{},"deliveryAttempt":1E400}"#, &envelope);
    check("[".repeat(100_000).as_bytes(), &envelope);
    check(format!("{{\"message\":{}", "{\"a\":".repeat(100_000)).as_bytes(), &envelope);

    // By position instead of by name: nobody sends that, and we read no names into it.
    let listed = json!([RECORD, RECORD, "1", "OBJECT_FINALIZE", null]);
    check_json(&json!([{"attributes": attributes("o")}, 1]), &envelope);
    check_json(&json!({"message": [attributes("o"), ""]}), &envelope);
    check_json(&json!({"message": {"attributes": listed}}), &envelope);

    let message = expect!["message has neither the attributes nor the payload of a notification"];
    let not_a_resource =
        json!({"kind": "storage#bucket", "name": "o", "bucket": "b", "generation": "1"});
    let listed = r#"["storage#object","b","o","1",null]"#;
    for payload in ["", "{}", "\"", "hello", listed, &not_a_resource.to_string()] {
        check_json(&push_of(&Value::Null, payload), &message);
    }
    check_json(&json!({"message": {"data": "%%%"}}), &message);

    let mut some = attributes("o");
    some["objectGeneration"] = "-1".into();
    check_json(&push_of(&some, ""), &expect!["generation is not a number"]);
    let name = expect!["object name is empty or longer than 1024 bytes"];
    check_json(&push_of(&attributes(""), ""), &name);
    check_json(&push_of(&attributes(&"x".repeat(1025)), ""), &name);
}
