//! Numbers are compared as they are written, however long they are.

use super::{document, embedded, report, things, validate};

const VENTURE: &str = r#"{"id":"V1","entity":"venture","env":"dev","schema_version":"1.0.0",
    "created_at":"2025-11-01T00:00:00Z","updated_at":"2025-11-01T00:00:00Z","kpis":KPIS}"#;

fn check_kpis(kpis: &str, expect: &str) {
    let venture = document(&VENTURE.replace("KPIS", kpis));
    let before = venture.to_string();
    assert_eq!(report(validate(&embedded(), &venture)), expect, "{kpis}");
    assert_eq!(venture.to_string(), before);
}

fn check(schema: &str, value: &str, expect: &str) {
    let outcome = things(schema).validate("thing", "1.0.0", &document(value));
    assert_eq!(report(outcome), expect, "{value} under {schema}");
}

#[test]
fn numbers_of_any_size_are_numbers() {
    let forty_digits = "1234567890123456789012345678901234567890";
    for number in ["0.60", "1E400", "9007199254740993", forty_digits, "0", "-0.0", "1e-400"] {
        check_kpis(&format!(r#"{{"MRR":{number}}}"#), "valid\n");
    }
}

#[test]
fn whole_numbers_of_any_size_are_whole() {
    for number in ["9007199254740993", "1234567890123456789012345678901234567890", "1.0", "1E400"] {
        check_kpis(&format!(r#"{{"userCount":{number}}}"#), "valid\n");
    }
    check_kpis(
        r#"{"userCount":1.5}"#,
        "/kpis/userCount: expected a whole number, not a fraction\n",
    );
    check_kpis(
        r#"{"userCount":1E-400}"#,
        "/kpis/userCount: expected a whole number, not a fraction\n",
    );
}

#[test]
fn a_bound_holds_for_numbers_that_no_float_can_hold() {
    for number in ["-1E400", "-1e-400", "-1234567890123456789012345678901234567890", "-1"] {
        check_kpis(&format!(r#"{{"MRR":{number}}}"#), "/kpis/MRR: expected at least 0\n");
    }
    for number in ["1E400", "1.00000000000000000000000000000000000000001"] {
        check_kpis(
            &format!(r#"{{"churnRate":{number}}}"#),
            "/kpis/churnRate: expected at most 1\n",
        );
    }
    check_kpis(r#"{"churnRate":0.99999999999999999999999999999999999999999}"#, "valid\n");
}

#[test]
fn an_exponent_beyond_all_bounds_is_answered_at_once() {
    check_kpis(r#"{"MRR":1E999999999999999999999}"#, "valid\n");
    check_kpis(r#"{"MRR":-1E999999999999999999999}"#, "/kpis/MRR: expected at least 0\n");
    check_kpis(&format!(r#"{{"MRR":{}}}"#, "9".repeat(100_000)), "valid\n");
}

#[test]
fn large_limits_are_exact() {
    let limit = r#"{"maximum":9007199254740993}"#;
    check(limit, "9007199254740993", "valid\n");
    check(limit, "9007199254740994", "the document: expected at most 9007199254740993\n");
    check(limit, "9007199254740993.5", "the document: expected at most 9007199254740993\n");
}

#[test]
fn equality_of_numbers_is_that_of_their_values() {
    check(r#"{"const":0.6}"#, "0.60", "valid\n");
    check(r#"{"const":1E400}"#, "10E399", "valid\n");
    check(
        r#"{"const":9007199254740992}"#,
        "9007199254740993",
        "the document: expected 9007199254740992\n",
    );
    check(r#"{"enum":[1,2]}"#, "1E400", "the document: expected one of 1, 2\n");
    check(r#"{"uniqueItems":true}"#, "[1E400,1E401,0.6,1,-1E400]", "valid\n");
    let same = "the document: expected items that differ from one another\n";
    check(r#"{"uniqueItems":true}"#, "[1E400,10E399]", same);
    check(r#"{"multipleOf":0.01}"#, "0.60", "valid\n");
    check(r#"{"multipleOf":0.01}"#, "0.605", "the document: expected a multiple of 0.01\n");
}
