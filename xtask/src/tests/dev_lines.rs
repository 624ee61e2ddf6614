//! Log lines as a person reads them.

use expect_test::{Expect, expect};

use crate::dev::lines::{Level, Lines};

fn lines(colour: bool, level: Level) -> Lines {
    Lines::new(&["snapshot-builder".to_owned(), "rules-engine".to_owned()], colour, level)
}

fn check(line: &str, expect: &Expect) {
    let formatted = lines(false, Level::Info).format("rules-engine", line);
    expect.assert_eq(&formatted.unwrap_or("(not shown)".to_owned()));
}

const DONE: &str = r#"{"time":"2026-11-26T12:00:01.250123Z","severity":"INFO","message":"delivery","function":"rules-engine","object":"env/dev/snapshots/ideas/IDEA-1.json","generation":"1","outcome":"done","elapsed_ms":12}"#;

#[test]
fn a_delivery_is_one_aligned_line() {
    check(
        DONE,
        &expect![
            "12:00:01.250 rules-engine             done      env/dev/snapshots/ideas/IDEA-1.json 12 ms"
        ],
    );
    let late = r#"{"time":"2026-11-26T12:00:01Z","severity":"WARNING","outcome":"retry","object":"a","reason":"contended"}"#;
    check(late, &expect!["12:00:01Z    rules-engine     warning retry     a contended"]);
    check(
        r#"{"severity":"ERROR","message":"panic","place":"x"}"#,
        &expect!["             rules-engine     error   panic"],
    );
}

#[test]
fn what_is_below_the_level_is_not_shown() {
    check(r#"{"severity":"DEBUG","message":"x"}"#, &expect!["(not shown)"]);
    assert_eq!(lines(false, Level::Warning).format("rules-engine", DONE), None);
}

#[test]
fn a_line_that_is_no_record_is_shown_as_it_is_and_harmless() {
    check("thread panicked", &expect!["             rules-engine     thread panicked"]);
    check("\u{1b}[2J[1]", &expect![[r"             rules-engine     \u{1b}[2J[1]"]]);
    check("[1]", &expect!["             rules-engine     [1]"]);
    let hostile = "{\"severity\":\"INFO\",\"outcome\":\"done\",\"object\":\"a\\u001b[31m\\nb\"}";
    check(hostile, &expect![[r"             rules-engine             done      a\u{1b}[31m\nb"]]);
}

#[test]
fn long_object_names_lose_their_middle() {
    let name = format!("env/dev/{}/history/end.json", "x".repeat(200));
    let line = format!(r#"{{"severity":"INFO","outcome":"done","object":"{name}"}}"#);
    check(
        &line,
        &expect![
            "             rules-engine             done      env/dev/xxxxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxx/history/end.json"
        ],
    );
}

#[test]
fn colours_are_there_when_wanted_and_one_for_each_function() {
    let coloured = |function| lines(true, Level::Info).format(function, "x").unwrap();
    assert_ne!(coloured("snapshot-builder")[..20], coloured("rules-engine")[..20]);
    let plain = lines(false, Level::Info);
    assert!(!plain.format("rules-engine", DONE).unwrap().contains('\u{1b}'));
    expect!["12:00:00.000 dev                      ready"]
        .assert_eq(&plain.note("12:00:00.000", "ready"));
}

#[test]
fn levels_have_names() {
    assert_eq!(Level::parse("warning"), Ok(Level::Warning));
    assert!(Level::parse("loud").unwrap_err().contains("debug, info, warning, error"));
}
