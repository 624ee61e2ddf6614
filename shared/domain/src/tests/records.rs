//! Records, read from their objects.

use expect_test::{Expect, expect};

use crate::{
    Change, Definitions, HistoryName, Instant, ObjectName, OrderKey, RECORD_BOUNDS, Record,
};

const NAME: &str = "env/prod/ideas/I1/history/2025/11/06/2025-11-06T10:18:22.000Z_01HFB9.json";

fn name(text: &str) -> HistoryName {
    let Ok(ObjectName::History(name)) = ObjectName::parse(text) else { panic!("{text}") };
    name
}

fn definitions() -> Definitions {
    let entity = r#"{"entity":"idea","segment":"ideas","schema_versions":["1.0.0"],"manifest":{}}"#;
    let files = [("idea/entity.json", entity), ("idea/v1.0.0.schema.json", "{}")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Definitions::from_files(files).unwrap()
}

fn read(object: &str, body: &str) -> Result<Record, Vec<String>> {
    let created_at = Instant::parse("2025-11-06T12:00:00Z").unwrap();
    let definitions = definitions();
    Record::read(&name(object), body.as_bytes(), created_at, definitions.entity("idea").unwrap())
}

fn check(body: &str, expect: Expect) {
    expect.assert_eq(&match read(NAME, body) {
        Ok(Record { key, change, .. }) => {
            let (word, object) = match change {
                Change::Full(object) => ("full", object),
                Change::Merge(object) => ("merge", object),
                Change::Delete => ("delete", Default::default()),
            };
            format!("{} {word} {}", key.updated_at, serde_json::Value::Object(object))
        }
        Err(reasons) => reasons.join("\n"),
    });
}

#[test]
fn missing_envelope_fields_are_filled_from_the_name() {
    check(
        r#"{"title":"A","entity":"idea"}"#,
        expect![[
            r#"2025-11-06T10:18:22Z full {"id":"I1","env":"prod","updated_at":"2025-11-06T10:18:22.000Z","title":"A","entity":"idea"}"#
        ]],
    );
}

#[test]
fn reserved_fields_speak_of_the_record_and_stay_in_it() {
    check(
        r#"{"id":"I1","op":"merge","origin":"seed","actor":"bob","reason":"x","created_at":"2020-01-01T00:00:00Z","title":null,"updated_at":"2025-11-06T10:00:00+01:00"}"#,
        expect![[
            r#"2025-11-06T09:00:00Z merge {"title":null,"updated_at":"2025-11-06T10:00:00+01:00"}"#
        ]],
    );
    check(r#"{"op":"delete","title":"gone"}"#, expect!["2025-11-06T10:18:22Z delete {}"]);
}

#[test]
fn every_reason_is_given() {
    check(
        r#"{"id":"I2","env":"dev","entity":7,"op":"upsert","updated_at":"yesterday"}"#,
        expect![[r#"
            /env: expected "prod", as the object name says
            /entity: expected "idea", as the object name says
            /id: expected "I1", as the object name says
            /updated_at: expected an RFC 3339 date and time, here or in the object name
            /op: expected "merge", "delete" or no such field"#]],
    );
    check("[]", expect!["a record is a JSON object"]);
    check("{", expect!["not JSON: EOF while parsing an object at line 1 column 1"]);
    check(r#"{"op":"merge","schema_version":null}"#, expect!["/schema_version: expected a text"]);
    check(r#"{"updated_at":null}"#, expect!["/updated_at: expected an RFC 3339 date and time"]);
}

#[test]
fn a_record_is_dated_at_most_a_day_after_its_object() {
    check(
        r#"{"op":"delete","updated_at":"2025-11-07T12:00:00Z"}"#,
        expect!["2025-11-07T12:00:00Z delete {}"],
    );
    check(
        r#"{"op":"delete","updated_at":"2025-11-07T12:00:00.001Z"}"#,
        expect![
            "/updated_at: 2025-11-07T12:00:00.001Z is more than 24 h after its object was created"
        ],
    );
}

#[test]
fn the_record_id_is_what_follows_the_last_underscore_or_the_stem() {
    let id = |file: &str| {
        name(&format!("env/dev/ideas/I/history/2025/11/06/{file}")).record_id().to_owned()
    };
    assert_eq!(id("2025-11-06T10:18:22Z_01HFB9.json.gz"), "01HFB9");
    assert_eq!(id("a_b_c.json"), "c");
    assert_eq!(id("plain.json"), "plain");
    assert!(read("env/prod/ideas/I1/history/2025/11/06/plain.json", "{}").is_err());
}

#[test]
fn order_is_instant_then_record_id_then_name() {
    let key = |time: &str, file: &str| {
        let name = name(&format!("env/dev/ideas/I/history/{file}"));
        OrderKey::new(Instant::parse(time).unwrap(), &name)
    };
    let ascending = [
        key("2025-11-06T10:00:00.5Z", "2025/11/06/z_9.json"),
        key("2025-11-06T12:00:00+01:00", "2025/11/07/a_1.json"),
        key("2025-11-06T11:00:00Z", "2025/11/06/b_2.json"),
        key("2025-11-06T11:00:00Z", "2025/11/07/a_2.json"),
    ];
    assert!(ascending.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_record_holds_no_more_than_its_bounds() {
    let nested = |levels: usize| {
        format!(r#"{{"op":"merge","a":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    assert!(read(NAME, &nested(RECORD_BOUNDS.depth - 1)).is_ok());
    check(&nested(RECORD_BOUNDS.depth), expect!["not JSON: nested too deep at line 1 column 82"]);
    let many = |values: usize| format!(r#"{{"op":"merge","a":[{}0]}}"#, "0,".repeat(values - 1));
    // The object, op and the array are values too.
    assert!(read(NAME, &many(RECORD_BOUNDS.values - 3)).is_ok());
    let reasons = read(NAME, &many(RECORD_BOUNDS.values - 2)).unwrap_err();
    assert!(
        reasons[0].starts_with("not JSON: more values than a document may hold"),
        "{reasons:?}"
    );
}

#[test]
fn an_instant_can_be_written_down_again() {
    for text in ["0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2025-11-06"] {
        assert_eq!(Instant::parse(text), None, "{text}");
    }
    for text in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2016-12-31T23:59:60Z"] {
        let instant = Instant::parse(text).unwrap();
        assert_eq!(Instant::parse(&instant.to_string()), Some(instant), "{text}");
    }
}

#[test]
fn dates_of_headers_are_read_in_the_form_that_senders_use() {
    let at = Instant::parse("1994-11-06T08:49:37Z");
    assert_eq!(Instant::parse_http("Sun, 06 Nov 1994 08:49:37 GMT"), at);
    assert_eq!(at.unwrap().to_http_text(), "Sun, 06 Nov 1994 08:49:37 GMT");
    for text in [
        "",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
    ] {
        assert_eq!(Instant::parse_http(text), None, "{text}");
    }
}
