//! The manifest-writer on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use domain::Planted;
use manifest_writer::ManifestWriter;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), gcp::connect, |tools, _| {
        Ok(Arc::new(ManifestWriter { tools, planted: Planted::NONE }))
    })
}
