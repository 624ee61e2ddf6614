//! The snapshot-builder on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use domain::Planted;
use schema::Validators;
use snapshot_builder::SnapshotBuilder;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), gcp::connect, |tools, _| {
        let validators = Arc::new(Validators::new(Arc::clone(&tools.definitions)));
        Ok(Arc::new(SnapshotBuilder { tools, validators, planted: Planted::NONE }))
    })
}
