//! Documents and numbers.

use std::cmp::Ordering;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::Value;

use crate::{Decimal, json, scalar};

fn check(text: &str, expect: Expect) {
    expect.assert_eq(&match json::parse(text.as_bytes()) {
        Ok(value) => String::from_utf8(json::to_line(&value)).unwrap(),
        Err(err) => format!("refused: {err}"),
    });
}

#[test]
fn numbers_and_key_order_come_out_as_they_went_in() {
    check(
        r#"{"z":0.60, "a": [-0,0,-7,1E400,9007199254740993], "m":{"n":1234567890123456789012345678901234567890,"e":-0.0,"f":1e-7,"g":2E+8}}"#,
        expect![[r#"
            {"z":0.60,"a":[-0,0,-7,1E400,9007199254740993],"m":{"n":1234567890123456789012345678901234567890,"e":-0.0,"f":1e-7,"g":2E+8}}
        "#]],
    );
}

#[test]
fn digits_in_strings_are_not_taken_for_numbers() {
    check(
        r#"{"a\"1":"2\\","b":["3\\\"4",5E6,"\u0037"],"8":9e0}"#,
        expect![[r#"
            {"a\"1":"2\\","b":["3\\\"4",5E6,"7"],"8":9e0}
        "#]],
    );
}

#[test]
fn a_key_that_stands_twice_is_refused_at_any_depth() {
    check(
        r#"{"a":1,"a":1}"#,
        expect![
            "refused: not JSON: a key stands twice in one object or is reserved at line 1 column 10"
        ],
    );
    check(
        r#"[{"b":{"a":1,"\u0061":2}}]"#,
        expect![
            "refused: not JSON: a key stands twice in one object or is reserved at line 1 column 21"
        ],
    );
}

#[test]
fn the_key_that_serde_json_keeps_for_numbers_is_refused() {
    for text in [
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"\u0024serde_json::private::Number":"1"}"#,
        r#"{"$serde_json::private::Number":"\u0031"}"#,
        r#"{"a":[{"$serde_json::private::Number":"x"}]}"#,
        r#"{"a":1,"$serde_json::private::Number":"1"}"#,
        r#"{"$serde_json::private::Number":1}"#,
        r#"{"$serde_json::private::Number":null}"#,
    ] {
        let refusal = json::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(refusal.starts_with("not JSON"), "{text}: {refusal}");
    }
    check(
        r#"{"a":"$serde_json::private::Number"}"#,
        expect![[r#"
        {"a":"$serde_json::private::Number"}
    "#]],
    );
}

#[test]
fn what_is_not_a_document_is_refused() {
    check("\u{feff}{}", expect!["refused: begins with a byte order mark"]);
    check("{\"a\":NaN}", expect!["refused: not JSON: expected value at line 1 column 6"]);
    check("{} {}", expect!["refused: not JSON: trailing characters at line 1 column 4"]);
    check("", expect!["refused: not JSON: EOF while parsing a value at line 1 column 0"]);
    let err = json::parse(b"{\"a\":\"\xff\"}").unwrap_err().to_string();
    expect!["not UTF-8 at byte 6"].assert_eq(&err);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let err = json::parse(deep.as_bytes()).unwrap_err().to_string();
    expect!["not JSON: recursion limit exceeded at line 1 column 128"].assert_eq(&err);
}

fn decimal(text: &str) -> Decimal {
    let Value::Number(number) = json::parse(text.as_bytes()).unwrap() else { unreachable!() };
    Decimal::of(&number)
}

#[test]
fn numbers_compare_by_value_whatever_their_size() {
    let ascending = [
        "-1E400",
        "-10",
        "-9.5",
        "-1e-400",
        "0",
        "1e-400",
        "0.1",
        "0.60",
        "1",
        "9007199254740992",
        "9007199254740993",
        "1E400",
        "1E401",
    ];
    for (i, left) in ascending.iter().enumerate() {
        for (j, right) in ascending.iter().enumerate() {
            assert_eq!(decimal(left).cmp(&decimal(right)), i.cmp(&j), "{left} and {right}");
        }
    }
    for (left, right) in [("0.60", "0.6"), ("1E2", "100"), ("-0", "0"), ("100e-2", "1.0")] {
        assert_eq!(decimal(left).cmp(&decimal(right)), Ordering::Equal, "{left} and {right}");
    }
    assert!(decimal("1E99999999999999999999") > decimal("1E400"));
}

#[test]
fn a_bucket_is_the_floor_below_100() {
    let floors = ["0", "0.99", "8.1", "81e-1", "12.5", "99.999", "100", "1E400", "-0.1", "1e-9"];
    let floors = floors.map(|text| decimal(text).floor_below_100());
    let expect = expect![
        "[Some(0), Some(0), Some(8), Some(8), Some(12), Some(99), None, None, None, Some(0)]"
    ];
    expect.assert_eq(&format!("{floors:?}"));
}

#[test]
fn scalars_have_one_order() {
    let ascending = [
        "null",
        "false",
        "true",
        "-1E400",
        "0.60",
        "1",
        r#""2026-03-01T01:00:00+02:00""#,
        r#""2026-03-01""#,
        r#""2026-03-01T00:00:00.5Z""#,
        r#""A""#,
        r#""soon""#,
    ];
    let ascending = ascending.map(|text| json::parse(text.as_bytes()).unwrap());
    for (i, left) in ascending.iter().enumerate() {
        for (j, right) in ascending.iter().enumerate() {
            assert_eq!(scalar::order(left, right), i.cmp(&j), "{left} and {right}");
        }
    }
}

proptest! {
    #[test]
    fn decimals_agree_with_machine_integers(a: i64, b: i64, zeros in 0usize..5) {
        let text = format!("{a}.{}", "0".repeat(zeros + 1));
        prop_assert_eq!(decimal(&text).cmp(&decimal(&b.to_string())), a.cmp(&b));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        if let Ok(value) = json::parse(&bytes) {
            let line = json::to_line(&value);
            prop_assert_eq!(json::parse(&line).unwrap(), value);
        }
    }
}
