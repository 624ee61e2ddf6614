//! Spans of time, and what is older or within.

use super::holds;
use crate::duration::Span;

#[test]
fn spans_are_read_as_documented() {
    for (text, expected) in [
        ("30d", true),
        ("12h", true),
        ("15m", true),
        ("2w", true),
        ("0d", true),
        ("-7d", true),
        ("36525d", true),
        ("36526d", false),
        ("99999w", false),
        ("123456m", false),
        ("", false),
        ("d", false),
        ("-", false),
        ("--1d", false),
        ("+1d", false),
        ("1.5d", false),
        ("1 d", false),
        ("1D", false),
        ("1s", false),
        ("1d12h", false),
        ("１d", false),
        ("1é", false),
    ] {
        assert_eq!(Span::parse(text).is_some(), expected, "{text}");
    }
    assert_eq!(Span::parse_positive("0d"), None);
    assert_eq!(Span::parse_positive("-1d"), None);
    assert_eq!(Span::parse_positive("90m"), Some(std::time::Duration::from_secs(5400)));
}

/// Now is 2026-03-01T12:00:00Z.
#[test]
fn times_are_relative_to_now_in_utc() {
    for (at, operator, span, expected) in [
        ("2026-01-30T11:59:59Z", "older_than", "30d", true),
        ("2026-01-30T12:00:00Z", "older_than", "30d", false),
        ("2026-01-30T13:59:59+02:00", "older_than", "30d", true),
        ("2026-03-01T11:59:59.999Z", "older_than", "0d", true),
        ("2026-03-01T12:00:00Z", "older_than", "0d", false),
        ("2026-03-08T11:00:00Z", "older_than", "-7d", true),
        ("2026-03-08T12:00:00Z", "older_than", "-7d", false),
        // A date is the whole day: it is past when the day is.
        ("2026-02-28", "older_than", "0d", true),
        ("2026-03-01", "older_than", "0d", false),
        ("2026-02-27", "older_than", "1d", true),
        ("2026-02-28", "older_than", "1d", false),
        ("2026-03-02", "older_than", "-2d", true),
        ("2026-03-03", "older_than", "-2d", false),
        ("2026-03-01T12:00:00Z", "within", "1h", true),
        ("2026-03-01T13:00:00Z", "within", "1h", true),
        ("2026-03-01T13:00:00.001Z", "within", "1h", false),
        ("2026-03-01T11:59:59Z", "within", "1h", false),
        ("2026-03-01T11:00:00Z", "within", "-1h", true),
        ("2026-03-01T10:59:59Z", "within", "-60m", false),
        ("2026-03-01T12:00:01Z", "within", "-1h", false),
        ("2026-03-01", "within", "0d", true),
        ("2026-03-15", "within", "2w", true),
        ("2026-03-16", "within", "2w", false),
        ("2026-02-28", "within", "2w", false),
        ("2026-02-28", "within", "-12h", false),
        ("2026-02-28", "within", "-13h", true),
        ("2026-03-02", "within", "-7d", false),
        ("0000-01-01", "older_than", "36525d", true),
        ("9999-12-31", "older_than", "-36525d", false),
        ("2026-02-30", "older_than", "0d", false),
        ("yesterday", "older_than", "0d", false),
        ("", "within", "1d", false),
    ] {
        let condition = format!(r#"{{"path":"at","op":"{operator}","value":"{span}"}}"#);
        let document = format!(r#"{{"at":"{at}"}}"#);
        assert_eq!(holds(&condition, &document), expected, "{at} {operator} {span}");
    }
    for document in ["{}", r#"{"at":null}"#, r#"{"at":20200101}"#, r#"{"at":["2020-01-01"]}"#] {
        for operator in ["older_than", "within"] {
            let condition = format!(r#"{{"path":"at","op":"{operator}","value":"0d"}}"#);
            assert!(!holds(&condition, document), "{document}");
        }
    }
}
