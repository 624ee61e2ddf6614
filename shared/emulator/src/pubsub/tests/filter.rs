//! The filter language.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::pubsub::filter::{FILTER_BYTES_MAX, Filter, FilterError};

fn attributes(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Which of these messages `filter` takes.
fn taken(filter: &str) -> Vec<&'static str> {
    let messages = ["", "a=1", "a=2", "a=1 b=2", "b=2", "iana.org/x=en-us ce-type=q"];
    let filter = Filter::parse(filter).unwrap();
    messages.into_iter().filter(|it| filter.matches(&attributes(it))).collect()
}

#[test]
fn each_operator_takes_what_is_documented() {
    let table: [(&str, &[&str]); 19] = [
        ("attributes:a", &["a=1", "a=2", "a=1 b=2"]),
        (r#"attributes.a = "1""#, &["a=1", "a=1 b=2"]),
        (r#"attributes.a="1""#, &["a=1", "a=1 b=2"]),
        (r#"attributes.a != "1""#, &["", "a=2", "b=2", "iana.org/x=en-us ce-type=q"]),
        (r#"NOT attributes:a"#, &["", "b=2", "iana.org/x=en-us ce-type=q"]),
        (r#"-attributes:a"#, &["", "b=2", "iana.org/x=en-us ce-type=q"]),
        (r#"NOT(attributes:a)"#, &["", "b=2", "iana.org/x=en-us ce-type=q"]),
        ("NOT NOT attributes:a", &["a=1", "a=2", "a=1 b=2"]),
        ("attributes:a AND attributes:b", &["a=1 b=2"]),
        ("attributes:a AND -attributes:b", &["a=1", "a=2"]),
        ("attributes:b OR attributes:ce-type", &["a=1 b=2", "b=2", "iana.org/x=en-us ce-type=q"]),
        (r#"attributes:b AND (attributes.a = "2" OR attributes.a = "1")"#, &["a=1 b=2"]),
        (r#"attributes:"iana.org/x""#, &["iana.org/x=en-us ce-type=q"]),
        (r#"hasPrefix(attributes."iana.org/x","en")"#, &["iana.org/x=en-us ce-type=q"]),
        (r#"hasPrefix ( attributes . a , "" )"#, &["a=1", "a=2", "a=1 b=2"]),
        (r#"attributes.ce-type = "\x71""#, &["iana.org/x=en-us ce-type=q"]),
        (r#"attributes.ce-type = "\161""#, &["iana.org/x=en-us ce-type=q"]),
        (r#"attributes.ce-type = "\u0071""#, &["iana.org/x=en-us ce-type=q"]),
        (" \t\n", &["", "a=1", "a=2", "a=1 b=2", "b=2", "iana.org/x=en-us ce-type=q"]),
    ];
    for (filter, expected) in table {
        assert_eq!(taken(filter), expected, "{filter}");
    }
}

#[test]
fn what_is_not_in_the_language_is_refused_where_it_begins() {
    let table = [
        ("(((", 3),
        ("attributes", 10),
        ("attributes:", 11),
        ("attributes.a", 12),
        ("attributes.a = b", 15),
        (r#"attributes.a = "b"#, 17),
        (r#"attributes.a = "\q""#, 17),
        (r#"attributes.a = "\ud800""#, 17),
        (r#"attributes.a = "\xff""#, 21),
        (r#"attributes.a = "\777""#, 17),
        ("attributes:a AND attributes:b OR attributes:c", 30),
        ("attributes:a OR attributes:b AND attributes:c", 29),
        ("attributes:a and attributes:b", 13),
        ("attributes:a attributes:b", 13),
        ("attributes:a)", 12),
        ("()", 1),
        ("NOT", 3),
        ("NOTattributes:a", 0),
        ("hasPrefix(attributes.a)", 22),
        ("hasSuffix(attributes.a, \"b\")", 0),
        ("data:a", 0),
        ("attributes:iana.org/x", 15),
        ("東京", 0),
    ];
    for (text, place) in table {
        match Filter::parse(text) {
            Err(FilterError::Syntax { at, .. }) => assert_eq!(at, place, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn a_filter_is_bounded_in_length_and_depth() {
    let long = format!("attributes:{}", "k".repeat(FILTER_BYTES_MAX));
    assert_eq!(Filter::parse(&long), Err(FilterError::TooLong(long.len())));
    for text in ["(".repeat(256), "-".repeat(256), "NOT ".repeat(64)] {
        assert!(matches!(Filter::parse(&text), Err(FilterError::Syntax { .. })), "{text}");
    }
}

/// Text that comes near to the language.
fn near() -> impl Strategy<Value = String> {
    let words = [
        "attributes",
        ":",
        ".",
        "a",
        "\"",
        "\"b\"",
        "=",
        "!=",
        "hasPrefix",
        "(",
        ")",
        ",",
        "AND",
        "OR",
        "NOT",
        "-",
        " ",
        "\\",
        "\\u",
        "é",
        "00e9",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..24)
        .prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", near in near()) {
        for text in [text, near] {
            if let Ok(filter) = Filter::parse(&text) {
                filter.matches(&attributes("a=1 b=2"));
                prop_assert_eq!(Filter::parse(filter.as_str()).unwrap(), filter);
            }
        }
    }

    #[test]
    fn a_negation_takes_exactly_the_others(near in near()) {
        if let (Ok(filter), Ok(negated)) =
            (Filter::parse(&near), Filter::parse(&format!("NOT ({near})")))
        {
            for message in ["", "a=1", "a=b", "b=2 a=b"] {
                let attributes = attributes(message);
                prop_assert_ne!(filter.matches(&attributes), negated.matches(&attributes));
            }
        }
    }
}
