//! What a deployment costs in a month in which nothing happens, from its plan.
//!
//! By the list prices that `operator cost` goes by (`operator::cost::prices`), which besides counts
//! what the scheduled jobs take: `operator cost --idle`. docs/deploy.md has the table.

use std::fmt::Write as _;

use operator::cost::prices::{MONTH_SECONDS, REGION};

use crate::terraform::planned::{Planned, Resource};

/// Something that is paid for while it exists.
struct Price {
    what: &'static str,
    sort: &'static str,
    /// Dollars a month for one of them.
    each: fn(&Resource) -> f64,
}

const PRICES: [Price; 5] = [
    Price {
        what: "instances kept warm",
        sort: "google_cloud_run_v2_service",
        each: |it| {
            let least = it.number("/template/0/scaling/0/min_instance_count").unwrap_or_default();
            let memory = it.text("/template/0/containers/0/resources/0/limits/memory");
            let mib: f64 = memory.trim_end_matches("Mi").parse().unwrap_or(512.0);
            let memory = mib / 1024.0 * REGION.idle_memory_gib_second;
            least * MONTH_SECONDS * (REGION.idle_processor_second + memory)
        },
    },
    Price {
        what: "conditions of alert policies",
        sort: "google_monitoring_alert_policy",
        each: |_| REGION.alert_condition,
    },
    Price { what: "schedules", sort: "google_cloud_scheduler_job", each: |_| REGION.schedule },
    Price { what: "key versions", sort: "google_kms_crypto_key", each: |_| REGION.key_version },
    Price {
        what: "secret versions",
        sort: "google_secret_manager_secret",
        each: |_| REGION.secret_version,
    },
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
