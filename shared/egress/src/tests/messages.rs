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
    assert_eq!(render("{{matched}} {{path}}"), r#"["x"] is null () {{path}}"#);
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
