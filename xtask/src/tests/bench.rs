//! What figures mean, and in which order functions are fed.

use expect_test::expect;

use crate::bench::chart::chart;
use crate::bench::figures::{Figures, median, table};
use crate::bench::in_order;
use crate::budget::PLAIN;

use super::workspace;

fn figures() -> Figures {
    Figures {
        function: "f".to_owned(),
        listening_ratio: 1.2,
        first_same_ratio: 3.5,
        resident_bytes: 6_000_001,
        cpu_ratio: 1.5,
        threads: 3,
        budget: PLAIN.run.as_ref(),
        ..Figures::default()
    }
}

#[test]
fn what_is_over_budget_is_named() {
    expect![[r"
        f: first delivery, ratio: 3.50, 3.00 at most
        f: resident after 1,000, MB: 6.00, 6.00 at most
        f: threads: 3.00, 2.00 at most"]]
    .assert_eq(&figures().excesses().join("\n"));
}

#[test]
fn what_was_not_measured_is_over_budget() {
    let unknown = Figures { listening_ratio: f64::NAN, ..figures() };
    assert_eq!(unknown.excesses().len(), 4);
}

#[test]
fn each_function_has_a_row_and_each_budget_a_bar() {
    assert_eq!(table(&[figures(), figures()]).lines().count(), 4);
    let chart = chart(&[figures()]);
    assert_eq!(chart.matches("<rect").count(), 1 + 5);
    assert_eq!(chart.matches("#c0392b").count(), 3);
}

#[test]
fn a_median_is_a_value_that_was_measured() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.0);
    assert!(median(&[]).is_nan());
}

#[test]
fn a_function_is_fed_after_those_that_write_what_it_reads() {
    let functions = in_order(workspace().functions().unwrap());
    let names: Vec<_> = functions.iter().map(|it| it.name.as_str()).collect();
    let place = |name| names.iter().position(|it| *it == name).unwrap();
    assert_eq!(place("snapshot-builder"), 0);
    assert!(place("index-writer") < place("rules-engine"), "{names:?}");
    assert!(place("rules-engine") < place("alert-dispatcher"), "{names:?}");
}
