//! Which bucket and which environment a command works on.

use clap::Args;
use cloud_run::{Config, Connect, Settings};
use domain::Env;
use store::Tools;

use crate::Problem;

/// Options that every command has.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// The bucket; the variable BUCKET says it otherwise. That of `cargo xtask dev` is strata-dev,
    /// with STORAGE_EMULATOR_HOST as `cargo xtask dev --print-env` has it.
    #[arg(long, global = true, value_name = "NAME")]
    pub bucket: Option<String>,
    /// The environment: dev, stg or prod.
    #[arg(long, global = true, value_name = "ENV", default_value = "dev")]
    pub env: Env,
}

impl Place {
    /// Opens the bucket by `connect`, with the settings that functions read from `config`.
    ///
    /// # Errors
    ///
    /// When no bucket is named, or a setting cannot be used.
    pub fn tools(&self, config: &Config, connect: Connect) -> Result<Tools, Problem> {
        let config = match &self.bucket {
            Some(bucket) => config.clone().with("BUCKET", bucket),
            None => config.clone(),
        };
        if config.read("BUCKET")?.is_none() {
            return Err(Problem::new("no bucket is named: say --bucket NAME, or set BUCKET"));
        }
        Ok(cloud_run::tools(&Settings::read(&config)?, connect)?)
    }
}
