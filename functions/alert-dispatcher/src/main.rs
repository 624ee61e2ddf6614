//! The alert-dispatcher on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use alert_dispatcher::{AlertDispatcher, AlertLog};
use domain::Planted;
use domain::json::Object;
use serde_json::Value;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), gcp::connect, |tools, _| {
        Ok(Arc::new(AlertDispatcher { tools, log: Arc::new(Stdout), planted: Planted::NONE }))
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
