//! What Slack is sent is within its bounds, and nothing in it does anything.

use expect_test::expect;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::channel::block_kit;

use super::{ALERT, object, told};

#[test]
fn a_message_says_everything() {
    let message = block_kit(told(&object(ALERT)));
    expect![[r#"
        {
          "text": "CRITICAL: Low runway (venture V1): kpis.MRR is 50.60 (lt 100); status is Pilot (eq Pilot); lead is nothing (missing)",
          "blocks": [
            {
              "type": "header",
              "text": {
                "type": "plain_text",
                "text": "CRITICAL: Low runway (venture V1)",
                "emoji": false
              }
            },
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": ":rotating_light: V1 has 50.60 of 100",
                "verbatim": true
              }
            },
            {
              "type": "section",
              "fields": [
                {
                  "type": "mrkdwn",
                  "text": "Severity: critical",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Status: open",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Entity: venture V1",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Environment: prod",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Since: 2025-11-06T10:00:01Z",
                  "verbatim": true
                }
              ]
            },
            {
              "type": "section",
              "fields": [
                {
                  "type": "mrkdwn",
                  "text": "kpis.MRR is 50.60 (lt 100)",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "status is Pilot (eq Pilot)",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "lead is nothing (missing)",
                  "verbatim": true
                }
              ]
            },
            {
              "type": "context",
              "elements": [
                {
                  "type": "mrkdwn",
                  "text": "env/prod/reports/alerts/low-runway/V1/01K9.json",
                  "verbatim": true
                }
              ]
            }
          ]
        }"#]].assert_eq(&serde_json::to_string_pretty(&message).unwrap());
}

#[test]
fn what_is_over_says_so() {
    let mut alert = object(ALERT);
    alert.insert("status".to_owned(), "resolved".into());
    let message = block_kit(told(&alert)).to_string();
    assert!(message.contains("RESOLVED: Low runway (venture V1)"), "{message}");
    assert!(
        message.contains(":white_check_mark:") && message.contains("Status: resolved"),
        "{message}"
    );
}

/// Every text of a message, and how long it may be.
fn texts(message: &Value) -> Vec<(String, usize)> {
    let mut found = vec![(message["text"].as_str().unwrap().to_owned(), 3000)];
    for block in message["blocks"].as_array().unwrap() {
        let bound = match block["type"].as_str().unwrap() {
            "header" => 150,
            _ if block.get("text").is_some() => 3000,
            _ => 2000,
        };
        let many = block.get("fields").or(block.get("elements")).and_then(Value::as_array);
        assert!(many.is_none_or(|it| (1..=10).contains(&it.len())));
        let all = many.cloned().unwrap_or_else(|| vec![block["text"].clone()]);
        found.extend(all.iter().map(|it| (it["text"].as_str().unwrap().to_owned(), bound)));
    }
    found
}

proptest! {
    #[test]
    fn whatever_an_alert_says_it_fits_and_links_nothing(
        text in "[<>&!@#|a-z\\PC]{0,40}", times in 1usize..200, conditions in 0usize..40,
    ) {
        let long = text.repeat(times);
        let alert = json!({
            "rule_id": long, "id": long, "entity": long, "severity": long, "name": long, "env": long,
            "message": format!("<!channel> {long} <https://evil.org|click>"),
            "matched": vec![json!({"path": long, "op": long, "found": long, "value": long}); conditions],
        });
        let message = block_kit(told(&object(&alert.to_string())));
        prop_assert!(message["blocks"].as_array().unwrap().len() <= 50);
        // What is known of the whole. (slackapi/bolt-js, issue 2509.)
        let blocks = texts(&message);
        prop_assert!(blocks[1..].iter().map(|it| it.0.chars().count()).sum::<usize>() < 13_000);
        for (at, (text, bound)) in blocks.into_iter().enumerate() {
            prop_assert!((1..=bound).contains(&text.chars().count()), "{bound}: {text}");
            // The title is plain text, in which nothing is a link.
            prop_assert!(at == 1 || !text.contains(['<', '>']), "{text}");
        }
    }
}
