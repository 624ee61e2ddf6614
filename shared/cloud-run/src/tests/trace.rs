//! Trace headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::trace::Trace;

const ID: &str = "0af7651916cd43dd8448eb211c80319c";

fn trace(headers: &[(&'static str, &str)]) -> Option<(String, Option<String>)> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect();
    Trace::from_headers(&headers).map(|trace| (trace.name(None), trace.span_id))
}

#[test]
fn traceparent() {
    let read = |value: &str| trace(&[("traceparent", value)]);
    let expected = Some((ID.to_owned(), Some("b7ad6b7169203331".to_owned())));
    assert_eq!(read(&format!("00-{ID}-b7ad6b7169203331-01")), expected);
    assert_eq!(read(&format!("cc-{ID}-b7ad6b7169203331-01-what-comes")), expected);
    let zeros = "0".repeat(32);
    for bad in [
        "",
        "00",
        &format!("00-{ID}-b7ad6b7169203331"),
        &format!("00-{ID}-b7ad6b7169203331-01-more"),
        &format!("ff-{ID}-b7ad6b7169203331-01"),
        &format!("00-{zeros}-b7ad6b7169203331-01"),
        &format!("00-{ID}-0000000000000000-01"),
        &format!("00-{}-b7ad6b7169203331-01", ID.to_uppercase()),
        &format!("00-{ID}é-b7ad6b7169203331-01"),
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

#[test]
fn cloud_trace_context() {
    let read = |value: &str| trace(&[("x-cloud-trace-context", value)]);
    let span = |span: &str| Some((ID.to_owned(), Some(span.to_owned())));
    assert_eq!(read(&format!("{ID}/74;o=1")), span("000000000000004a"));
    assert_eq!(read(&format!("{}/74", ID.to_uppercase())), span("000000000000004a"));
    assert_eq!(read(&format!("{ID}/18446744073709551615;o=0")), span("ffffffffffffffff"));
    for bare in [format!("{ID}/0;o=1"), ID.to_owned(), format!("{ID};o=1"), format!("{ID}/x")] {
        assert_eq!(read(&bare), Some((ID.to_owned(), None)), "{bare}");
    }
    assert_eq!(read("short/1;o=1"), None);
}

#[test]
fn traceparent_is_preferred_when_it_can_be_read() {
    let other = "1".repeat(32);
    let cloud = format!("{other}/1");
    let both = |traceparent: &str| {
        let found = trace(&[("traceparent", traceparent), ("x-cloud-trace-context", &cloud)]);
        found.map(|(id, _)| id)
    };
    assert_eq!(both(&format!("00-{ID}-b7ad6b7169203331-01")), Some(ID.to_owned()));
    assert_eq!(both("nonsense"), Some(other.clone()));
}

#[test]
fn a_trace_is_named_in_its_project() {
    let trace = Trace { trace_id: ID.to_owned(), span_id: None };
    assert_eq!(trace.name(Some("acme")), format!("projects/acme/traces/{ID}"));
}
