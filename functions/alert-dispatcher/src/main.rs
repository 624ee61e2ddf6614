//! The alert-dispatcher on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use alert_dispatcher::{AlertDispatcher, AlertLog};
use cloud_run::Service;
use domain::json::Object;
use projection::source::Version;
use serde_json::Value;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), |setup| {
        let options = gcp::Options {
            emulator_host: setup.settings.storage_emulator_host.clone(),
            ..gcp::Options::new(&setup.settings.bucket)
        };
        let (clock, ids) = (Arc::clone(&setup.clock), Arc::clone(&setup.ids));
        let store = Arc::new(gcp::Bucket::new(options, clock, ids)?);
        let version = Version {
            definitions: setup.settings.definitions()?.digest().to_owned(),
            software: setup.settings.version().to_owned(),
        };
        let handler = AlertDispatcher { store: store.clone(), log: Arc::new(Stdout), version };
        Ok(Service { store, handler: Arc::new(handler) })
    })
}

/// Log lines of the process, which Cloud Logging keeps.
struct Stdout;

impl AlertLog for Stdout {
    fn alert(&self, name: &str, alert: &Object) {
        let text = |field: &str| alert.get(field).and_then(Value::as_str).unwrap_or_default();
        let (rule, entity, message) = (text("rule_id"), text("id"), text("message"));
        match text("severity") {
            "critical" => tracing::error!(object = name, rule, entity, message, "alert"),
            "warning" => tracing::warn!(object = name, rule, entity, message, "alert"),
            _ => tracing::info!(object = name, rule, entity, message, "alert"),
        }
    }
}
