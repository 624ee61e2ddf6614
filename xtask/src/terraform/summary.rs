//! A plan in few lines, for a person who has to approve it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::Env;

use crate::terraform::planned::{Action, Planned, Resource};
use crate::terraform::policy::Finding;
use crate::terraform::{cost, stored};

/// In the order of what a person has to look at first.
const ACTIONS: [Action; 4] = [Action::Destroy, Action::Replace, Action::Change, Action::Create];

/// More of one action are told in numbers.
const LINES_MAX: usize = 30;

/// The text.
pub(crate) fn text(env: Env, planned: &Planned, findings: &[Finding]) -> String {
    let count = |action| planned.count(action);
    let mut text = format!(
        "plan for {env}: {} resources; {} created, {} changed, {} replaced, {} destroyed, {} \
         unchanged",
        planned.present().count(),
        count(Action::Create),
        count(Action::Change),
        count(Action::Replace),
        count(Action::Destroy),
        count(Action::Keep),
    );
    for action in ACTIONS {
        let resources = planned.resources.iter().filter(|it| it.action == action);
        let lines = match action {
            Action::Create => by_type(resources),
            _ if count(action) > LINES_MAX => by_type(resources),
            _ => resources.map(line).collect(),
        };
        for (at, line) in lines.into_iter().enumerate() {
            let label = if at == 0 { action.to_string() } else { String::new() };
            // Writing to a string cannot fail.
            write!(text, "\n  {label:9}  {line}").unwrap_or_default();
        }
    }
    write!(text, "\n{}\n{}", cost::text(planned), stored::text(planned)).unwrap_or_default();
    match findings {
        [] => text.push_str("\npolicies: nothing found"),
        _ => {
            write!(text, "\npolicies: {} found", findings.len()).unwrap_or_default();
            for finding in findings {
                write!(text, "\n  {finding}").unwrap_or_default();
            }
        }
    }
    text
}

fn line(resource: &Resource) -> String {
    match resource.changed.as_slice() {
        [] => resource.address.clone(),
        changed => format!("{} ({})", resource.address, changed.join(", ")),
    }
}

/// One line for each type: what is new is told in numbers.
fn by_type<'a>(resources: impl Iterator<Item = &'a Resource>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in resources {
        *counts.entry(&resource.sort).or_default() += 1;
    }
    counts.into_iter().map(|(sort, count)| format!("{count:4} {sort}")).collect()
}
