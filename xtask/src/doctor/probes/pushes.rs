//! One entity through the deployment: its snapshot comes only when a push has arrived.

use anyhow::{Context as _, Result, ensure};

use super::Trial;
use crate::deploy;
use crate::terminal::Terminal;
use crate::terraform::smoke::Smoke;

/// The trial of `cargo xtask deploy`.
pub(crate) async fn arrive(trial: &Trial<'_>) -> Result<String> {
    let store = deploy::store(trial.bucket, trial.emulator_host.clone())?;
    let smoke =
        Smoke { env: trial.env, store: &store, clock: trial.clock, wait_max: trial.wait_max };
    let begun_at = trial.clock.now();
    // What it says in between is told when it ends badly, and by the smoke test itself.
    let quiet = Terminal::on(std::io::sink());
    let came = smoke.run(&quiet).await.context("no push has arrived, or a function fails")?;
    ensure!(came, "not everything came");
    let took_ms = trial.clock.now().unix_millis() - begun_at.unix_millis();
    Ok(format!("yes: snapshot, manifest and pointers came and went within {took_ms} ms"))
}
