//! Every check on every store, as a table.

use std::time::Duration;

use anyhow::Result;
use store::conformance::{self, End, Subject};
use tokio::time::timeout;

use crate::terminal::Terminal;

/// The widest statement of a check that keeps its line short.
const STATEMENT_WIDTH: usize = 74;

/// How long a check may take: with thousands of objects, on a real bucket, tens of seconds.
const CHECK_TIMEOUT: Duration = Duration::from_secs(120);

/// Runs the checks on each of `subjects` below `prefix` and prints a line for each check; whether
/// all hold.
pub(crate) async fn run(
    subjects: &[(&str, Subject<'_>)],
    prefix: &str,
    terminal: &Terminal,
) -> Result<bool> {
    let checks = conformance::checks();
    terminal.begin(checks.len() * subjects.len());
    let widths: Vec<usize> = subjects.iter().map(|(name, _)| name.len().max(7)).collect();
    let names: Vec<&str> = subjects.iter().map(|(name, _)| *name).collect();
    terminal.say(&row("check", &names, &widths))?;
    let (mut held, mut left_out, mut broken) = (0, 0, 0);
    for (number, check) in checks.iter().enumerate() {
        let (mut cells, mut reasons) = (Vec::new(), Vec::new());
        for (name, subject) in subjects {
            terminal.doing(format!("{name}: {}", check.name));
            let prefix = conformance::prefix_of(prefix, number);
            let end = timeout(CHECK_TIMEOUT, check.run(*subject, &prefix)).await;
            let late = || format!("no end within {} s", CHECK_TIMEOUT.as_secs());
            let end = end.unwrap_or_else(|_| End::Broken(late()));
            terminal.step();
            cells.push(match &end {
                End::Holds => "ok",
                End::LeftOut => "-",
                End::Broken(_) => "DIFFERS",
            });
            match end {
                End::Holds => held += 1,
                End::LeftOut => left_out += 1,
                End::Broken(why) => {
                    broken += 1;
                    reasons.push(format!("  {name}: {}", one_line(&why)));
                }
            }
        }
        terminal.say(&row(check.name, &cells, &widths))?;
        for reason in reasons {
            terminal.say(&reason)?;
        }
    }
    let left_out = if left_out == 0 { String::new() } else { format!(", {left_out} left out") };
    let (checks, stores) = (checks.len(), subjects.len());
    let end = if broken == 0 { "all hold".to_owned() } else { format!("{broken} DIFFER") };
    terminal.say(&format!("{checks} checks on {stores} stores: {held} hold{left_out}, {end}"))?;
    Ok(broken == 0)
}

/// One row of the table.
pub(crate) fn row(statement: &str, cells: &[&str], widths: &[usize]) -> String {
    let mut row = format!("{statement:STATEMENT_WIDTH$}");
    for (cell, width) in cells.iter().zip(widths) {
        row.push_str(&format!("  {cell:width$}"));
    }
    row.trim_end().to_owned()
}

/// The most characters of a reason that are shown.
const REASON_CHARS_MAX: usize = 300;

/// `text` on one line, not too long.
pub(crate) fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
