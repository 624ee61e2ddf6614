//! Templates: what is filled in, what stays, and how much of it.

use expect_test::expect;
use serde_json::json;

use crate::{MESSAGE_CHARS_MAX, render};

use super::{ALERT, object, told};

fn check(template: &str) -> String {
    render(template, &object(ALERT), MESSAGE_CHARS_MAX)
}

#[test]
fn every_variable_stands_for_what_the_alert_says() {
    for (template, expected) in [
        ("{{rule}} {{name}} {{severity}}", "low-runway Low runway critical"),
        ("{{entity}} {{id}} {{env}}", "venture V1 prod"),
        ("{{ptr}}", "env/prod/snapshots/ventures/V1.json"),
        ("{{alert}} {{status}} {{fired}}", "01K9 open enter"),
        ("{{since}} {{source_generation}}", "2025-11-06T10:00:01Z 7"),
        ("{{path}} {{op}} {{found}} {{value}}", "kpis.MRR lt 50.60 100"),
        ("{{matched.0.found}} {{matched.1.found}}", "50.60 Pilot"),
        ("{{matched.2.path}} {{matched.2.found}}", "lead nothing"),
        (
            "{{matched}}",
            "kpis.MRR is 50.60 (lt 100); status is Pilot (eq Pilot); lead is nothing (missing)",
        ),
        ("{{ id }}{{\tid\n}}", "V1V1"),
        ("{{id}}{{id}}", "V1V1"),
        ("", ""),
        ("plain {text} with } and {{", "plain {text} with } and {{"),
    ] {
        assert_eq!(check(template), expected, "{template}");
    }
}

