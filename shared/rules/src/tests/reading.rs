//! What is no rule, and where it is wrong; what its digest depends on.

use expect_test::{Expect, expect};

use super::{object, value};
use crate::condition::Condition;
use crate::rule::Rule;

fn check(condition: &str, expected: Expect) {
    let wrong = Condition::read(&value(condition), "/condition").err().unwrap_or_default();
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    check("7", expect!["/condition: is no object"]);
    check(
        "{}",
        expect![[r#"
        /condition: needs one of all, any, not, any_of, all_of, none_of, path, ratio, difference, sum
        /condition: has no "op""#]],
    );
    check(r#"{"all":[]}"#, expect!["/condition/all: is no array with something in it"]);
    check(r#"{"any":{}}"#, expect!["/condition/any: is no array with something in it"]);
    check(
        r#"{"all":[{"path":"a","op":"exists"}],"any":[]}"#,
        expect!["/condition/any: is not known here"],
    );
    check(
        r#"{"all":[{"path":"a","op":"like","value":1},{"not":[]},{"path":"","op":"exists"}]}"#,
        expect![[r#"
            /condition/all/0/op: is no operator that there is
            /condition/all/1/not: is no object
            /condition/all/2/path: is no path: names joined by dots"#]],
    );
    check(
        r#"{"path":"a","op":"eq"}"#,
        expect![[r#"/condition: needs a "value" or a "field", and not both"#]],
    );
    check(
        r#"{"path":"a","op":"eq","value":1,"field":"b"}"#,
        expect![[r#"/condition: needs a "value" or a "field", and not both"#]],
    );
    check(
        r#"{"op":"exists"}"#,
        expect![
            "/condition: needs one of all, any, not, any_of, all_of, none_of, path, ratio, difference, sum"
        ],
    );
    check(
        r#"{"path":"a","sum":"b.*","op":"exists"}"#,
        expect![
            "/condition: needs one of all, any, not, any_of, all_of, none_of, path, ratio, difference, sum"
        ],
    );
    check(
        r#"{"path":"a","op":"matches","field":"b"}"#,
        expect!["/condition/field: has no place beside this operator"],
    );
    check(
        r#"{"path":"a","op":"exists","field":"b"}"#,
        expect!["/condition/field: has no place beside this operator"],
    );
    check(
        r#"{"path":"a","op":"matches","value":"("}"#,
        expect![
            "/condition/value: is no regular expression that can be used: found open group without closing ')'"
        ],
    );
    check(
        r#"{"path":"a","op":"matches","value":"((a{100}){100}){100}"}"#,
        expect![
            "/condition/value: is no regular expression that can be used: compiled regex exceeded size limit"
        ],
    );
    check(
        r#"{"path":"a","op":"matches","value":"\\p{L}"}"#,
        expect![
            "/condition/value: is no regular expression that can be used: Unicode character classes are not supported"
        ],
    );
    check(
        r#"{"path":"a","op":"matches","value":"(a)\\1"}"#,
        expect![
            "/condition/value: is no regular expression that can be used: backreferences are not supported"
        ],
    );
    check(
        r#"{"path":"a","op":"in","value":[]}"#,
        expect!["/condition/value: is no array of 1 to 100 values"],
    );
    check(
        r#"{"path":"a","op":"between","value":[1]}"#,
        expect!["/condition/value: is no array of two numbers or of two texts"],
    );
    check(
        r#"{"path":"a","op":"between","value":[1,"2"]}"#,
        expect!["/condition/value: is no array of two numbers or of two texts"],
    );
    check(r#"{"path":"a","op":"starts_with","value":1}"#, expect!["/condition/value: is no text"]);
    check(
        r#"{"path":"a","op":"older_than","value":"1 month"}"#,
        expect!["/condition/value: is no span of time: 15m, 12h, 30d, 2w, or -7d"],
    );
    check(
        r#"{"path":"a","op":"increased_by","value":"-1%"}"#,
        expect![[
            r#"/condition/value: is no number above zero of at most 100 digits, and no percentage like "10%""#
        ]],
    );
    check(
        r#"{"path":"a","op":"increased_by","value":0}"#,
        expect![[
            r#"/condition/value: is no number above zero of at most 100 digits, and no percentage like "10%""#
        ]],
    );
    check(
        r#"{"ratio":["a"],"op":"gt","value":1}"#,
        expect!["/condition/ratio: is no array of two paths"],
    );
    check(
        r#"{"sum":"a.b","op":"gt","value":1}"#,
        expect!["/condition/sum: has no * that stands for every element"],
    );
    check(
        r#"{"sum":"a.*.*.*.*","op":"gt","value":1}"#,
        expect!["/condition/sum: has more than 3 *"],
    );
    check(r#"{"any_of":"a"}"#, expect![[r#"/condition: has no "where""#]]);
    check(
        r#"{"any_of":"a~/b","where":{"path":"x","op":"changed"},"x/y~":1}"#,
        expect![[r#"
        /condition/x~1y~0: is not known here
        /condition/where/op: compares with the version before, whose elements are others"#]],
    );
    let deep =
        format!("{}{}{}", r#"{"not":"#.repeat(9), r#"{"path":"a","op":"exists"}"#, "}".repeat(9));
    check(
        &deep,
        expect!["/condition/not/not/not/not/not/not/not/not/not: is nested deeper than 8 levels"],
    );
    let many = vec![r#"{"path":"a","op":"exists"}"#; 300].join(",");
    check(
        &format!(r#"{{"all":[{many}]}}"#),
        expect!["/condition/all/199: has more than 200 parts"],
    );
    let patterns = [r#"{"path":"a","op":"matches","value":"a"}"#; 5].join(",");
    check(
        &format!(r#"{{"any":[{patterns}]}}"#),
        expect!["/condition/any/4/value: is regular expression 5, and 4 are the most"],
    );
    check(
        &format!(r#"{{"path":"{}","op":"exists"}}"#, "é".repeat(257)),
        expect!["/condition/path: is longer than 512 bytes"],
    );
}

#[test]
fn everything_that_is_wrong_with_a_rule_is_told() {
    let rule =
        r#"{"id":"a/b","applies_to":7,"condition":{"all":[7]},"fires":{"when":"every","often":1}}"#;
    let wrong = Rule::read(&object(rule)).unwrap_err();
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    expect![[r#"
        /applies_to: is no text
        /id: id contains '/', '#', '[', ']', '*', '?' or a control character
        /fires/often: is not known here
        /fires: needs "every": a span of time
        /condition/all/0: is no object"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn a_firing_is_read_as_documented() {
    for (fires, expected) in [
        (r#"{}"#, true),
        (r#"{"when":"on_enter"}"#, true),
        (r#"{"when":"on_change","cooldown":"12h"}"#, true),
        (r#"{"when":"every","every":"1d"}"#, true),
        (r#"{"when":"every","every":"14m"}"#, false),
        (r#"{"when":"every","every":"-1d"}"#, false),
        (r#"{"when":"every"}"#, false),
        (r#"{"when":"on_enter","every":"1d"}"#, false),
        (r#"{"every":"1d"}"#, false),
        (r#"{"when":"sometimes"}"#, false),
        (r#"{"when":7}"#, false),
        (r#"{"cooldown":"0d"}"#, false),
        (r#"{"cooldown":1}"#, false),
        (r#"{"cool":1}"#, false),
        ("7", false),
    ] {
        let rule = format!(
            r#"{{"id":"r","applies_to":"venture","condition":{{"path":"a","op":"exists"}},"fires":{fires}}}"#
        );
        assert_eq!(Rule::read(&object(&rule)).is_ok(), expected, "{fires}");
    }
}

#[test]
fn a_digest_is_that_of_what_is_asked_and_when_it_fires() {
    let digest = |applies_to: &str, value: u32, more: &str| {
        let rule = format!(
            r#"{{"id":"low","applies_to":"{applies_to}","condition":{{"all":[{{"path":"kpis.MRR","op":"lt","value":{value}}}]}}{more}}}"#
        );
        Rule::read(&object(&rule)).unwrap().digest
    };
    let plain = digest("venture", 100, "");
    // As rules had it before they could say when they fire.
    assert_eq!(plain, "967eaebe6fb1cb0c");
    for same in
        [r#","message":"x","description":"y""#, r#","fires":{}"#, r#","fires":{"when":"on_enter"}"#]
    {
        assert_eq!(digest("venture", 100, same), plain, "{same}");
    }
    let others = [
        digest("idea", 100, ""),
        digest("venture", 101, ""),
        digest("venture", 100, r#","fires":{"when":"on_change"}"#),
        digest("venture", 100, r#","fires":{"cooldown":"1h"}"#),
        digest("venture", 100, r#","fires":{"when":"every","every":"1h"}"#),
    ];
    let all: std::collections::BTreeSet<&String> = others.iter().chain([&plain]).collect();
    assert_eq!(all.len(), 6);
    let spelled = digest("venture", 100, r#","fires":{"when":"every","every":"60m"}"#);
    assert_eq!(spelled, others[4], "one firing, however it is spelled");
}
