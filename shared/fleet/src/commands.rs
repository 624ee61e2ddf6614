//! The operator, whose pushes are command lines.

use clap::Parser as _;
use domain::{Env, Planted, json};
use operator::{Cli, Google, Operator, Screen, Shortcut, perform};
use simulation::{Answer, COMMAND, OPERATOR, Process};
use store::Tools;

/// Runs commands of the operator, and answers 204 to one that has ended well.
pub(crate) struct Commands {
    pub(crate) tools: Tools,
    pub(crate) planted: Planted<Shortcut>,
}

impl Process for Commands {
    fn push<'a>(&'a self, body: &'a [u8]) -> Answer<'a> {
        Box::pin(async move {
            let push = json::parse(body).unwrap_or_default();
            let line = push["message"]["attributes"][COMMAND].as_str().unwrap_or_default();
            let words = [OPERATOR].into_iter().chain(line.split_whitespace());
            let Ok(cli) = Cli::try_parse_from(words) else { return 400 };
            let screen = Screen::on(std::io::sink(), std::io::sink());
            let (tools, planted) = (self.tools.clone(), self.planted);
            let (user, google) = (None, &Google::default());
            let operator =
                Operator { tools, env: Env::Dev, user, google, screen: &screen, planted };
            match perform(&cli.command, operator).await {
                Ok(true) => 204,
                Ok(false) => 500,
                Err(_) => 503,
            }
        })
    }
}
