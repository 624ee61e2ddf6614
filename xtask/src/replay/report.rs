//! What is printed about a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::ends::Ends;
use super::mode::Mode;
use super::run::Ended;
use crate::scenario::Scenario;

/// The column that the figures of a run begin in.
const MODE_WIDTH: usize = 20;

/// What happens in a scenario, in one line.
pub(crate) fn title(scenario: &Scenario) -> String {
    format!("{}: {}", scenario.name, scenario.about)
}

/// One line about a run: the result, the time, operations by class, and the answers to pushes.
pub(crate) fn line(mode: &Mode, ended: &Ended, equal: bool) -> String {
    let result = if equal { "equal" } else { "DIFFERENT" };
    let mut all = Ends::default();
    ended.ends.values().for_each(|of| all.add(of));
    let mut line = format!(
        "  {:MODE_WIDTH$} {result:9} {:6.2} s  {}; {}",
        mode.to_string(),
        ended.elapsed.as_secs_f64(),
        ended.operations,
        all.answers(),
    );
    if mode.faults.is_some() {
        write!(line, "; {} killed", ended.kills).unwrap_or_default();
    }
    line
}

/// What was written, and how deliveries ended by function.
pub(crate) fn details(ended: &Ended) -> String {
    let written: Vec<String> =
        ended.written.iter().map(|(class, count)| format!("{count} {class}")).collect();
    let mut text = format!("    uploaded {}; written {}\n", ended.uploads, none_if_empty(&written));
    text += &table(&ended.ends);
    text
}

/// The deliveries by function, one line each.
fn table(ends: &BTreeMap<String, Ends>) -> String {
    let width = ends.keys().map(String::len).max().unwrap_or_default();
    let mut text = format!(
        "    {:width$}  {:>5} {:>7} {:>8} {:>7}  answers",
        "function", "done", "skipped", "rejected", "retried"
    );
    for (function, of) in ends {
        let [done, skipped, rejected] = ["done", "skipped", "rejected"].map(|it| of.logged(it));
        let row = format!(
            "\n    {function:width$}  {done:>5} {skipped:>7} {rejected:>8} {:>7}  {}",
            of.retried(),
            of.answers()
        );
        text += row.trim_end();
    }
    text
}

fn none_if_empty(words: &[String]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
