//! `status`: how far everything is, and what needs a person.

mod bucket;
mod compaction;
mod jobs;
mod pipeline;

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use store::{Counted, Store, Tally, Tools};

use crate::google::Project;
use crate::{Operator, Place, Problem, legible};

/// How far everything is, and what needs a person.
///
/// Looks at the lag of each function and at dead letters, as Cloud Monitoring has measured them some
/// minutes ago; at what is paused; at open notes in quarantine, changes that no compaction has
/// gathered, repairs that are wanted, alerts that could not be sent, rules that are not understood, and
/// jobs that are under way. What cannot be known here is said with the reason: with an emulator of
/// Pub/Sub that is everything that Cloud Monitoring measures. The exit code is 1 when something needs a
/// person, and 0 otherwise.
///
/// It reads a page of each list and a bounded number of objects, whatever the size of the bucket; the
/// last line says what it cost.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  status --env prod                 what needs a person comes with the command for it
  status --env prod --json          for a program
  status --env prod --notes 5000    look at more notes in quarantine")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    project: Project,
    /// One document of JSON, with everything.
    #[arg(long)]
    json: bool,
    /// Look at no more notes in quarantine: each takes two or three reads.
    #[arg(long, value_name = "N", default_value_t = 200)]
    notes: usize,
}

/// One thing that was looked at.
struct Check {
    /// What: `quarantine`.
    what: &'static str,
    state: State,
    /// One line.
    says: String,
    /// What it is made up of, a line each.
    lines: Vec<String>,
    /// Everything, for a program.
    detail: Value,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has to do anything.
    Well,
    /// A person has to.
    Look,
    /// It cannot be known here.
    Unknown,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Look => "LOOK",
            Self::Unknown => "?",
        }
    }
}

impl Check {
    fn new(what: &'static str, state: State, says: impl Into<String>, detail: Value) -> Self {
        Self { what, state, says: says.into(), lines: Vec::new(), detail }
    }

    /// What could not be looked at.
    fn unknown(what: &'static str, why: &str) -> Self {
        Self::new(what, State::Unknown, format!("not known: {}", legible::line(why)), Value::Null)
    }

    fn with(self, lines: Vec<String>) -> Self {
        Self { lines, ..self }
    }
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let counted = Arc::new(Counted::new(Arc::clone(&operator.tools.store)));
    let store: Arc<dyn Store> = counted.clone();
    let tools = Tools { store, ..operator.tools.clone() };
    let counting = Operator { tools, user: None, ..*operator };
    let mut checks = pipeline::checks(&counting, &options.project).await?;
    checks.push(bucket::quarantine(&counting, options.notes).await?);
    checks.push(compaction::check(&counting).await?);
    checks.push(bucket::repairs(&counting).await?);
    checks.push(bucket::undelivered(&counting).await?);
    checks.push(bucket::rules(&counting).await?);
    checks.push(jobs::check(&counting).await?);
    let mut tally = Tally::default();
    tally.take(&counted);
    show(options, operator, &checks)?;
    operator.screen.hint(&format!("read {tally}"));
    Ok(checks.iter().all(|it| it.state != State::Look))
}

fn show(options: &Options, operator: &Operator<'_>, checks: &[Check]) -> Result<(), Problem> {
    let at = operator.tools.clock.now().to_string();
    if options.json {
        let checks = checks.iter().map(|it| {
            let state = match it.state {
                State::Well => "ok",
                State::Look => "look",
                State::Unknown => "unknown",
            };
            let check = json!({"state": state, "says": it.says, "detail": it.detail});
            (it.what.to_owned(), check)
        });
        let checks: serde_json::Map<String, Value> = checks.collect();
        let env = operator.env.as_str();
        return operator.screen.say(&json!({"env": env, "at": at, "checks": checks}).to_string());
    }
    let mut rows = Vec::new();
    for check in checks {
        let row = [check.state.word(), check.what, &check.says].map(str::to_owned);
        rows.push(row.to_vec());
        let line = |line: &String| vec![String::new(), String::new(), format!("  {line}")];
        rows.extend(check.lines.iter().map(line));
    }
    operator.screen.say(&legible::table(&rows))
}
