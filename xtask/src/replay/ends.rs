//! How deliveries ended: what functions logged about them, and what the pushes were answered.

use std::collections::BTreeMap;

use emulator::Attempt;
use serde_json::Value;

use crate::process::Process;

/// The message of the one log line about a delivery.
const MESSAGE: &str = "delivery";

/// The deliveries to one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Log lines by outcome.
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// Pushes by status; 0 is a connection that broke or was refused.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Ends {
    /// How many deliveries were logged to end with `outcome`.
    pub(crate) fn logged(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }

    /// How many pushes were not acknowledged.
    pub(crate) fn retried(&self) -> u64 {
        let nacks = self.statuses.iter().filter(|(status, _)| !is_acknowledged(**status));
        nacks.map(|(_, count)| count).sum()
    }

    /// `12×204 1×503`.
    pub(crate) fn answers(&self) -> String {
        let answer = |(status, count): (&u16, &u64)| match status {
            0 => format!("{count}×no answer"),
            status => format!("{count}×{status}"),
        };
        self.statuses.iter().map(answer).collect::<Vec<_>>().join(" ")
    }

    /// These and `others` together.
    pub(crate) fn add(&mut self, others: &Self) {
        for (outcome, count) in &others.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
        for (status, count) in &others.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}

/// Whether Pub/Sub takes this status for an acknowledgement. (Pub/Sub documentation, "Push
/// subscriptions".)
pub(crate) fn is_acknowledged(status: u16) -> bool {
    matches!(status, 102 | 200 | 201 | 202 | 204)
}

/// The ends by function. `function_of` knows the function of a subscription.
pub(crate) fn ends(
    processes: &[Process],
    attempts: &[Attempt],
    function_of: impl Fn(&str) -> String,
) -> anyhow::Result<BTreeMap<String, Ends>> {
    let mut ends: BTreeMap<String, Ends> = BTreeMap::new();
    for process in processes {
        let of = ends.entry(process.function.clone()).or_default();
        for outcome in process.log()?.lines().filter_map(outcome) {
            *of.outcomes.entry(outcome).or_default() += 1;
        }
    }
    for attempt in attempts {
        let of = ends.entry(function_of(&attempt.subscription)).or_default();
        *of.statuses.entry(attempt.status).or_default() += 1;
    }
    Ok(ends)
}

/// The outcome in a log line about a delivery.
pub(crate) fn outcome(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let is_delivery = line.get("message")?.as_str()? == MESSAGE;
    let outcome = line.get("outcome")?.as_str()?.to_lowercase();
    is_delivery.then_some(outcome)
}
