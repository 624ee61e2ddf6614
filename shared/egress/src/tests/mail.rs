//! Mail: nothing of an alert becomes a header or a receiver.

use expect_test::expect;
use serde_json::{Value, json};

use crate::channel::{Mail, is_address, is_sender, letter};

use super::{ALERT, object, told};

fn written(template: Option<&Value>, alert: &str) -> Value {
    let alert = object(alert);
    let mail = Mail {
        from: "Strata <alerts@example.com>",
        to: "ops@example.com",
        key: "alert_1",
        told: told(&alert),
    };
    letter(template.map(|it| it.as_object().unwrap()), &mail)
}

#[test]
fn it_is_what_several_apis_take_where_nothing_else_is_said() {
    let letter = written(None, ALERT);
    expect![[r#"
        {
          "from": "Strata <alerts@example.com>",
          "to": "ops@example.com",
          "subject": "CRITICAL: Low runway (venture V1)",
          "text": "V1 has 50.60 of 100\n\nRule: low-runway\nSeverity: critical\nStatus: open\nEntity: venture V1\nSince: 2025-11-06T10:00:01Z\n  kpis.MRR is 50.60 (lt 100)\n  status is Pilot (eq Pilot)\n  lead is nothing (missing)\nAlert: env/prod/reports/alerts/low-runway/V1/01K9.json"
        }"#]].assert_eq(&serde_json::to_string_pretty(&letter).unwrap());
}

#[test]
fn a_template_is_filled_in_wherever_its_texts_are() {
    let template = json!({
        "personalizations": [{"to": [{"email": "{{to}}"}]}],
        "{{to}}": "<p>{{key}} {{nobody}} {{",
        "n": [1.0, true, null],
    });
    assert_eq!(
        written(Some(&template), ALERT).to_string(),
        json!({
            "personalizations": [{"to": [{"email": "ops@example.com"}]}],
            "{{to}}": "<p>alert_1 {{nobody}} {{",
            "n": [1.0, true, null],
        })
        .to_string()
    );
}

#[test]
fn what_an_alert_says_is_filled_in_once_and_the_subject_is_one_line() {
    let hostile = json!({"name": "a\r\nBcc: x@example.com\u{2028}{{to}}", "rule_id": "r", "id": "i",
        "message": "{{name}} {{from}}"});
    let letter = written(None, &hostile.to_string());
    assert_eq!(letter["subject"], "INFO: a  Bcc: x@example.com {{to}} ( i)");
    let text = letter["text"].as_str().unwrap();
    assert!(text.starts_with("a  Bcc: x@example.com {{to}} {{from}}\n"), "{text}");
    assert_eq!(letter["to"], "ops@example.com");
}

#[test]
fn an_address_is_one_plain_address() {
    for text in ["a@example.com", "first.last+tag@mail.example.co.uk", "o'neil@example.com"] {
        assert!(is_address(text) && is_sender(text), "{text}");
    }
    let long = format!("{}@example.com", "a".repeat(65));
    let longer = format!("a@{}com", "abcdefg.".repeat(32));
    for text in [
        "",
        "a",
        "@example.com",
        "a@",
        "a@localhost",
        "a@127.0.0.1",
        "a@[127.0.0.1]",
        "a b@example.com",
        "a@example.com ",
        "a@example.com\n",
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com,b@example.com",
        "a@example.com;b@example.com",
        "<a@example.com>",
        "A <a@example.com>",
        "\"a\"@example.com",
        "a\u{0}@example.com",
        "ä@example.com",
        "a@exämple.com",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a@b@example.com",
        &long,
        &longer,
    ] {
        assert!(!is_address(text), "{text:?}");
    }
    assert!(is_sender("Strata alerts <a@example.com>") && is_sender("Ströme <a@example.com>"));
    for text in [
        "a\nb <a@example.com>",
        "a, b <a@example.com>",
        "\"a\" <a@example.com>",
        "<a@example.com> <b@example.com>",
        "a <b@example.com",
        &format!("{} <a@example.com>", "x".repeat(129)),
    ] {
        assert!(!is_sender(text), "{text:?}");
    }
}
