//! A real bucket.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use emulator::{SeededIds, SystemClock};
use gcp::Bucket;
use store::Counted;
use store::conformance::{Patient, Subject};

use super::{run_prefix, suite};
use crate::terminal::Terminal;

/// Operations that the checks take, rounded up; those of class A cost as much each.
pub(crate) const CLASS_A: u64 = 9000;
pub(crate) const CLASS_B: u64 = 1000;

/// US dollars for a thousand operations of a bucket in one region. (Cloud Storage documentation,
/// "Pricing", "Operation charges".)
const CLASS_A_DOLLARS: f64 = 0.005;
const CLASS_B_DOLLARS: f64 = 0.0004;

/// What a run is, before it begins.
fn warning(bucket: &str) -> String {
    let dollars = (CLASS_A as f64 * CLASS_A_DOLLARS + CLASS_B as f64 * CLASS_B_DOLLARS) / 1000.0;
    format!(
        "\
The checks write to the real bucket {bucket} with your credentials, those of
`gcloud auth application-default login`.
  costs: up to {CLASS_A} operations of class A and {CLASS_B} of class B, {dollars:.2} USD in one region and twice
    that in several; some minutes, since one object takes one write per second; 30 MB meanwhile
  needs: Object Versioning, no retention policy; storage.objects.create, get, list and delete, as
    Storage Object User has them
  leaves: nothing. Every object is below a prefix of its own, and in the end every version is
    deleted for ever, unless soft delete keeps it. Notifications of the bucket are sent meanwhile"
    )
}

/// Runs the checks on `bucket` when that was confirmed; whether all hold.
pub(super) async fn run(bucket: &str, confirmed: bool, terminal: &Terminal) -> Result<bool> {
    // Refuses what is no name before anything is said about it.
    let clock = Arc::new(SystemClock);
    let client = Bucket::new(gcp::Options::new(bucket), clock.clone(), SeededIds::new(1))?;
    terminal.say(&warning(bucket))?;
    if !confirmed {
        terminal.say(&format!("to begin: cargo xtask conform --bucket {bucket} --yes"))?;
        return Ok(false);
    }
    let prefix = run_prefix("conformance");
    terminal.say(&format!("bucket {bucket}, below {prefix}"))?;
    let client = Arc::new(client);
    let counted = Arc::new(Counted::new(client.clone()));
    let patient = Patient::new(counted.clone(), clock);
    let subject = Subject::shared(&patient, &*client);
    let ended = suite::run(&[(bucket, subject)], &prefix, terminal).await;
    terminal.doing(format!("deleting what is below {prefix}"));
    let cleaned = client.clean(&prefix).await;
    let cleaned = cleaned.with_context(|| format!("objects are left below {prefix}"))?;
    let spent = counted.operations();
    terminal.say(&format!("{spent}; {cleaned} versions deleted for ever below {prefix}"))?;
    ended
}