/// The line of one condition, and what its four variables stand for.
fn condition(entry: &str) -> (String, String) {
    let alert = object(&format!(r#"{{"matched":[{entry}]}}"#));
    let render = |template: &str| render(template, &alert, MESSAGE_CHARS_MAX);
    (render("{{matched}}"), render("{{path}} {{op}} {{found}} {{value}}"))
}

#[test]
fn every_form_of_a_condition_is_told_in_words() {
    for (entry, line, parts) in [
        (
            r#""path":"kpis.MRR","op":"lt","value":100,"found":50"#,
            "kpis.MRR is 50 (lt 100)",
            "kpis.MRR lt 50 100",
        ),
        (
            r#""ratio":["spent","planned"],"op":"gt","value":0.9,"found":0.95"#,
            "spent / planned is 0.95 (gt 0.9)",
            "spent / planned gt 0.95 0.9",
        ),
        (
            r#""difference":["a","b"],"op":"lt","value":0,"found":-1"#,
            "a - b is -1 (lt 0)",
            "a - b lt -1 0",
        ),
        (
            r#""sum":"holders.*.share","op":"neq","value":1,"found":0.9"#,
            "sum of holders.*.share is 0.9 (neq 1)",
            "sum of holders.*.share neq 0.9 1",
        ),
        (
            r#""any_of":"milestones","found":2,"elements":[0,3]"#,
            "milestones: 2 match (any_of)",
            "milestones any_of 2 {{value}}",
        ),
        (
            r#""all_of":"milestones","found":1,"elements":[0]"#,
            "milestones: 1 matches (all_of)",
            "milestones all_of 1 {{value}}",
        ),
        (
            r#""none_of":"milestones","found":0,"elements":[]"#,
            "milestones: 0 match (none_of)",
            "milestones none_of 0 {{value}}",
        ),
        (
            r#""any_of":"milestones","found":0,"elements":[],"not":true"#,
            "milestones: 0 match (not any_of)",
            "milestones not any_of 0 {{value}}",
        ),
        (
            r#""path":"a","op":"lt","field":"b","found":5,"other":7"#,
            "a is 5 (lt b, which is 7)",
            "a lt 5 b",
        ),
        (
            r#""path":"a","op":"neq","field":"b","found":5"#,
            "a is 5 (neq b, which is nothing)",
            "a neq 5 b",
        ),
        (
            r#""path":"status","op":"in","value":["Archived"],"found":"Draft","not":true"#,
            r#"status is Draft (not in ["Archived"])"#,
            r#"status not in Draft ["Archived"]"#,
        ),
        (
            r#""path":"gone","op":"exists","not":true"#,
            "gone is nothing (not exists)",
            "gone not exists nothing {{value}}",
        ),
        (
            r#""path":"gone","op":"missing""#,
            "gone is nothing (missing)",
            "gone missing nothing {{value}}",
        ),
        // An object, which alerts do not repeat.
        (
            r#""path":"kpis","op":"exists""#,
            "kpis is something (exists)",
            "kpis exists something {{value}}",
        ),
        (
            r#""path":"kpis","op":"missing","not":true"#,
            "kpis is something (not missing)",
            "kpis not missing something {{value}}",
        ),
        (
            r#""path":"a","op":"in","field":"long","found":5"#,
            "a is 5 (in long, which is something)",
            "a in 5 long",
        ),
        (
            r#""path":"n","op":"decreased_by","value":"20%","found":8,"before":10"#,
            "n is 8, was 10 (decreased_by 20%)",
            "n decreased_by 8 20%",
        ),
        (
            r#""path":"status","op":"changed_from","value":"Pilot","before":"Pilot""#,
            "status is nothing, was Pilot (changed_from Pilot)",
            "status changed_from nothing Pilot",
        ),
        (
            r#""path":"status","op":"changed","found":"Pilot""#,
            "status is Pilot, was nothing (changed)",
            "status changed Pilot {{value}}",
        ),
        (
            r#""path":"status","op":"changed","found":"Pilot","before":"Pilot","not":true"#,
            "status is Pilot, was Pilot (not changed)",
            "status not changed Pilot {{value}}",
        ),
    ] {
        assert_eq!(condition(&format!("{{{entry}}}")), (line.to_owned(), parts.to_owned()));
    }
    // What no rule of ours leads to has a line, too.
    assert_eq!(condition("{}").0, "something is nothing");
    assert_eq!(condition(r#"{"ratio":7,"op":"","found":{}}"#).0, "7 is {}");
}

#[test]
fn what_is_no_variable_stays_to_be_seen() {
    for template in [
        "{{}}",
        "{{ }}",
        "{{nobody}}",
        "{{ID}}",
        "{{opened}}",
        "{{origin}}",
        "{{matched.3.found}}",
        "{{matched.0}}",
        "{{matched.0.nobody}}",
        "{{matched.-1.found}}",
        "{{matched.99999999999999999999.found}}",
        "{{matched.+1.found}}",
        "{{id",
        "{{id}",
        "{ {id} }",
        "{{rule_digest}}",
    ] {
        assert_eq!(check(template), template);
    }
    assert_eq!(check("{{{{id}}}}"), "{{V1}}");
    assert_eq!(check("{{{id}}}"), "{{{id}}}");
    assert_eq!(check("{{nobody {{id}}"), "{{nobody V1");
}

#[test]
fn what_is_filled_in_is_one_line_and_is_not_looked_at_again() {
    let alert = object(
        &json!({"id": "{{rule}}", "rule_id": "r", "name": "a\r\nb\u{0}\u{202e}c\u{2028}d",
            "severity": {"a": [1.50, null]}, "matched": [1, null, {"path": ["x"], "found": null}]})
        .to_string(),
    );
    let render = |template: &str| render(template, &alert, 100);
    assert_eq!(render("{{id}} {{name}}"), "{{rule}} a  b  c d");
    assert_eq!(render("{{severity}}"), r#"{"a":[1.5,null]}"#);
    assert_eq!(render("{{matched}} {{path}}"), r#"["x"] is null {{path}}"#);
    assert_eq!(render("{{matched.2.path}}"), r#"["x"]"#);
}

#[test]
fn a_message_has_a_bound_whatever_it_is_made_of() {
    let long = json!({"id": "東".repeat(5000), "matched": vec![json!({"path": "p"}); 5000]});
    let alert = object(&long.to_string());
    let value = render("{{id}}", &alert, MESSAGE_CHARS_MAX);
    assert_eq!((value.chars().count(), value.ends_with('…')), (200, true));
    let template = "{{id}}".repeat(100_000);
    let message = render(&template, &alert, MESSAGE_CHARS_MAX);
    assert_eq!((message.chars().count(), message.ends_with('…')), (MESSAGE_CHARS_MAX, true));
    let plain = "x".repeat(1_000_000);
    assert_eq!(render(&plain, &alert, 10), "xxxxxxxxx…");
    assert_eq!(render("xxxxxxxxxx", &alert, 10), "xxxxxxxxxx");
    let matched = render("{{matched}}", &alert, MESSAGE_CHARS_MAX);
    assert!(matched.ends_with("; and 4990 more") && matched.len() < 500, "{matched}");
    let places = "{{rule}}".repeat(300);
    assert_eq!(render(&places, &object(r#"{"rule_id":""}"#), 10_000), "{{rule}}".repeat(100));
}

#[test]
fn a_rule_without_a_message_says_what_matched() {
    for message in ["", "  \n", "7"] {
        let mut alert = object(ALERT);
        alert.insert("message".to_owned(), if message == "7" { 7.into() } else { message.into() });
        assert!(told(&alert).message().starts_with("kpis.MRR is 50.60 (lt 100)"), "{message:?}");
    }
    let alert = object("{}");
    assert_eq!(told(&alert).message(), "{{matched}}");
    expect![[r#"
        INFO:  ( )
        CRITICAL: Low runway (venture V1)"#]]
    .assert_eq(&format!("{}\n{}", told(&alert).title(), told(&object(ALERT)).title()));
}
