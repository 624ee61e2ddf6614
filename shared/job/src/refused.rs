//! What is said of a command line that cannot be understood.

use std::process::ExitCode;

use clap::Error;
use clap::error::ErrorKind;

use crate::Screen;

/// Says it, and with which exit code to end. Whoever has asked for help gets the help.
pub fn refuse(err: &Error, screen: &Screen) -> ExitCode {
    match refused(err) {
        Some(line) => screen.hint(&line),
        // In clap's colours, and where it has its place. Nobody is left to be told when this fails.
        None => err.print().unwrap_or_default(),
    }
    ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(1))
}

/// One line: what is wrong, what is right as far as that is known, and where to read on. `None` where
/// somebody has asked for help or for the version, which clap prints as it is.
pub fn refused(err: &Error) -> Option<String> {
    let asked = [
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayVersion,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    if asked.contains(&err.kind()) {
        return None;
    }
    let text = err.render().to_string();
    let parts = text.split("\n\n").map(|part| {
        let lines: Vec<&str> = part.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
        lines.join(" ")
    });
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    Some(parts.join("; ").replace("For more information, try '--help'.", "--help says more"))
}
