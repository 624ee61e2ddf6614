//! The manifest-compactor: one run, to its end.

use std::process::ExitCode;

use clap::Parser as _;
use job::Screen;
use manifest_compactor::Cli;

fn main() -> ExitCode {
    let screen = Screen::new();
    let options = match Cli::try_parse() {
        Ok(cli) => cli.options,
        Err(err) => return job::refuse(&err, &screen),
    };
    match manifest_compactor::run(&options, &screen) {
        Ok(ended) => ExitCode::from(ended.code()),
        Err(problem) => {
            screen.hint(&format!("error: {problem}"));
            ExitCode::FAILURE
        }
    }
}
