//! The alert-dispatcher on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use alert_dispatcher::{AlertDispatcher, AlertLog, LEASE, Limit, PER_MINUTE};
use cloud_run::{Config, SetupError};
use domain::json::Object;
use domain::{Handler, Planted};
use egress::{Client, Egress, Vault};
use serde_json::Value;
use store::Tools;

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), gcp::connect, dispatcher)
}

/// Besides what [`Egress`] reads, `ALERTS_PER_MINUTE` is how many alerts a target is sent within a
/// minute, by each process.
fn dispatcher(tools: Tools, config: &Config) -> Result<Arc<dyn Handler>, SetupError> {
    let limit = Limit::new(config.parsed("ALERTS_PER_MINUTE", PER_MINUTE)?);
    let project = config.read("GOOGLE_CLOUD_PROJECT")?;
    let (clock, ids) = (Arc::clone(&tools.clock), Arc::clone(&tools.ids));
    let vault = Vault::machine(project, Arc::clone(&clock), ids);
    let config = config.clone();
    let read = move |name: &str| config.read(name).map_err(SetupError::from);
    let egress = Arc::new(Egress::new(read, Some(vault), Arc::new(Client::default()), clock)?);
    let (log, planted) = (Arc::new(Stdout), Planted::NONE);
    Ok(Arc::new(AlertDispatcher { tools, log, egress, limit, lease: LEASE, planted }))
}

/// Log lines of the process, which Cloud Logging keeps.
struct Stdout;

impl AlertLog for Stdout {
    fn alert(&self, name: &str, alert: &Object, message: &str) {
        let text = |field: &str| alert.get(field).and_then(Value::as_str).unwrap_or_default();
        let (rule, entity, status) = (text("rule_id"), text("id"), text("status"));
        match text("severity") {
            // It is over, and nobody has to act.
            _ if status == "resolved" => {
                tracing::info!(object = name, rule, entity, status, message, "alert");
            }
            "critical" => tracing::error!(object = name, rule, entity, message, "alert"),
            "warning" => tracing::warn!(object = name, rule, entity, message, "alert"),
            _ => tracing::info!(object = name, rule, entity, message, "alert"),
        }
    }
}
