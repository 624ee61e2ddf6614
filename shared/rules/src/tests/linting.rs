//! What lint finds, and what it does not.

use expect_test::{Expect, expect};

use super::{object, value};
use crate::lint::lint;
use crate::rule::Rule;

const SCHEMA: &str = r##"{"type":"object","allOf":[{"$ref":"#/$defs/envelope"}],
    "properties":{"status":{"enum":["Seed","Pilot"]},"n":{"type":"number"},"due":{"type":"string","format":"date"},
    "tags":{"type":"array","items":{"type":"string"}},"free":{},"score":{"type":["object","number"]},
    "list":{"type":"array","items":{"$ref":"#/$defs/row"}},"loop":{"$ref":"#/$defs/loop"}},
    "$defs":{"envelope":{"properties":{"id":{"type":"string"}}},"loop":{"$ref":"#/$defs/loop"},
    "row":{"type":"object","properties":{"v":{"type":"number"},"kind":{"const":"a"}},"additionalProperties":false}}}"##;

fn check(condition: &str, expected: Expect) {
    check_firing(condition, "{}", expected);
}

fn check_firing(condition: &str, fires: &str, expected: Expect) {
    let rule =
        format!(r#"{{"id":"r","applies_to":"venture","condition":{condition},"fires":{fires}}}"#);
    let rule = Rule::read(&object(&rule)).unwrap();
    let found = lint(&rule, Some(&value(SCHEMA)));
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn contradictions_are_found() {
    check(
        r#"{"all":[{"path":"n","op":"gt","value":5},{"path":"n","op":"lt","value":3}]}"#,
        expect!["error: /condition/all/1: never holds together with n gt 5"],
    );
    check(
        r#"{"all":[{"path":"n","op":"gt","value":5},{"all":[{"path":"n","op":"lte","value":5}]}]}"#,
        expect!["error: /condition/all/1/all/0: never holds together with n gt 5"],
    );
    check(
        r#"{"all":[{"path":"status","op":"eq","value":"Seed"},{"path":"status","op":"eq","value":"Pilot"}]}"#,
        expect![[r#"error: /condition/all/1: never holds together with status eq "Seed""#]],
    );
    check(
        r#"{"all":[{"path":"status","op":"missing"},{"path":"status","op":"in","value":["Pilot"]}]}"#,
        expect!["error: /condition/all/1: never holds together with status missing"],
    );
    check(
        r#"{"all":[{"path":"n","op":"between","value":[1,2]},{"path":"n","op":"gte","value":3}]}"#,
        expect!["error: /condition/all/1: never holds together with n between [1,2]"],
    );
    check(
        r#"{"all":[{"path":"status","op":"in","value":["Seed","Pilot"]},{"path":"status","op":"starts_with","value":"X"}]}"#,
        expect![[
            r#"error: /condition/all/1: never holds together with status in ["Seed","Pilot"]"#
        ]],
    );
    check(
        r#"{"all":[{"path":"n","op":"eq","value":1},{"path":"n","op":"neq","value":1.0}]}"#,
        expect!["error: /condition/all/1: never holds together with n eq 1"],
    );
    check(
        r#"{"path":"n","op":"between","value":[2,1]}"#,
        expect![
            "error: /condition/value: nothing lies between: the first bound is above the second"
        ],
    );
    check(
        r#"{"any":[{"path":"n","op":"lt","value":1},{"path":"n","op":"lt","value":1}]}"#,
        expect!["warning: /condition/any/1: is there twice"],
    );
    check(
        r#"{"any_of":"list","where":{"all":[{"path":"v","op":"gt","value":5},{"path":"v","op":"lt","value":3}]}}"#,
        expect!["error: /condition/where/all/1: never holds together with v gt 5"],
    );
}

#[test]
fn what_can_be_fulfilled_is_no_contradiction() {
    for text in [
        r#"{"all":[{"path":"n","op":"gt","value":3},{"path":"n","op":"lt","value":5}]}"#,
        r#"{"all":[{"path":"n","op":"gte","value":5},{"path":"n","op":"lte","value":5.0}]}"#,
        r#"{"any":[{"path":"n","op":"gt","value":5},{"path":"n","op":"lt","value":3}]}"#,
        r#"{"all":[{"path":"n","op":"missing"},{"path":"n","op":"neq","value":3}]}"#,
        r#"{"all":[{"path":"status","op":"in","value":["Seed","Pilot"]},{"path":"status","op":"matches","value":"^S"}]}"#,
        r#"{"all":[{"path":"due","op":"gt","value":"2026-01-01"},{"path":"due","op":"lt","value":"2026-01-01T00:00:01Z"}]}"#,
        r#"{"all":[{"path":"status","op":"changed_to","value":"Pilot"},{"path":"status","op":"changed_from","value":"Seed"}]}"#,
        r#"{"all":[{"path":"tags","op":"includes","value":"a"},{"path":"tags","op":"includes","value":"b"}]}"#,
        r#"{"path":"free.anything.at.all","op":"eq","value":1}"#,
        r#"{"path":"score.overall","op":"lt","value":1}"#,
        r#"{"path":"loop.x","op":"exists"}"#,
        r#"{"path":"list.0.v","op":"eq","field":"n"}"#,
        r#"{"path":"id","op":"in","field":"tags"}"#,
        r#"{"path":"due","op":"gt","field":"id"}"#,
    ] {
        check(text, expect![""]);
    }
}

#[test]
fn unknown_fields_and_clashes_of_types_are_found() {
    check(
        r#"{"path":"stauts","op":"eq","value":1}"#,
        expect![[r#"warning: /condition/path: the schema knows no field "stauts" there"#]],
    );
    check(
        r#"{"path":"status","op":"eq","value":"pilot"}"#,
        expect![[
            r#"error: /condition/value: the schema has no such value there: "Seed", "Pilot""#
        ]],
    );
    check(
        r#"{"path":"n","op":"lt","value":"5"}"#,
        expect!["error: /condition/value: it is a number, and this is a text"],
    );
    check(
        r#"{"path":"n","op":"matches","value":"5"}"#,
        expect!["error: /condition/path: matches needs a text, and it is a number"],
    );
    check(
        r#"{"path":"n","op":"older_than","value":"5d"}"#,
        expect!["error: /condition/path: older_than needs a text, and it is a number"],
    );
    check(
        r#"{"path":"n.x","op":"exists"}"#,
        expect![[r#"error: /condition/path: no document has it: "x" is asked of a number"#]],
    );
    check(
        r#"{"path":"status","op":"increased_by","value":1}"#,
        expect!["error: /condition/path: increased_by needs a number, and it is a text"],
    );
    check(
        r#"{"any_of":"status","where":{"path":"v","op":"exists"}}"#,
        expect!["error: /condition/any_of: never holds: it is a text, no array"],
    );
    check(
        r#"{"any_of":"list","where":{"path":"w","op":"exists"}}"#,
        expect![[
            r#"error: /condition/where/path: no document has it: the schema forbids a field "w" there"#
        ]],
    );
    check(
        r#"{"any_of":"list","where":{"path":"kind","op":"eq","value":"b"}}"#,
        expect![[r#"error: /condition/where/value: the schema has no such value there: "a""#]],
    );
    check(
        r#"{"any_of":"list","where":{"path":"v","op":"eq","field":"$.due"}}"#,
        expect!["error: /condition/where/field: the one is a number, the other a text"],
    );
    check(
        r#"{"path":"tags","op":"includes","value":7}"#,
        expect!["error: /condition/value: it is a text, and this is a number"],
    );
    check(
        r#"{"ratio":["n","due"],"op":"gt","value":1}"#,
        expect!["error: /condition/ratio/1: it is a text, no number"],
    );
    check(
        r#"{"sum":"list.*.kind","op":"gt","value":1}"#,
        expect!["error: /condition/sum: it is a text, no number"],
    );
    check(
        r#"{"path":"n","op":"in","field":"due"}"#,
        expect!["error: /condition/field: it is a text, no array"],
    );
    check_firing(
        r#"{"path":"n","op":"changed"}"#,
        r#"{"when":"on_change"}"#,
        expect![
            "warning: /fires/when: a test of a change holds for one version: the rule does not stay open"
        ],
    );
    check_firing(
        r#"{"path":"n","op":"changed"}"#,
        r#"{"cooldown":"1h"}"#,
        expect![
            "warning: /fires/cooldown: a test of a change holds for one version: each is told, whatever was before"
        ],
    );
    check_firing(r#"{"path":"n","op":"eq","value":1}"#, r#"{"cooldown":"1h"}"#, expect![""]);
}
