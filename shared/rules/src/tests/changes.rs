//! Tests against the version before.

use super::{condition, holds_after};

#[test]
fn changes_are_told_by_the_version_before() {
    let was = r#"{"n":100,"s":"Seed","a":50,"b":100,"gone":1,"no":null,"list":[1]}"#;
    let is = r#"{"n":110.0,"s":"Pilot","a":60,"b":100,"new":1,"list":[1.0],"minus":-1}"#;
    for (test, expected) in [
        (r#""path":"s","op":"changed""#, true),
        (r#""path":"b","op":"changed""#, false),
        (r#""path":"gone","op":"changed""#, true),
        (r#""path":"new","op":"changed""#, true),
        (r#""path":"no","op":"changed""#, false),
        (r#""path":"absent","op":"changed""#, false),
        (r#""path":"list","op":"changed""#, true),
        (r#""ratio":["a","b"],"op":"changed""#, true),
        (r#""difference":["b","b"],"op":"changed""#, false),
        (r#""path":"s","op":"changed_from","value":"Seed""#, true),
        (r#""path":"s","op":"changed_from","value":"Pilot""#, false),
        (r#""path":"gone","op":"changed_from","value":1.0"#, true),
        (r#""path":"b","op":"changed_from","value":100"#, false),
        (r#""path":"absent","op":"changed_from","value":1"#, false),
        (r#""path":"s","op":"changed_to","value":"Pilot""#, true),
        (r#""path":"new","op":"changed_to","value":1"#, true),
        (r#""path":"b","op":"changed_to","value":100"#, false),
        (r#""path":"s","op":"changed_to","value":"Seed""#, false),
        (r#""path":"n","op":"increased_by","value":10"#, true),
        (r#""path":"n","op":"increased_by","value":10.0000000000000000001"#, false),
        (r#""path":"n","op":"increased_by","value":"10%""#, true),
        (r#""path":"n","op":"increased_by","value":"10.01%""#, false),
        (r#""path":"n","op":"decreased_by","value":1"#, false),
        (r#""path":"new","op":"increased_by","value":1"#, false),
        (r#""path":"gone","op":"decreased_by","value":1"#, false),
        (r#""path":"s","op":"increased_by","value":1"#, false),
        (r#""ratio":["a","b"],"op":"increased_by","value":0.1"#, true),
        (r#""ratio":["a","b"],"op":"increased_by","value":"20%""#, true),
        (r#""ratio":["a","b"],"op":"increased_by","value":"20.1%""#, false),
    ] {
        let text = format!("{{{test}}}");
        assert!(condition(&text).compares_with_before(), "{text}");
        assert_eq!(holds_after(&text, is, Some(was)), expected, "{text}");
        assert!(!holds_after(&text, is, None), "nothing has changed without a version before");
    }
}

#[test]
fn falls_and_percentages_of_what_is_below_zero() {
    for (was, is, test, expected) in [
        ("100", "90", r#""decreased_by","value":10"#, true),
        ("100", "90", r#""decreased_by","value":"10%""#, true),
        ("100", "90.01", r#""decreased_by","value":"10%""#, false),
        ("-100", "-110", r#""decreased_by","value":"10%""#, true),
        ("-100", "-90", r#""increased_by","value":"10%""#, true),
        ("-1", "1", r#""increased_by","value":2"#, true),
        ("0", "5", r#""increased_by","value":"1%""#, false),
        ("0", "5", r#""increased_by","value":5"#, true),
        ("5", "0", r#""decreased_by","value":"100%""#, true),
    ] {
        let text = format!(r#"{{"path":"n","op":{test}}}"#);
        let [was, is] = [was, is].map(|n| format!(r#"{{"n":{n}}}"#));
        assert_eq!(holds_after(&text, &is, Some(&was)), expected, "{was} {is} {text}");
    }
}
