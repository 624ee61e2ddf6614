//! Jobs, whose pushes are command lines.

use clap::Parser as _;
use domain::{Env, json};
use manifest_compactor::Ended;
use operator::{Cli, Google, Operator, Printed, Screen, Sending, perform};
use serde_json::Value;
use simulation::{Answer, COMMAND, COMPACTOR, EDIT, ONCE, OPERATOR, Outside, Process, TOLD};
use store::Tools;

use crate::Bug;
use crate::bug::planted;
use crate::outside::egress;

/// Runs commands of a job, and answers 204 to one that has ended well, or that is to be run once and
/// has ended. What it has printed goes outside.
pub(crate) struct Commands {
    pub(crate) name: &'static str,
    pub(crate) tools: Tools,
    pub(crate) outside: Outside,
    pub(crate) bug: Option<Bug>,
}

impl Process for Commands {
    fn push<'a>(&'a self, body: &'a [u8]) -> Answer<'a> {
        Box::pin(async move {
            let push = json::parse(body).unwrap_or_default();
            let attributes = &push["message"]["attributes"];
            let words =
                attributes[COMMAND].as_str().and_then(|text| json::parse(text.as_bytes()).ok());
            let words = words.as_ref().and_then(Value::as_array).into_iter().flatten();
            let words = std::iter::once(self.name).chain(words.filter_map(Value::as_str));
            let (printed, told) = (Printed::default(), Printed::default());
            let screen = Screen::on(printed.clone(), told.clone());
            let ended = match self.name {
                COMPACTOR => self.compact(words, &screen).await,
                _ => self.operate(words, &screen).await,
            };
            let Some(ended) = ended else { return 400 };
            match ended {
                Ok(well) if well || attributes.get(ONCE).is_some() => {
                    let aside = told.text();
                    let told = if aside.is_empty() { aside } else { format!("{TOLD}{aside}") };
                    self.outside.say(&format!("{well}\n{}{told}", printed.text()));
                    204
                }
                Ok(_) => 500,
                Err(_) => 503,
            }
        })
    }
}

impl Commands {
    async fn operate<'a>(
        &self,
        words: impl Iterator<Item = &'a str>,
        screen: &Screen,
    ) -> Option<Result<bool, operator::Problem>> {
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        if let [_, edit, kind, id, rest @ ..] = &words[..]
            && edit == EDIT
        {
            let etag = match self.etag(kind, id).await {
                Ok(etag) => etag,
                Err(problem) => return Some(Err(problem)),
            };
            let actor = self.tools.ids.ulid(self.tools.clock.now());
            let head = [OPERATOR, "write", kind, id, "--if-current", &etag, "--actor", &actor];
            let head = head.map(str::to_owned).into_iter();
            if let Err(problem) = screen.say(&actor) {
                return Some(Err(problem));
            }
            words = head.chain(rest.iter().cloned()).collect();
        }
        match self.run(&words, screen).await {
            // What is there is not valid, and would not be with this either.
            Some(Err(problem)) if problem.to_string().starts_with("refused") => Some(Ok(false)),
            ended => ended,
        }
    }

    /// What a program reads before it writes on a condition.
    async fn etag(&self, kind: &str, id: &str) -> Result<String, operator::Problem> {
        let printed = Printed::default();
        let screen = Screen::on(printed.clone(), std::io::sink());
        let words = [OPERATOR, "get", kind, id, "--metadata", "--json"].map(str::to_owned);
        let well = match self.run(&words, &screen).await.unwrap_or(Ok(false)) {
            // There is a record, and perhaps it does not count.
            Err(problem) if problem.to_string().contains("no snapshot") => false,
            ended => ended?,
        };
        let shown = json::parse(printed.text().as_bytes()).unwrap_or_default();
        match shown["etag"].as_str() {
            Some(etag) => Ok(etag.to_owned()),
            None if !well && printed.text().is_empty() => Ok("none".to_owned()),
            None => Err(operator::Problem::new("there is no etag")),
        }
    }

    async fn run(
        &self,
        words: &[String],
        screen: &Screen,
    ) -> Option<Result<bool, operator::Problem>> {
        let cli = Cli::try_parse_from(words).ok()?;
        let of_sending = planted(match self.bug {
            Some(Bug::AlertDispatcher(it)) => Some(it),
            _ => None,
        });
        let planted = planted(match self.bug {
            Some(Bug::Operator(it)) => Some(it),
            _ => None,
        });
        let tools = self.tools.clone();
        let sending = Sending::through(egress(&self.outside, &tools.clock), of_sending);
        let (user, google) = (None, &Google::default().sending(sending));
        let operator = Operator { tools, env: Env::Dev, user, google, screen, planted };
        Some(perform(&cli.command, operator).await)
    }

    async fn compact<'a>(
        &self,
        words: impl Iterator<Item = &'a str>,
        screen: &Screen,
    ) -> Option<Result<bool, operator::Problem>> {
        let cli = manifest_compactor::Cli::try_parse_from(words).ok()?;
        let planted = planted(match self.bug {
            Some(Bug::Compactor(it)) => Some(it),
            _ => None,
        });
        let ended = manifest_compactor::perform(&cli.options, &self.tools, screen, planted).await;
        Some(match ended {
            Ok(Ended::Done | Ended::Ahead) => Ok(true),
            // It has not come to its end.
            Ok(Ended::Look) => Err(operator::Problem::new("something is left")),
            Err(problem) => Err(problem),
        })
    }
}
