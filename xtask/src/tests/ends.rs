//! How the ends of deliveries are read and summed.

use crate::replay::ends::{Ends, outcome};

/// A line as functions write it.
const LINE: &str = r#"{"time":"2026-11-20T12:42:32.239541538Z","severity":"WARNING","attempts":3,"elapsed_ms":35,"function":"f","generation":"1","message":"delivery","object":"o","outcome":"retry","reason":"put o: answer 403"}"#;

#[test]
fn only_lines_about_deliveries_count() {
    assert_eq!(outcome(LINE), Some("retry".to_owned()));
    assert_eq!(outcome(&LINE.replace("delivery", "listening")), None);
    assert_eq!(outcome(&LINE.replace("outcome", "other")), None);
    assert_eq!(outcome("thread 'main' panicked"), None);
    assert_eq!(outcome(&LINE[..40]), None);
}

#[test]
fn what_is_not_acknowledged_is_retried() {
    let statuses = [(0, 2), (204, 5), (429, 1), (503, 3)].into();
    let ends = Ends { statuses, ..Ends::default() };
    assert_eq!(ends.retried(), 6);
    assert_eq!(ends.answers(), "2×no answer 5×204 1×429 3×503");
}

#[test]
fn ends_add_up() {
    let one = Ends { outcomes: [("done".to_owned(), 2)].into(), statuses: [(204, 2)].into() };
    let mut both = one.clone();
    both.add(&one);
    assert_eq!(both.logged("done"), 4);
    assert_eq!(both.logged("skipped"), 0);
    assert_eq!(both.statuses, [(204, 4)].into());
}
