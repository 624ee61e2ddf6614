//! What a deployment costs in a month in which nothing happens, from its plan.
//!
//! List prices in US dollars, free tiers left out where they are shared by a billing account.
//! (Pages "Pricing" of each product; docs/deploy.md has the table.)

use std::fmt::Write as _;

use crate::terraform::planned::{Planned, Resource};

/// Something that is paid for while it exists.
struct Price {
    what: &'static str,
    sort: &'static str,
    /// Dollars a month for one of them.
    each: fn(&Resource) -> f64,
}

/// Seconds of a month of 30 days.
const MONTH: f64 = 30.0 * 86_400.0;

/// Of an instance that is kept warm and idle, for a second. (Cloud Run, "Pricing", tier 1.)
const IDLE_PROCESSOR: f64 = 0.000_002_5;
const IDLE_GIB: f64 = 0.000_002_5;

const PRICES: [Price; 5] = [
    Price {
        what: "instances kept warm",
        sort: "google_cloud_run_v2_service",
        each: |it| {
            let least = it.number("/template/0/scaling/0/min_instance_count").unwrap_or_default();
            let memory = it.text("/template/0/containers/0/resources/0/limits/memory");
            let mib: f64 = memory.trim_end_matches("Mi").parse().unwrap_or(512.0);
            least * MONTH * (IDLE_PROCESSOR + mib / 1024.0 * IDLE_GIB)
        },
    },
    Price {
        what: "conditions of alert policies",
        sort: "google_monitoring_alert_policy",
        each: |_| 0.10,
    },
    Price { what: "schedules", sort: "google_cloud_scheduler_job", each: |_| 0.10 },
    Price { what: "key versions", sort: "google_kms_crypto_key", each: |_| 0.06 },
    Price { what: "secret versions", sort: "google_secret_manager_secret", each: |_| 0.06 },
];

/// The sum.
pub(crate) fn dollars(planned: &Planned) -> f64 {
    PRICES.iter().map(|price| planned.of(price.sort).map(price.each).sum::<f64>()).sum::<f64>()
        + 0.0
}

/// The sum, and what it consists of.
pub(crate) fn text(planned: &Planned) -> String {
    let mut text = format!("idle: {:.2} USD a month, and what is stored", dollars(planned));
    for price in &PRICES {
        let count = planned.of(price.sort).count();
        let dollars: f64 = planned.of(price.sort).map(price.each).sum();
        if dollars > 0.0 {
            // Writing to a string cannot fail.
            write!(text, "; {count} {} {dollars:.2}", price.what).unwrap_or_default();
        }
    }
    text
}
