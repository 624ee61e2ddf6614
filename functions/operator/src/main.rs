//! The operator: one command, to its end.

use std::process::ExitCode;

use clap::Parser as _;
use operator::{Cli, Screen};

fn main() -> ExitCode {
    let screen = Screen::new();
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(err) => return operator::refuse(&err, &screen),
    };
    match operator::run(&command, &screen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            screen.hint(&format!("error: {problem}"));
            ExitCode::FAILURE
        }
    }
}
