//! The snapshot-builder on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use snapshot_builder::SnapshotBuilder;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), gcp::connect, |tools, _| {
        Ok(Arc::new(SnapshotBuilder::new(tools)))
    })
}
