//! What was measured, and what it means.

use std::fmt::Write as _;

use serde::Serialize;

use crate::budget::Run;

/// One function, in medians. Times are of this machine; only ratios mean something elsewhere.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) function: String,
    /// From exec until it listens: milliseconds, and to the bare server.
    pub(crate) listening_ms: f64,
    pub(crate) listening_ratio: f64,
    /// From exec until the first delivery is answered, TLS handshake and token included.
    pub(crate) first_ms: f64,
    pub(crate) first_ratio: f64,
    /// To a bare server and client that make the same requests of the same stand-ins.
    pub(crate) first_same_ratio: f64,
    /// CPU of that in milliseconds, and to the same.
    pub(crate) start_cpu_ms: f64,
    pub(crate) start_cpu_ratio: f64,
    /// Once it listens, after 1,000 deliveries one after the other, and at most after 1,000 more
    /// at a time, all over TLS.
    pub(crate) idle_bytes: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) peak_bytes: u64,
    /// Seconds of CPU for 1,000 deliveries, one after the other and at a time, and to the same
    /// requests of a bare client and server; over plain HTTP.
    pub(crate) cpu_s: f64,
    pub(crate) cpu_ratio: f64,
    pub(crate) cpu_many_s: f64,
    pub(crate) cpu_many_ratio: f64,
    /// Deliveries in a second, and to the bare server's.
    pub(crate) rate: f64,
    pub(crate) rate_ratio: f64,
    pub(crate) rate_many: f64,
    pub(crate) rate_many_ratio: f64,
    /// Operations of Cloud Storage for a delivery, as they are billed.
    pub(crate) reads: f64,
    pub(crate) writes: f64,
    /// The most while it serves.
    pub(crate) threads: u64,
    /// What its kind may take.
    #[serde(skip)]
    pub(crate) budget: Option<&'static Run>,
}

/// How much of a budget is used.
pub(crate) struct Share {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) budget: f64,
}

/// Bytes of a megabyte, as budgets count.
const MEGABYTE: f64 = 1e6;

impl Figures {
    /// Everything that has a budget.
    pub(crate) fn shares(&self) -> Vec<Share> {
        let Some(budget) = self.budget else { return Vec::new() };
        let share = |name, value, budget| Share { name, value, budget };
        vec![
            share("listening, ratio", self.listening_ratio, budget.listening_ratio),
            share("first delivery, ratio", self.first_same_ratio, budget.first_ratio),
            share(
                "resident after 1,000, MB",
                self.resident_bytes as f64 / MEGABYTE,
                budget.resident_bytes as f64 / MEGABYTE,
            ),
            share("CPU of a delivery, ratio", self.cpu_ratio, budget.cpu_ratio),
            share("threads", self.threads as f64, budget.threads as f64),
        ]
    }

    /// What is over its budget, a line for each.
    pub(crate) fn excesses(&self) -> Vec<String> {
        // What is no number was not measured, and is within nothing.
        let within = |it: &Share| it.value <= it.budget;
        let over = self.shares().into_iter().filter(|it| !within(it));
        let line = |it: Share| {
            format!("{}: {}: {:.2}, {:.2} at most", self.function, it.name, it.value, it.budget)
        };
        over.map(line).collect()
    }
}

/// A row for each function.
pub(crate) fn table(all: &[Figures]) -> String {
    let mut text = String::from(
        "| function | listening, ms (ratio) | first delivery, ms (ratios: to nothing, to the same) \
         | its CPU, ms (ratio to the same) | resident idle → 1,000 → peak, MB | CPU s per 1,000 at 1 / 32 (ratios) \
         | deliveries/s at 1 / 32 (ratios) | operations | threads |\n\
         |---|---|---|---|---|---|---|---|---|",
    );
    for it in all {
        let mb = |bytes: u64| bytes as f64 / MEGABYTE;
        // Writing to a string cannot fail.
        write!(
            text,
            "\n| {} | {:.2} ({:.2}) | {:.2} ({:.2}, {:.2}) | {:.2} ({:.2}) | {:.1} → {:.1} → {:.1} \
             | {:.2} / {:.2} ({:.2} / {:.2}) | {:.0} / {:.0} ({:.2} / {:.2}) \
             | {:.1} B + {:.1} A | {} |",
            it.function,
            it.listening_ms,
            it.listening_ratio,
            it.first_ms,
            it.first_ratio,
            it.first_same_ratio,
            it.start_cpu_ms,
            it.start_cpu_ratio,
            mb(it.idle_bytes),
            mb(it.resident_bytes),
            mb(it.peak_bytes),
            it.cpu_s,
            it.cpu_many_s,
            it.cpu_ratio,
            it.cpu_many_ratio,
            it.rate,
            it.rate_many,
            it.rate_ratio,
            it.rate_many_ratio,
            it.reads,
            it.writes,
            it.threads
        )
        .unwrap_or_default();
    }
    text
}

/// The middle one; of an even number the lower of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
