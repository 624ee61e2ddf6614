//! The rules-engine on Cloud Run.

use std::process::ExitCode;
use std::sync::Arc;

use domain::Planted;
use rules_engine::{RULES_AGE_MAX, RuleCache, RulesEngine};

fn main() -> ExitCode {
    cloud_run::run(env!("CARGO_PKG_NAME"), gcp::connect, |tools, config| {
        Ok(Arc::new(RulesEngine {
            tools,
            rules_age_max: config.duration_ms("RULES_AGE_MAX_MS", RULES_AGE_MAX)?,
            cache: RuleCache::default(),
            planted: Planted::NONE,
        }))
    })
}
