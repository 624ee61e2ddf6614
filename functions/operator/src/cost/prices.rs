//! List prices of Google Cloud, as data.
//!
//! In US dollars, Standard storage, regions of the first tier, free tiers left out: a billing account
//! has them once, and not an environment.

use store::{CLASS_A_PER_THOUSAND, CLASS_B_PER_THOUSAND};

/// When they were looked up.
pub const AS_OF: &str = "November 2025";

/// Seconds of a month of 30 days.
pub const MONTH_SECONDS: f64 = 30.0 * 86_400.0;

/// What each thing costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// A thousand inserts or list pages. (Cloud Storage, "Pricing", "Operation charges".)
    pub class_a_per_thousand: f64,
    /// A thousand reads or notifications. (The same.)
    pub class_b_per_thousand: f64,
    /// A GiB for a month: live, noncurrent and soft-deleted alike. (The same, "Data storage".)
    pub stored_gib: f64,
    /// A GiB that a function reads or a job. (The same, "Data transfer within Google Cloud".)
    pub read_gib: f64,
    /// A GiB that is read from the internet. (The same, "General network usage".)
    pub egress_gib: f64,
    /// A TiB published or delivered. (Pub/Sub, "Pricing", "Message Delivery Basic".)
    pub message_tib: f64,
    /// A million requests. (Cloud Run, "Pricing", "Services, request-based billing".)
    pub million_requests: f64,
    /// A processor for a second of a request. (The same.)
    pub processor_second: f64,
    /// A GiB of memory for a second of a request. (The same.)
    pub memory_gib_second: f64,
    /// A processor for a second of a job. (Cloud Run, "Pricing", "Jobs".)
    pub job_processor_second: f64,
    /// A GiB of memory for a second of a job. (The same.)
    pub job_memory_gib_second: f64,
    /// A processor for a second of an instance that is kept warm and idle. (The same, "Idle minimum
    /// instances".)
    pub idle_processor_second: f64,
    /// A GiB of memory of such an instance. (The same.)
    pub idle_memory_gib_second: f64,
    /// A GiB of log entries. (Cloud Logging, "Pricing", "Logging storage".)
    pub logged_gib: f64,
    /// A condition of an alert policy for a month. (Cloud Monitoring, "Pricing", "Alerting".)
    pub alert_condition: f64,
    /// A schedule for a month. (Cloud Scheduler, "Pricing".)
    pub schedule: f64,
    /// A version of a key for a month. (Cloud KMS, "Pricing", software keys.)
    pub key_version: f64,
    /// A version of a secret for a month. (Secret Manager, "Pricing".)
    pub secret_version: f64,
}

/// A bucket in one region, with services in the same.
pub const REGION: Prices = Prices {
    class_a_per_thousand: CLASS_A_PER_THOUSAND,
    class_b_per_thousand: CLASS_B_PER_THOUSAND,
    stored_gib: 0.020,
    read_gib: 0.0,
    egress_gib: 0.12,
    message_tib: 40.0,
    million_requests: 0.40,
    processor_second: 0.000_024,
    memory_gib_second: 0.000_002_5,
    job_processor_second: 0.000_018,
    job_memory_gib_second: 0.000_002,
    idle_processor_second: 0.000_002_5,
    idle_memory_gib_second: 0.000_002_5,
    logged_gib: 0.50,
    alert_condition: 0.10,
    schedule: 0.10,
    key_version: 0.06,
    secret_version: 0.06,
};

/// A bucket in a multi-region: inserts cost twice as much, and every read is data transfer.
pub const MULTI_REGION: Prices = Prices {
    class_a_per_thousand: 2.0 * CLASS_A_PER_THOUSAND,
    stored_gib: 0.026,
    read_gib: 0.02,
    ..REGION
};
