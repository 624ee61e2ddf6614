//! What must hold beyond the schema.

use std::sync::Arc;

use domain::Definitions;
use expect_test::{Expect, expect};

use super::{document, report};
use crate::{VIOLATIONS_MAX, Validators};

/// Validators for a kind with these checks and two schemas that allow everything.
fn things(checks: &str) -> Validators {
    let entity = format!(
        r#"{{"entity":"thing","segment":"things","schema_versions":["1.0.0"],"manifest":{{}},"checks":[{checks}]}}"#
    );
    let files = [("thing/entity.json", &*entity), ("thing/v1.0.0.schema.json", "{}")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Validators::new(Arc::new(Definitions::from_files(files).unwrap()))
}

/// Holds documents against one check.
fn check(check: &str, documents: &[&str], expect: &Expect) {
    let validators = things(check);
    let outcome = |text: &&str| {
        let report = report(validators.validate("thing", "1.0.0", &document(text)));
        report.lines().map(|line| format!("{text}\n  {line}\n")).collect::<String>()
    };
    expect.assert_eq(&documents.iter().map(outcome).collect::<String>());
}

#[test]
fn numbers_are_compared_by_value() {
    check(
        r#"{"le":["/a","/b"]}"#,
        &[
            r#"{"a":1.0,"b":1}"#,
            r#"{"a":10000000000000000000000000000001,"b":10000000000000000000000000000000}"#,
            r#"{"a":1E400,"b":2e399}"#,
            r#"{"a":-2,"b":-3}"#,
        ],
        &expect![[r#"
            {"a":1.0,"b":1}
              valid
            {"a":10000000000000000000000000000001,"b":10000000000000000000000000000000}
              /b: expected at least what is at /a
            {"a":1E400,"b":2e399}
              /b: expected at least what is at /a
            {"a":-2,"b":-3}
              /b: expected at least what is at /a
        "#]],
    );
    check(
        r#"{"lt":["/a","/b"]}"#,
        &[r#"{"a":1.0,"b":1}"#, r#"{"a":1,"b":1.01}"#],
        &expect![[r#"
            {"a":1.0,"b":1}
              /b: expected more than what is at /a
            {"a":1,"b":1.01}
              valid
        "#]],
    );
    check(
        r#"{"eq":["/a","/b"]}"#,
        &[
            r#"{"a":1.0,"b":1}"#,
            r#"{"a":1,"b":1.01}"#,
            r#"{"a":"x","b":"y"}"#,
            r#"{"a":1,"b":"1"}"#,
        ],
        &expect![[r#"
            {"a":1.0,"b":1}
              valid
            {"a":1,"b":1.01}
              /b: expected the same as what is at /a
            {"a":"x","b":"y"}
              /b: expected the same as what is at /a
            {"a":1,"b":"1"}
              /b: expected the same as what is at /a
        "#]],
    );
}

#[test]
fn dates_and_instants_are_compared_by_time() {
    check(
        r#"{"le":["/a","/b"]}"#,
        &[
            r#"{"a":"2025-01-02","b":"2025-01-01"}"#,
            r#"{"a":"2025-01-01T12:00:00+02:00","b":"2025-01-01T10:00:00Z"}"#,
            r#"{"a":"2025-01-01T10:00:00.001Z","b":"2025-01-01T10:00:00Z"}"#,
            r#"{"a":"2025-01-01T23:00:00Z","b":"2025-01-01"}"#,
            r#"{"a":"2025-01-01T23:00:00-02:00","b":"2025-01-01"}"#,
        ],
        &expect![[r#"
            {"a":"2025-01-02","b":"2025-01-01"}
              /b: expected at least what is at /a
            {"a":"2025-01-01T12:00:00+02:00","b":"2025-01-01T10:00:00Z"}
              valid
            {"a":"2025-01-01T10:00:00.001Z","b":"2025-01-01T10:00:00Z"}
              /b: expected at least what is at /a
            {"a":"2025-01-01T23:00:00Z","b":"2025-01-01"}
              valid
            {"a":"2025-01-01T23:00:00-02:00","b":"2025-01-01"}
              /b: expected at least what is at /a
        "#]],
    );
}

#[test]
fn what_misses_an_operand_holds() {
    let valid = |checks: &str, texts: &[&str]| {
        for text in texts {
            let outcome = things(checks).validate("thing", "1.0.0", &document(text));
            assert_eq!(report(outcome), "valid\n", "{text}");
        }
    };
    let any = ["[]", "{}", r#"{"a":null,"b":null}"#];
    valid(r#"{"le":["/a","/b"]}"#, &any);
    valid(r#"{"le":["/a","/b"]}"#, &[r#"{"a":2}"#, r#"{"a":2,"b":"x"}"#, r#"{"a":"y","b":"x"}"#]);
    valid(r#"{"eq":["/a","/b"]}"#, &[r#"{"a":2}"#, r#"{"a":2,"b":null}"#]);
    valid(r#"{"each":"/a","le":["/x","/y"]}"#, &any);
    valid(r#"{"each":"/a","le":["/x","/y"]}"#, &[r#"{"a":[1,{},{"x":1}]}"#, r#"{"a":{}}"#]);
    valid(r#"{"sum":"/a/*/x","is":"/b"}"#, &any);
    valid(
        r#"{"sum":"/a/*/x","is":"/b"}"#,
        &[r#"{"a":[{"x":1}]}"#, r#"{"a":[{"y":1}],"b":7}"#, r#"{"b":7}"#],
    );
    valid(r#"{"unique":"/a","by":["/x","/y"]}"#, &any);
    valid(r#"{"unique":"/a","by":["/x","/y"]}"#, &[r#"{"a":[{},{},{"x":{}},{"x":{}}]}"#]);
    valid(r#"{"value":"/a","in":"/b/*"}"#, &any);
    valid(r#"{"value":"/a","in":"/b/*"}"#, &[r#"{"a":1}"#, r#"{"a":null,"b":[]}"#]);
    valid(r#"{"keys":"/a","in":"/b/*/x"}"#, &any);
    valid(r#"{"keys":"/a","in":"/b/*/x"}"#, &[r#"{"a":{"x":1}}"#, r#"{"a":[],"b":[]}"#]);
}

#[test]
fn every_element_is_looked_at() {
    check(
        r#"{"each":"/a","le":["/x","/y"]}"#,
        &[r#"{"a":[{"x":1,"y":1},{"x":2,"y":1},{"y":1},{"x":9,"y":1}]}"#],
        &expect![[r#"
            {"a":[{"x":1,"y":1},{"x":2,"y":1},{"y":1},{"x":9,"y":1}]}
              /a/1/y: expected at least what is at /a/1/x
            {"a":[{"x":1,"y":1},{"x":2,"y":1},{"y":1},{"x":9,"y":1}]}
              /a/3/y: expected at least what is at /a/3/x
        "#]],
    );
}

#[test]
fn sums_are_exact() {
    check(
        r#"{"sum":"/a/*/x","is":"/b","within":0.01}"#,
        &[
            r#"{"a":[{"x":0.1},{"x":0.2},{}],"b":0.30}"#,
            r#"{"a":[{"x":0.1},{"x":0.2}],"b":0.31}"#,
            r#"{"a":[{"x":0.1},{"x":0.2}],"b":0.29}"#,
            r#"{"a":[{"x":0.1},{"x":0.2}],"b":0.3100000000000000000000000000000000001}"#,
            r#"{"a":[{"x":-7.5},{"x":2}],"b":-5.52}"#,
            r#"{"a":[{"x":99999999999999999999999999.99},{"x":0.01}],"b":1E26}"#,
        ],
        &expect![[r#"
            {"a":[{"x":0.1},{"x":0.2},{}],"b":0.30}
              valid
            {"a":[{"x":0.1},{"x":0.2}],"b":0.31}
              valid
            {"a":[{"x":0.1},{"x":0.2}],"b":0.29}
              valid
            {"a":[{"x":0.1},{"x":0.2}],"b":0.3100000000000000000000000000000000001}
              /b: expected the sum of /a/*/x, within 0.01
            {"a":[{"x":-7.5},{"x":2}],"b":-5.52}
              /b: expected the sum of /a/*/x, within 0.01
            {"a":[{"x":99999999999999999999999999.99},{"x":0.01}],"b":1E26}
              valid
        "#]],
    );
    check(
        r#"{"sum":"/a/*","is":1}"#,
        &["{\"a\":[0.5,5E-1]}", "{\"a\":[0.5,5E-1,1E-300]}", "{\"a\":[1E1000000000,1]}"],
        &expect![[r#"
            {"a":[0.5,5E-1]}
              valid
            {"a":[0.5,5E-1,1E-300]}
              /a: expected a sum of 1 at /a/*
            {"a":[1E1000000000,1]}
              /a: expected numbers at /a/* of fewer digits, to be added up
        "#]],
    );
}

#[test]
fn no_two_elements_are_alike() {
    check(
        r#"{"unique":"/a","by":["/x"]}"#,
        &[r#"{"a":[{"x":1},{"x":"1"},{"x":true},{},{"x":1.0},{"x":1}]}"#],
        &expect![[r#"
            {"a":[{"x":1},{"x":"1"},{"x":true},{},{"x":1.0},{"x":1}]}
              /a/4: expected another x than /a/0 has
            {"a":[{"x":1},{"x":"1"},{"x":true},{},{"x":1.0},{"x":1}]}
              /a/5: expected another x than /a/0 has
        "#]],
    );
    check(
        r#"{"unique":"/a","by":["/x","/y"]}"#,
        &[
            r#"{"a":[{"x":1,"y":1},{"x":1,"y":2},{"y":1},{"x":1}]}"#,
            r#"{"a":[{"x":1,"y":1},{"x":1,"y":1},{"x":1},{"x":1,"y":null}]}"#,
        ],
        &expect![[r#"
            {"a":[{"x":1,"y":1},{"x":1,"y":2},{"y":1},{"x":1}]}
              valid
            {"a":[{"x":1,"y":1},{"x":1,"y":1},{"x":1},{"x":1,"y":null}]}
              /a/1: expected another x, y than /a/0 has
            {"a":[{"x":1,"y":1},{"x":1,"y":1},{"x":1},{"x":1,"y":null}]}
              /a/3: expected another x, y than /a/2 has
        "#]],
    );
}

#[test]
fn values_and_names_are_among_others() {
    check(
        r#"{"value":"/a","in":"/b/*"}"#,
        &[r#"{"a":1,"b":[2,1.0]}"#, r#"{"a":1,"b":["1"]}"#, r#"{"a":1,"b":[]}"#],
        &expect![[r#"
            {"a":1,"b":[2,1.0]}
              valid
            {"a":1,"b":["1"]}
              /a: expected one of the values at /b/*
            {"a":1,"b":[]}
              /a: expected one of the values at /b/*
        "#]],
    );
    check(
        r#"{"value":"/a/*/x","in":"/b/*/y"}"#,
        &[r#"{"a":[{"x":1},{},{"x":2}],"b":[{"y":1},{}]}"#],
        &expect![[r#"
            {"a":[{"x":1},{},{"x":2}],"b":[{"y":1},{}]}
              /a/2/x: expected one of the values at /b/*/y
        "#]],
    );
    check(
        r#"{"keys":"/a","in":"/b/*"}"#,
        &[r#"{"a":{"x/~":1,"y":1},"b":["y",1]}"#],
        &expect![[r#"
            {"a":{"x/~":1,"y":1},"b":["y",1]}
              /a/x~1~0: expected a name that stands at /b/*
        "#]],
    );
}

#[test]
fn a_document_that_its_schema_refuses_is_not_checked_further() {
    let entity = r#"{"entity":"thing","segment":"things","schema_versions":["1.0.0"],"manifest":{},"checks":[{"le":["/a","/b"]}]}"#;
    let schema = r#"{"required":["c"]}"#;
    let files = [("thing/entity.json", entity), ("thing/v1.0.0.schema.json", schema)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let validators = Validators::new(Arc::new(Definitions::from_files(files).unwrap()));
    let outcome = validators.validate("thing", "1.0.0", &document(r#"{"a":2,"b":1}"#));
    expect![[r#"
        /c: expected a value
    "#]]
    .assert_eq(&report(outcome));
}

#[test]
fn a_large_document_is_checked_in_bounded_work() {
    const ELEMENTS: usize = 30_000;
    let checks = r#"{"unique":"/a","by":["/x"]},{"sum":"/a/*/x","is":0},{"value":"/a/*/x","in":"/b/*"},{"each":"/a","lt":["/x","/x"]}"#;
    let validators = things(checks);
    for element in [r#"{"x":1}"#.to_owned(), format!(r#"{{"x":1{}}}"#, "0".repeat(200))] {
        let text = format!(r#"{{"a":[{}],"b":[]}}"#, vec![element.as_str(); ELEMENTS].join(","));
        let found = validators.validate("thing", "1.0.0", &document(&text)).unwrap_err();
        assert_eq!(found.len(), VIOLATIONS_MAX + 1);
        let unlisted = 3 * ELEMENTS - VIOLATIONS_MAX;
        let last = format!("no more violations than shown, found {unlisted} more");
        assert_eq!(found[VIOLATIONS_MAX].expected, last);
    }
}
