//! The manifest-writer on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use cloud_run::Service;
use domain::Planted;
use manifest_writer::ManifestWriter;
use projection::source::Version;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), |setup| {
        let options = gcp::Options {
            emulator_host: setup.settings.storage_emulator_host.clone(),
            ..gcp::Options::new(&setup.settings.bucket)
        };
        let (clock, ids) = (Arc::clone(&setup.clock), Arc::clone(&setup.ids));
        let store = Arc::new(gcp::Bucket::new(options, clock, ids)?);
        let definitions = Arc::new(setup.settings.definitions()?);
        let version = Version {
            definitions: definitions.digest().to_owned(),
            software: setup.settings.version().to_owned(),
        };
        let handler = ManifestWriter {
            store: store.clone(),
            clock: Arc::clone(&setup.clock),
            ids: Arc::clone(&setup.ids),
            definitions,
            version,
            planted: Planted::NONE,
        };
        Ok(Service { store, handler: Arc::new(handler) })
    })
}
