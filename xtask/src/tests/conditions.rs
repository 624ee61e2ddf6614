//! IAM conditions, read and evaluated.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};

use crate::terraform::condition::{Condition, Request};

/// What holds of `resource` and of a listing below `list_prefix`.
fn holds(text: &str, resource: &str, list_prefix: &str) -> bool {
    Condition::parse(text).unwrap().holds(Request { resource, list_prefix })
}

#[test]
fn conditions_bind_as_in_the_language_that_they_are_written_in() {
    let [a, b, c] = ["a", "b", "c"].map(|it| format!("resource.name.startsWith(\"{it}\")"));
    assert!(holds(&a, "a1", ""));
    assert!(!holds(&a, "b1", ""));
    assert!(holds(&format!("{a} || {b}"), "b1", ""));
    // `&&` before `||`.
    assert!(holds(&format!("{a} || {b} && {c}"), "a", ""));
    assert!(!holds(&format!("({a} || {b}) && {c}"), "a", ""));
    assert!(!holds(&format!("{a} && !resource.name.startsWith(\"ab\")"), "abc", ""));
    assert!(holds(&format!("{a} && !resource.name.startsWith(\"ab\")"), "acc", ""));
    let list =
        "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"p/\")";
    assert!(holds(list, "", "p/q"));
    assert!(!holds(list, "p/q", ""));
    assert_eq!(Condition::parse(&format!("({a} && !{b}) || {c}")).unwrap().operators(), 3);
}

#[test]
fn what_is_taken_from_a_condition_no_longer_fulfils_it() {
    let [a, b, c] = ["a", "b", "c"].map(|it| format!("resource.name.startsWith(\"{it}\")"));
    let check = |text: &str, gone: &[&str], left: Option<&str>, unknown: &[&str]| {
        let mut gone: BTreeSet<String> = gone.iter().map(|it| (*it).to_owned()).collect();
        let rest = Condition::parse(text).unwrap().without(&mut gone);
        assert_eq!(rest, left.map(|it| Condition::parse(it).unwrap()), "{text}");
        assert_eq!(gone.iter().collect::<Vec<_>>(), unknown, "{text}");
    };
    check(&format!("{a} || {b} || {c}"), &["b"], Some(&format!("{a} || {c}")), &[]);
    check(&format!("{a} || ({b} && !{c})"), &["b"], Some(&a), &[]);
    // An exception grants nothing that could be taken away.
    check(&format!("{b} && !{c}"), &["c"], Some(&format!("{b} && !{c}")), &["c"]);
    check(&a, &["a", "d"], None, &["d"]);
}

fn refused(text: &str, expect: &Expect) {
    expect.assert_eq(&Condition::parse(text).unwrap_err().to_string());
}

#[test]
fn what_is_not_understood_is_an_error_and_no_guess() {
    refused("", &expect![[r#"condition has "", which is not among what is understood here"#]]);
    refused(
        "resource.name.matches(\"a\")",
        &expect![[r#"condition tests with ".matches(\"a\")"; only startsWith is understood"#]],
    );
    refused(
        "request.time < timestamp(\"2030-01-01T00:00:00Z\")",
        &expect![[
            r#"condition has "request.time < timestamp(\"2030-01-01T00:00:00Z\")", which is not among what is understood here"#
        ]],
    );
    refused(
        "(resource.name.startsWith(\"a\")",
        &expect![[r#"condition lacks a bracket before """#]],
    );
    refused(
        "resource.name.startsWith(\"a\") resource.name.startsWith(\"b\")",
        &expect![[r#"condition has "resource.name.startsWith(\"b\")" where it should end"#]],
    );
    refused(
        "resource.name.startsWith(\"a\\\"b\")",
        &expect![[r#"condition has an escaped text: "a\\\"b""#]],
    );
}
