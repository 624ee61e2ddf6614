//! Hostile documents and schemas.

use expect_test::expect;
use serde_json::Value;

use super::{CAP_TABLE, ROUND, document, embedded, report, things, validate};
use crate::VIOLATIONS_MAX;

/// As deep as [`domain::json::parse`] reads.
const LEVELS_MAX: usize = 127;

fn nested(levels: usize) -> String {
    format!("{}1{}", r#"{"in":"#.repeat(levels), "}".repeat(levels))
}

#[test]
fn the_deepest_document_is_checked() {
    let mut round = document(ROUND);
    round["terms"] = document(&nested(LEVELS_MAX));
    assert_eq!(report(validate(&embedded(), &round)), "valid\n");
}

#[test]
fn a_schema_that_refers_to_itself_follows_the_deepest_document() {
    let schema = r##"{"type":["object","null"],"properties":{"in":{"$ref":"#"}}}"##;
    let outcome = things(schema).validate("thing", "1.0.0", &document(&nested(LEVELS_MAX)));
    let violations = outcome.unwrap_err();
    assert_eq!(violations.len(), 1);
    assert!(violations[0].pointer.starts_with("/in/in/in/"), "{violations:?}");
    assert_eq!(violations[0].expected, "null or an object, not a number");
}

#[test]
fn violations_beyond_the_bound_are_counted() {
    let mut table = document(CAP_TABLE);
    table["holders"] = Value::from(vec![0; VIOLATIONS_MAX + 3]);
    let violations = validate(&embedded(), &table).unwrap_err();
    assert_eq!(violations.len(), VIOLATIONS_MAX + 1);
    expect![[r#"
        /holders/18: expected an object, not a number
        /holders/19: expected an object, not a number
        the document: expected no more violations than shown, found 3 more
    "#]]
    .assert_eq(&report(Err(violations[VIOLATIONS_MAX - 2..].to_vec())));
}

#[test]
fn a_very_large_document_gets_its_first_violation() {
    let mut table = document(CAP_TABLE);
    table["holders"] = Value::from(vec![0; 1_000_000]);
    expect![[r#"
        /holders/0: expected an object, not a number
        the document: expected all to be well after the first violation, which is shown
    "#]]
    .assert_eq(&report(validate(&embedded(), &table)));
}

#[test]
fn a_very_large_document_can_be_valid() {
    let mut round = document(ROUND);
    round["investors"] = Value::from(vec!["INV"; 200_000]);
    assert_eq!(report(validate(&embedded(), &round)), "valid\n");
}

#[test]
fn messages_are_short_and_quote_no_content() {
    let secret = "é".repeat(100_000);
    let schema = r#"{"additionalProperties":{"type":"number"},"properties":{"n":{"enum":[1]}}}"#;
    let mut thing = document("{}");
    thing["n"] = Value::from(secret.as_str());
    thing[&secret] = Value::from(secret.as_str());
    let violations = things(schema).validate("thing", "1.0.0", &thing).unwrap_err();
    assert_eq!(violations.len(), 2);
    assert!(violations.iter().all(|violation| !violation.expected.contains('é')));
    assert!(violations.iter().all(|violation| violation.to_string().chars().count() < 340));
}

#[test]
fn a_field_name_is_escaped_in_a_pointer() {
    let schema = r#"{"required":["a/b~c"],"properties":{"x/y":false}}"#;
    let outcome = things(schema).validate("thing", "1.0.0", &document(r#"{"x/y":1}"#));
    let mut lines: Vec<String> = report(outcome).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["/a~1b~0c: expected a value", "/x~1y: expected no value"]);
}

#[test]
fn references_are_never_fetched() {
    for schema in [
        r#"{"$ref":"https://example.com/other.json"}"#,
        r#"{"$ref":"http://127.0.0.1:1/other.json"}"#,
        r#"{"$ref":"file:///etc/hostname"}"#,
        r#"{"$ref":"other.json"}"#,
    ] {
        let errors = things(schema).compile_all().unwrap_err();
        assert_eq!(errors.len(), 1, "{schema}");
    }
}

#[test]
fn a_schema_that_does_not_compile_refuses_with_the_reason() {
    for (schema, expect) in [
        (
            r#"{"type":"objekt"}"#,
            expect![[r#"
            the document: expected a usable schema of thing 1.0.0: /type: "objekt" is not valid under any of the schemas listed in the 'anyOf' keyword
        "#]],
        ),
        (
            r#"{"format":"dat"}"#,
            expect![[r#"
            the document: expected a usable schema of thing 1.0.0: /format: Unknown format: 'dat'. Adjust configuration to ignore unrecognized formats
        "#]],
        ),
        (
            r#"{"#,
            expect![[r#"
            the document: expected a usable schema of thing 1.0.0: not JSON: EOF while parsing an object at line 1 column 1
        "#]],
        ),
        (
            r#"3"#,
            expect![[r#"
                the document: expected a usable schema of thing 1.0.0: 3 is not of types "boolean", "object"
            "#]],
        ),
    ] {
        expect.assert_eq(&report(things(schema).validate("thing", "1.0.0", &document("{}"))));
    }
}
