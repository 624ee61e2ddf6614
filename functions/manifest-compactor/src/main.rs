//! The manifest-compactor: one run, to its end.

use std::process::ExitCode;

use clap::Parser as _;
use job::Screen;
use manifest_compactor::Cli;

fn main() -> ExitCode {
    let screen = Screen::new();
    match manifest_compactor::run(&Cli::parse().options, &screen) {
        Ok(ended) => ExitCode::from(ended.code()),
        Err(problem) => {
            screen.hint(&format!("error: {problem}"));
            ExitCode::FAILURE
        }
    }
}
