//! What is deployed, built and held to its budgets while other stages wait for the network more
//! than they compute.

use std::io;
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::build::TARGET;
use crate::build::toolchain::Toolchain;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// The function of which the image is made twice, in two folders.
const REPRODUCED: &str = "manifest-writer";

/// Stages that go on beside others, and say what they have to say when they are waited for.
pub(super) struct Images(JoinHandle<Vec<Ended>>);

struct Ended {
    name: String,
    output: io::Result<Output>,
    elapsed: Duration,
}

impl Images {
    /// Begins, where this machine has what a build takes; says what is missing where it has not. An
    /// image is made twice where checks are `long`.
    pub(super) fn begin(
        workspace: &Workspace,
        long: bool,
        terminal: &Terminal,
    ) -> Result<Option<Self>> {
        if let Err(missing) = Toolchain::find(TARGET) {
            terminal.say(&format!("== sizes, images: skipped: {missing:#}"))?;
            return Ok(None);
        }
        let mut sizes = Command::new(std::env::current_exe()?);
        sizes.args(["size", "--totals"]);
        let mut stages = vec![("sizes".to_owned(), sizes)];
        if long {
            // An image says from which commit it is, which a checkout without history cannot.
            let what = if is_whole(workspace) { "image" } else { "build" };
            let mut twice = Command::new(std::env::current_exe()?);
            twice.args([what, REPRODUCED, "--check-reproducible"]);
            stages.push((format!("{what}, twice"), twice));
        }
        for (_, command) in &mut stages {
            command.current_dir(&workspace.root).stdin(Stdio::null());
        }
        Ok(Some(Self(thread::spawn(|| stages.into_iter().map(end).collect()))))
    }

    /// Waits for their end. Whether all of them succeeded.
    pub(super) fn end(self, terminal: &Terminal) -> Result<bool> {
        let mut good = true;
        for Ended { name, output, elapsed } in self.0.join().map_err(|_| anyhow!("panic"))? {
            let output = output.with_context(|| format!("cannot start {name}"))?;
            terminal.say(&format!("== {name}"))?;
            if !output.status.success() {
                terminal.say(String::from_utf8_lossy(&output.stderr).trim_end())?;
            }
            terminal.say(String::from_utf8_lossy(&output.stdout).trim_end())?;
            let end = if output.status.success() { "ok" } else { "FAILED" };
            terminal.say(&format!("== {name}: {end}, {:.1} s", elapsed.as_secs_f64()))?;
            good &= output.status.success();
        }
        Ok(good)
    }
}

fn end((name, mut command): (String, Command)) -> Ended {
    let started = Instant::now();
    let output = command.output();
    Ended { name, output, elapsed: started.elapsed() }
}

fn is_whole(workspace: &Workspace) -> bool {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--is-shallow-repository"]).current_dir(&workspace.root);
    git.output().is_ok_and(|output| output.stdout.starts_with(b"false"))
}
