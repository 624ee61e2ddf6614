//! What is said about invalid documents.

use domain::json::Object;
use expect_test::{Expect, expect};
use serde_json::Value;

use super::{CAP_TABLE, IDEA, ROUND, RULE, VENTURE, document, embedded, report, things, validate};

/// Checks a valid example with each of the patches to its top-level fields; `null` takes a field
/// away. The outcome is each patch with what is said about the document.
fn check(example: &str, patches: &[&str], expect: &Expect) {
    let validators = embedded();
    let outcome = |patch: &&str| {
        let outcome = validate(&validators, &patched(example, patch));
        format!("{patch}\n{}", indented(&report(outcome)))
    };
    expect.assert_eq(&patches.iter().map(outcome).collect::<String>());
}

/// Checks one value against each of the schemas.
fn check_schemas(cases: &[(&str, &str)], expect: &Expect) {
    let outcome = |(schema, value): &(&str, &str)| {
        let outcome = things(schema).validate("thing", "1.0.0", &document(value));
        format!("{value} under {schema}\n{}", indented(&report(outcome)))
    };
    expect.assert_eq(&cases.iter().map(outcome).collect::<String>());
}

fn patched(example: &str, patch: &str) -> Value {
    let mut example = document(example);
    let fields = example.as_object_mut().unwrap();
    for (name, value) in document(patch).as_object().unwrap() {
        fields.insert(name.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    example
}

fn indented(report: &str) -> String {
    report.lines().map(|line| format!("  {line}\n")).collect()
}

#[test]
fn the_envelope_is_required() {
    check(
        VENTURE,
        &[
            r#"{"id":null,"env":null,"created_at":null,"updated_at":null}"#,
            r#"{"id":7,"env":"test","created_at":"2025-11-01"}"#,
            r#"{"id":"","updated_at":"2025-02-29T00:00:00Z"}"#,
            r#"{"updated_at":"2025-11-01T00:00:00"}"#,
        ],
        &expect![[r#"
            {"id":null,"env":null,"created_at":null,"updated_at":null}
              /id: expected a value
              /env: expected a value
              /created_at: expected a value
              /updated_at: expected a value
            {"id":7,"env":"test","created_at":"2025-11-01"}
              /id: expected a text, not a number
              /env: expected one of dev, stg, prod
              /created_at: expected an RFC 3339 date and time
            {"id":"","updated_at":"2025-02-29T00:00:00Z"}
              /id: expected at least 1 character
              /updated_at: expected an RFC 3339 date and time
            {"updated_at":"2025-11-01T00:00:00"}
              /updated_at: expected an RFC 3339 date and time
        "#]],
    );
}

#[test]
fn a_document_without_fields_lacks_them_all() {
    let outcome = embedded().validate("venture", "1.0.0", &Value::Object(Object::new()));
    expect![[r#"
        /id: expected a value
        /entity: expected a value
        /env: expected a value
        /schema_version: expected a value
        /created_at: expected a value
        /updated_at: expected a value
    "#]]
    .assert_eq(&report(outcome));
    let outcome = embedded().validate("venture", "1.0.0", &document("[]"));
    expect![[r#"
        the document: expected an object, not an array
    "#]]
    .assert_eq(&report(outcome));
}

#[test]
fn an_unknown_kind_or_version_is_named() {
    check(
        VENTURE,
        &[
            r#"{"schema_version":"2.0.0"}"#,
            r#"{"schema_version":"vv1.0.0"}"#,
            r#"{"schema_version":null}"#,
        ],
        &expect![[r#"
            {"schema_version":"2.0.0"}
              /schema_version: expected one of 1.0.0
            {"schema_version":"vv1.0.0"}
              /schema_version: expected one of 1.0.0
            {"schema_version":null}
              /schema_version: expected one of 1.0.0
        "#]],
    );
    let outcome = things("{}").validate("adventure", "1.0.0", &document("{}"));
    expect![[r#"
        /entity: expected one of thing
    "#]]
    .assert_eq(&report(outcome));
}

#[test]
fn a_document_of_another_kind_is_refused() {
    let outcome = embedded().validate("round", "1.0.0", &document(CAP_TABLE));
    expect![[r#"
        /stage: expected a value
        /targetUSD: expected a value
        /committedUSD: expected a value
        /closeDate: expected a value
        /entity: expected round
    "#]]
    .assert_eq(&report(outcome));
}

#[test]
fn ideas() {
    check(
        IDEA,
        &[
            r#"{"title":""}"#,
            r#"{"score":"8.1"}"#,
            r#"{"score":-1}"#,
            r#"{"score":{"overall":"high"}}"#,
            r#"{"stage_due_date":"next week"}"#,
            r#"{"tags":"ai"}"#,
            r#"{"attachments":["https://a b"]}"#,
        ],
        &expect![[r#"
            {"title":""}
              /title: expected at least 1 character
            {"score":"8.1"}
              /score: expected a number or an object, not a text
            {"score":-1}
              /score: expected at least 0
            {"score":{"overall":"high"}}
              /score/overall: expected a number, not a text
            {"stage_due_date":"next week"}
              /stage_due_date: expected an RFC 3339 date and time
            {"tags":"ai"}
              /tags: expected an array, not a text
            {"attachments":["https://a b"]}
              /attachments/0: expected a text of format uri-reference
        "#]],
    );
}

#[test]
fn ventures() {
    check(
        VENTURE,
        &[
            r#"{"status":["Pilot"]}"#,
            r#"{"milestones":[{"dueDate":"2026-02-30"}]}"#,
            r#"{"milestones":{"milestoneId":"M1"}}"#,
            r#"{"budget":{"spentUSD":"45000"}}"#,
            r#"{"kpis":{"churnRate":2,"userCount":-1}}"#,
            r#"{"status":null,"lead":null,"milestones":null,"budget":null,"kpis":null}"#,
        ],
        &expect![[r#"
            {"status":["Pilot"]}
              /status: expected a text, not an array
            {"milestones":[{"dueDate":"2026-02-30"}]}
              /milestones/0/milestoneId: expected a value
              /milestones/0/dueDate: expected a date, yyyy-mm-dd
            {"milestones":{"milestoneId":"M1"}}
              /milestones: expected an array, not an object
            {"budget":{"spentUSD":"45000"}}
              /budget/spentUSD: expected a number, not a text
            {"kpis":{"churnRate":2,"userCount":-1}}
              /kpis/churnRate: expected at most 1
              /kpis/userCount: expected at least 0
            {"status":null,"lead":null,"milestones":null,"budget":null,"kpis":null}
              valid
        "#]],
    );
}

#[test]
fn rounds() {
    check(
        ROUND,
        &[
            r#"{"stage":"SERIES_C","targetUSD":-1}"#,
            r#"{"closeDate":"31.03.2026"}"#,
            r#"{"ventureId":null,"committedUSD":null}"#,
            r#"{"investors":[1,true]}"#,
            r#"{"terms":"standard"}"#,
            r#"{"committedUSD":3000000}"#,
        ],
        &expect![[r#"
            {"stage":"SERIES_C","targetUSD":-1}
              /stage: expected one of PRESEED, SEED, SERIES_A, SERIES_B, OTHER
              /targetUSD: expected at least 0
            {"closeDate":"31.03.2026"}
              /closeDate: expected a date, yyyy-mm-dd
            {"ventureId":null,"committedUSD":null}
              /ventureId: expected a value
              /committedUSD: expected a value
            {"investors":[1,true]}
              /investors/0: expected a text, not a number
              /investors/1: expected a text, not a boolean
            {"terms":"standard"}
              /terms: expected an object, not a text
            {"committedUSD":3000000}
              valid
        "#]],
    );
}

#[test]
fn cap_tables() {
    check(
        CAP_TABLE,
        &[
            r#"{"holders":[{"holderId":"H","name":"H","security":"STOCK","quantity":-1,"pctFullyDiluted":60}]}"#,
            r#"{"holders":[{"holderId":"H"}]}"#,
            r#"{"asOf":null,"holders":{}}"#,
            r#"{"holders":[]}"#,
        ],
        &expect![[r#"
            {"holders":[{"holderId":"H","name":"H","security":"STOCK","quantity":-1,"pctFullyDiluted":60}]}
              /holders/0/security: expected one of COMMON, PREF, SAFE, NOTE, OPTION
              /holders/0/quantity: expected at least 0
              /holders/0/pctFullyDiluted: expected at most 1
            {"holders":[{"holderId":"H"}]}
              /holders/0/name: expected a value
              /holders/0/security: expected a value
              /holders/0/quantity: expected a value
              /holders/0/pctFullyDiluted: expected a value
            {"asOf":null,"holders":{}}
              /asOf: expected a value
              /holders: expected an array, not an object
            {"holders":[]}
              valid
        "#]],
    );
}

#[test]
fn rules() {
    check(
        RULE,
        &[
            r#"{"severity":"high"}"#,
            r#"{"condition":{"all":[]}}"#,
            r#"{"condition":{"any":[]}}"#,
            r#"{"condition":{"all":[{"path":"a","op":"like","value":"x"}]}}"#,
            r#"{"condition":{"all":[{"path":"a","op":"eq"}]}}"#,
            r#"{"condition":{"all":[{"path":"a","op":"eq","value":null}]}}"#,
            r#"{"condition":{"all":[{"op":"exists","not":true}]}}"#,
            r#"{"condition":{"all":[{"path":"a","op":"exists"},{"path":"b","op":"missing"}]}}"#,
            r#"{"channels":"log","enabled":"yes"}"#,
            r#"{"message":null,"channels":null,"enabled":null}"#,
        ],
        &expect![[r#"
            {"severity":"high"}
              /severity: expected one of info, warning, critical
            {"condition":{"all":[]}}
              /condition/all: expected at least 1 item
            {"condition":{"any":[]}}
              /condition/any: expected no such field
              /condition/all: expected a value
            {"condition":{"all":[{"path":"a","op":"like","value":"x"}]}}
              /condition/all/0/op: expected one of eq, neq, lt, lte, gt, gte, includes, not_includes, exists, missing
            {"condition":{"all":[{"path":"a","op":"eq"}]}}
              /condition/all/0/value: expected a value
            {"condition":{"all":[{"path":"a","op":"eq","value":null}]}}
              /condition/all/0/value: expected a boolean or a number or a text, not null
            {"condition":{"all":[{"op":"exists","not":true}]}}
              /condition/all/0/path: expected a value
              /condition/all/0/not: expected no such field
            {"condition":{"all":[{"path":"a","op":"exists"},{"path":"b","op":"missing"}]}}
              valid
            {"channels":"log","enabled":"yes"}
              /channels: expected an array, not a text
              /enabled: expected a boolean, not a text
            {"message":null,"channels":null,"enabled":null}
              valid
        "#]],
    );
}

#[test]
fn each_operator_but_two_needs_a_value() {
    let operators = "eq neq lt lte gt gte includes not_includes exists missing";
    let bare = |op: &&str| {
        let condition = format!(r#"{{"condition":{{"all":[{{"path":"a","op":"{op}"}}]}}}}"#);
        validate(&embedded(), &patched(RULE, &condition)).is_ok()
    };
    let bare: Vec<&str> = operators.split(' ').filter(bare).collect();
    assert_eq!(bare, ["exists", "missing"]);
}

#[test]
fn other_keywords_than_ours_have_words_too() {
    check_schemas(
        &[
            (r#"{"anyOf":[{"type":"string"},{"minimum":3,"type":"number"}]}"#, "1"),
            (r#"{"oneOf":[{"type":"string"},{"required":["a"]}]}"#, "{}"),
            (r#"{"oneOf":[{"type":"number"},{"minimum":3}]}"#, "4"),
            (r#"{"anyOf":[{"items":{"const":"x"}}]}"#, r#"["y"]"#),
            (r#"{"not":{"type":"number"}}"#, "4"),
            (r#"{"pattern":"^a+$"}"#, r#""b""#),
            (r#"{"propertyNames":{"maxLength":1}}"#, r#"{"ab":1}"#),
            (r#"{"contains":{"const":1}}"#, "[2]"),
            (r#"{"prefixItems":[true],"items":false}"#, "[1,2]"),
            (r#"{"maxItems":1}"#, "[1,2]"),
            (r#"{"maxLength":1,"minLength":3}"#, r#""ab""#),
            (r#"{"exclusiveMinimum":2,"exclusiveMaximum":2}"#, "2"),
            (r#"{"minProperties":1}"#, "{}"),
            (r#"{"dependentRequired":{"a":["b"]}}"#, r#"{"a":1}"#),
            (r#"{"unevaluatedProperties":false}"#, r#"{"a":1,"b":2}"#),
            (r#"{"format":"email"}"#, r#""nobody""#),
        ],
        &expect![[r#"
            1 under {"anyOf":[{"type":"string"},{"minimum":3,"type":"number"}]}
              the document: expected a text, not a number; or at least 3
            {} under {"oneOf":[{"type":"string"},{"required":["a"]}]}
              the document: expected a text, not an object; or a field a
            4 under {"oneOf":[{"type":"number"},{"minimum":3}]}
              the document: expected exactly one alternative to fit
            ["y"] under {"anyOf":[{"items":{"const":"x"}}]}
              the document: expected x at /0
            4 under {"not":{"type":"number"}}
              the document: expected anything but what the schema excludes
            "b" under {"pattern":"^a+$"}
              the document: expected a text that matches ^a+$
            {"ab":1} under {"propertyNames":{"maxLength":1}}
              the document: expected field names, each at most 1 character
            [2] under {"contains":{"const":1}}
              the document: expected an item of the kind that the schema asks for
            [1,2] under {"prefixItems":[true],"items":false}
              /1: expected no value
            [1,2] under {"maxItems":1}
              the document: expected at most 1 item
            "ab" under {"maxLength":1,"minLength":3}
              the document: expected at least 3 characters
              the document: expected at most 1 character
            2 under {"exclusiveMinimum":2,"exclusiveMaximum":2}
              the document: expected more than 2
              the document: expected less than 2
            {} under {"minProperties":1}
              the document: expected at least 1 field
            {"a":1} under {"dependentRequired":{"a":["b"]}}
              /b: expected a value
            {"a":1,"b":2} under {"unevaluatedProperties":false}
              /a: expected no such field
              /b: expected no such field
            "nobody" under {"format":"email"}
              the document: expected a text of format email
        "#]],
    );
}
