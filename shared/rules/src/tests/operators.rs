//! Every operator against values that are there, missing, `null`, of another type, and Unicode.

use super::holds as holds_for;

const DOCUMENT: &str = r#"{"status":"Pilot","n":12,"big":9007199254740993,"share":0.60,"tags":["ai","ops",3.0],
    "due":"2026-02-01","at":"2026-02-01T00:00:00.5Z","no":null,"flag":false,"kpis":{"MRR":12000,"名":"値"},"list":[{"x":1}],
    "zero":0,"minus":-4,"same":12.0,"a.b":1,"ende":"Straße é","emoji":"😀x","sum":[{"v":0.1},{"v":0.2},{},{"v":null}],"mixed":[{"v":1},{"v":"2"}],"empty":[],
    "deep":[{"in":[{"v":1},{"v":2}]},{"in":[{"v":-0.5}]}]}"#;

fn holds(path: &str, operator: &str, operand: &str) -> bool {
    let operand = if operand.is_empty() { String::new() } else { format!(r#","value":{operand}"#) };
    holds_for(&format!(r#"{{"all":[{{"path":"{path}","op":"{operator}"{operand}}}]}}"#), DOCUMENT)
}

#[test]
fn operators_hold_as_documented() {
    for (path, operator, operand, expected) in [
        ("status", "eq", r#""Pilot""#, true),
        ("status", "eq", r#""pilot""#, false),
        ("share", "eq", "0.6", true),
        ("big", "eq", "9007199254740992", false),
        ("flag", "eq", "false", true),
        ("absent", "eq", "1", false),
        ("status", "neq", r#""Done""#, true),
        ("absent", "neq", "1", true),
        ("no", "neq", "1", true),
        ("n", "neq", "12.0", false),
        ("n", "lt", "12.000001", true),
        ("n", "lt", "12", false),
        ("n", "lt", r#""13""#, false),
        ("n", "lte", "12e0", true),
        ("n", "gt", "-1E400", true),
        ("big", "gt", "9007199254740992", true),
        ("n", "gte", "12", true),
        ("absent", "lt", "1", false),
        ("absent", "gte", "1", false),
        ("due", "lt", r#""2026-02-01T00:00:00.1Z""#, true),
        ("at", "gt", r#""2026-02-01T01:00:00+01:00""#, true),
        ("status", "gt", r#""Open""#, true),
        ("flag", "lt", "true", false),
        ("tags", "includes", r#""ops""#, true),
        ("tags", "includes", "3", true),
        ("status", "includes", r#""ilo""#, true),
        ("n", "includes", "1", false),
        ("absent", "includes", "1", false),
        ("tags", "not_includes", r#""x""#, true),
        ("absent", "not_includes", "1", true),
        ("kpis.MRR", "exists", "", true),
        ("kpis.名", "exists", "", true),
        ("list.0.x", "exists", "", true),
        ("list.1.x", "exists", "", false),
        ("status.x", "exists", "", false),
        ("no", "exists", "", false),
        ("no", "missing", "", true),
        ("flag", "missing", "", false),
        ("status", "in", r#"["Seed","Pilot"]"#, true),
        ("status", "in", r#"["pilot"]"#, false),
        ("n", "in", r#"["12",12.0]"#, true),
        ("no", "in", r#"[null,1]"#, false),
        ("absent", "in", r#"[1]"#, false),
        ("tags", "in", r#"["ai"]"#, false),
        ("kpis.名", "in", r#"["値"]"#, true),
        ("n", "between", "[12,13]", true),
        ("n", "between", "[11.5,12.0]", true),
        ("n", "between", "[12.000001,13]", false),
        ("n", "between", "[13,11]", false),
        ("n", "between", r#"["1","2"]"#, false),
        ("due", "between", r#"["2026-01-31T23:00:00Z","2026-02-01"]"#, true),
        ("at", "between", r#"["2026-01-01","2026-02-01"]"#, false),
        ("absent", "between", "[0,99]", false),
        ("no", "between", "[0,99]", false),
        ("status", "matches", r#""^P[a-z]+t$""#, true),
        ("status", "matches", r#""il""#, true),
        ("status", "matches", r#""^il""#, false),
        ("status", "matches", r#""(?i)PILOT""#, true),
        ("ende", "matches", r#""Stra.e .$""#, true),
        ("emoji", "matches", r#""^.x$""#, true),
        ("n", "matches", r#""12""#, false),
        ("absent", "matches", r#"".*""#, false),
        ("no", "matches", r#"".*""#, false),
        ("tags", "matches", r#""ai""#, false),
        ("status", "starts_with", r#""Pi""#, true),
        ("status", "starts_with", r#""pi""#, false),
        ("status", "starts_with", r#""""#, true),
        ("emoji", "starts_with", r#""😀""#, true),
        ("n", "starts_with", r#""1""#, false),
        ("absent", "starts_with", r#""""#, false),
        ("no", "eq", "null", false),
        ("no", "neq", "null", true),
        ("no", "includes", "1", false),
        ("no", "not_includes", "1", true),
        ("no", "lt", "1", false),
        ("tags", "eq", r#"["ai","ops",3.0]"#, true),
        ("tags", "gt", "1", false),
        ("kpis", "eq", r#"{"名":"値","MRR":12000}"#, true),
        ("ende", "includes", r#""ß""#, true),
        ("ende", "eq", r#""Strasse e\u0301""#, false),
        ("a.b", "exists", "", false),
        ("$.n", "eq", "12", true),
        ("@.n", "eq", "12", true),
        ("list.0.x.y", "missing", "", true),
        ("list.-1", "exists", "", false),
        ("list.99999999999999999999999", "exists", "", false),
    ] {
        assert_eq!(holds(path, operator, operand), expected, "{path} {operator} {operand}");
    }
}

#[test]
fn fields_are_compared_with_fields() {
    for (left, operator, right, expected) in [
        ("n", "eq", "same", true),
        ("n", "neq", "same", false),
        ("n", "gt", "minus", true),
        ("minus", "lt", "zero", true),
        ("n", "lte", "kpis.MRR", true),
        ("n", "gte", "kpis.MRR", false),
        ("due", "lt", "at", true),
        ("due", "lt", "n", false),
        ("tags", "includes", "status", false),
        ("tags", "not_includes", "status", true),
        ("status", "in", "tags", false),
        ("ende", "includes", "emoji", false),
        ("emoji", "starts_with", "emoji", true),
        ("tags", "eq", "tags", true),
        ("n", "eq", "absent", false),
        ("n", "lt", "absent", false),
        ("n", "neq", "absent", true),
        ("absent", "neq", "n", true),
        ("absent", "eq", "absent", false),
        ("tags", "not_includes", "absent", true),
        ("n", "in", "absent", false),
        ("n", "in", "n", false),
        ("status", "starts_with", "no", false),
    ] {
        let text = format!(r#"{{"path":"{left}","op":"{operator}","field":"{right}"}}"#);
        assert_eq!(holds_for(&text, DOCUMENT), expected, "{left} {operator} {right}");
    }
    let one_of = r#"{"path":"a","op":"in","field":"b"}"#;
    assert!(holds_for(one_of, r#"{"a":1.0,"b":[0,1]}"#));
}

#[test]
fn what_is_calculated_is_exact() {
    for (left, operator, right, expected) in [
        (r#""ratio":["n","same"]"#, "eq", "1", true),
        (r#""ratio":["n","minus"]"#, "eq", "-3.00", true),
        (r#""ratio":["n","minus"]"#, "lt", "-2.9999999999999999999999999999", true),
        (r#""ratio":["minus","n"]"#, "gt", "-0.3333333333333333333333333333333334", true),
        (r#""ratio":["minus","n"]"#, "lt", "-0.3333333333333333333333333333333333", true),
        (r#""ratio":["big","big"]"#, "between", "[1,1]", true),
        (r#""ratio":["n","zero"]"#, "gt", "0", false),
        (r#""ratio":["n","zero"]"#, "missing", "", true),
        (r#""ratio":["n","zero"]"#, "neq", "0", true),
        (r#""ratio":["zero","n"]"#, "eq", "0", true),
        (r#""ratio":["zero","n"]"#, "exists", "", true),
        (r#""ratio":["n","status"]"#, "missing", "", true),
        (r#""ratio":["n","absent"]"#, "missing", "", true),
        (r#""ratio":["n","no"]"#, "lte", "1", false),
        (r#""ratio":["n","same"]"#, "in", r#"["1",2,1.000]"#, true),
        (r#""ratio":["n","same"]"#, "eq", r#""1""#, false),
        (r#""difference":["n","minus"]"#, "eq", "16", true),
        (r#""difference":["share","n"]"#, "eq", "-11.4", true),
        (r#""difference":["n","absent"]"#, "missing", "", true),
        (r#""difference":["n","tags"]"#, "lt", "0", false),
        (r#""sum":"sum.*.v""#, "eq", "0.3", true),
        (r#""sum":"sum.*.v""#, "neq", "0.3", false),
        (r#""sum":"deep.*.in.*.v""#, "eq", "2.5", true),
        (r#""sum":"empty.*.v""#, "eq", "0", true),
        (r#""sum":"mixed.*.v""#, "missing", "", true),
        (r#""sum":"absent.*.v""#, "missing", "", true),
        (r#""sum":"n.*.v""#, "missing", "", true),
        (r#""sum":"no.*""#, "gte", "0", false),
        (r#""sum":"tags.*""#, "exists", "", false),
        (r#""sum":"sum.*""#, "exists", "", false),
    ] {
        let right = if right.is_empty() { String::new() } else { format!(r#","value":{right}"#) };
        let text = format!(r#"{{{left},"op":"{operator}"{right}}}"#);
        assert_eq!(holds_for(&text, DOCUMENT), expected, "{text}");
    }
    let over = r#"{"ratio":["spent","planned"],"op":"gt","field":"limit"}"#;
    assert!(holds_for(over, r#"{"spent":0.3,"planned":0.1,"limit":2.9999999999999999999}"#));
    assert!(!holds_for(over, r#"{"spent":0.3,"planned":0.1,"limit":3}"#));
    assert!(!holds_for(over, r#"{"spent":0.3,"planned":0.1}"#));
}

#[test]
fn numbers_of_too_many_digits_are_compared_and_not_calculated_with() {
    let [most, more] = [100, 101].map(|count| "7".repeat(count));
    let same = |digits: &str| format!(r#"{{"a":{digits},"b":{digits}}}"#);
    let ratio = r#"{"ratio":["a","b"],"op":"eq","value":1}"#;
    assert!(holds_for(ratio, &same(&most)));
    assert!(!holds_for(ratio, &same(&more)));
    assert!(holds_for(r#"{"path":"a","op":"eq","field":"b"}"#, &same(&more)));
    // Far apart, so that their difference has more digits than memory.
    let far = r#"{"a":1E999999999,"b":1}"#;
    assert!(holds_for(r#"{"difference":["a","b"],"op":"missing"}"#, far));
    assert!(holds_for(r#"{"ratio":["a","b"],"op":"gt","value":1e99999999}"#, far));
}
