//! `all`, `any`, `not`, and quantifiers over arrays.

use super::holds;

const OPEN: &str = r#"{"path":"status","op":"neq","value":"Done"}"#;

#[test]
fn quantifiers_hold_as_documented() {
    let done = r#"{"status":"Done"}"#;
    let open = r#"{"status":"Open"}"#;
    for (elements, any, all, none) in [
        (format!("[{done},{open}]"), true, false, false),
        (format!("[{open},{open}]"), true, true, false),
        (format!("[{done}]"), false, false, true),
        // An element that is no object has no field: `neq` holds for it.
        ("[7,null,\"値\"]".to_owned(), true, true, false),
        ("[]".to_owned(), false, false, true),
        ("null".to_owned(), false, false, true),
        ("{\"0\":1}".to_owned(), false, false, true),
        ("\"text\"".to_owned(), false, false, true),
    ] {
        let document = format!(r#"{{"list":{elements},"名":[1]}}"#);
        for (word, expected) in [("any_of", any), ("all_of", all), ("none_of", none)] {
            let text = format!(r#"{{"{word}":"list","where":{OPEN}}}"#);
            assert_eq!(holds(&text, &document), expected, "{word} {elements}");
            let text = format!(r#"{{"{word}":"absent","where":{OPEN}}}"#);
            assert_eq!(holds(&text, &document), word == "none_of", "{word} of what is missing");
        }
    }
}

#[test]
fn a_quantifier_sees_the_element_and_the_top() {
    let document = r#"{"limit":5,"rows":[{"v":[1,2]},{"v":[9]}],"tags":["ai","値"]}"#;
    for (text, expected) in [
        (r#"{"any_of":"tags","where":{"path":"@","op":"eq","value":"値"}}"#, true),
        (r#"{"all_of":"tags","where":{"path":"@","op":"matches","value":"^..?$"}}"#, true),
        (
            r#"{"any_of":"rows","where":{"any_of":"v","where":{"path":"@","op":"gt","field":"$.limit"}}}"#,
            true,
        ),
        (
            r#"{"all_of":"rows","where":{"all_of":"v","where":{"path":"@","op":"gt","field":"$.limit"}}}"#,
            false,
        ),
        (r#"{"any_of":"rows","where":{"path":"limit","op":"exists"}}"#, false),
        (
            r#"{"any_of":"rows","where":{"any_of":"$.tags","where":{"path":"@","op":"eq","value":"ai"}}}"#,
            true,
        ),
        (r#"{"any_of":"rows","where":{"sum":"v.*","op":"eq","value":3}}"#, true),
        (r#"{"any_of":"rows","where":{"sum":"$.rows.*.v.*","op":"eq","value":12}}"#, true),
        (r#"{"any_of":"rows.0.v","where":{"path":"@","op":"eq","value":2}}"#, true),
    ] {
        assert_eq!(holds(text, document), expected, "{text}");
    }
}

#[test]
fn parts_are_held_together_by_all_any_and_not() {
    let [yes, no] = [r#"{"path":"a","op":"exists"}"#, r#"{"path":"b","op":"exists"}"#];
    for (text, expected) in [
        (format!(r#"{{"all":[{yes},{no}]}}"#), false),
        (format!(r#"{{"any":[{no},{yes}]}}"#), true),
        (format!(r#"{{"any":[{no},{no}]}}"#), false),
        (format!(r#"{{"not":{no}}}"#), true),
        (format!(r#"{{"not":{{"not":{yes}}}}}"#), true),
        (format!(r#"{{"all":[{{"any":[{no},{{"not":{no}}}]}},{yes}]}}"#), true),
        // `not` is plain negation, also of what is missing.
        (r#"{"not":{"path":"b","op":"lt","value":1}}"#.to_owned(), true),
        (r#"{"not":{"path":"b","op":"neq","value":1}}"#.to_owned(), false),
    ] {
        assert_eq!(holds(&text, r#"{"a":1}"#), expected, "{text}");
    }
}
