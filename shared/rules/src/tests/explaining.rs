//! What alerts repeat, and what is told to who tries a rule.

use expect_test::expect;

use super::{condition, facts, value};
use crate::condition::Steps;

const RULE: &str = r#"{"all":[
    {"path":"status","op":"eq","value":"Pilot"},
    {"any":[{"path":"n","op":"gt","value":5},{"path":"n","op":"lt","value":3}]},
    {"not":{"any":[{"path":"gone","op":"exists"},{"path":"n","op":"eq","value":9}]}},
    {"any_of":"list","where":{"path":"v","op":"gt","field":"$.n"}},
    {"ratio":["spent","planned"],"op":"gt","value":0.9},
    {"path":"n","op":"increased_by","value":"10%"}]}"#;

#[test]
fn the_tests_are_told_that_made_a_rule_hold() {
    let long = "é".repeat(150);
    let document = format!(
        r#"{{"status":"Pilot","n":2,"list":[{{"v":1}},{{"v":3}}],"spent":2,"planned":0.3,"long":"{long}"}}"#
    );
    let (document, before) = (value(&document), value(r#"{"n":1}"#));
    let facts = facts(&document, Some(&before));
    let condition_ = condition(RULE);
    expect![[r#"
        [
          {
            "path": "status",
            "op": "eq",
            "value": "Pilot",
            "found": "Pilot"
          },
          {
            "path": "n",
            "op": "lt",
            "value": 3,
            "found": 2
          },
          {
            "path": "gone",
            "op": "exists",
            "not": true
          },
          {
            "path": "n",
            "op": "eq",
            "value": 9,
            "found": 2,
            "not": true
          },
          {
            "any_of": "list",
            "found": 1,
            "elements": [
              1
            ]
          },
          {
            "ratio": [
              "spent",
              "planned"
            ],
            "op": "gt",
            "value": 0.9,
            "found": 6.66666666666
          },
          {
            "path": "n",
            "op": "increased_by",
            "value": "10%",
            "found": 2,
            "before": 1
          }
        ]"#]]
    .assert_eq(&format!("{:#}", condition_.matched(facts, Steps::default())));
    expect![[r#"
        yes all
        yes   status eq "Pilot", found "Pilot"
        yes   any
        no      n gt 5, found 2
        yes     n lt 3, found 2
        yes   not
        no      any
        no        gone exists
        no        n eq 9, found 2
        yes   any_of list where, found 2
        no      [0] v gt $.n, found 1, other 2
        yes     [1] v gt $.n, found 3, other 2
        yes   spent / planned gt 0.9, found 6.66666666666
        yes   n increased_by "10%", found 2, before 1
    "#]]
    .assert_eq(&condition_.explain(facts).to_string());
    assert_eq!(condition_.explain(facts).inner[1].inner[1].at, "/all/1/any/1");
    let cut = condition(r#"{"path":"long","op":"exists"}"#).matched(facts, Steps::default());
    assert_eq!(cut[0]["found"].as_str().unwrap().len(), 200 + "…".len());
}
