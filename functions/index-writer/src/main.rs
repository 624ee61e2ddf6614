//! The index-writer on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use domain::Planted;
use index_writer::IndexWriter;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), gcp::connect, |tools, _| {
        Ok(Arc::new(IndexWriter { tools, planted: Planted::NONE }))
    })
}
