//! The operator: one command, to its end.

use std::process::ExitCode;

use clap::Parser as _;
use operator::{Cli, Screen};

fn main() -> ExitCode {
    let screen = Screen::new();
    match operator::run(&Cli::parse().command, &screen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            screen.hint(&format!("error: {problem}"));
            ExitCode::FAILURE
        }
    }
}
