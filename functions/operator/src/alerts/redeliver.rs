//! Sends once more what has not arrived.

use std::sync::Arc;
use std::time::Duration;

use alert_dispatcher::{AlertDispatcher, Limit, Step};
use domain::{BoxFuture, Instant};
use job::in_turn;
use serde_json::json;

use super::found::{self, Left};
use crate::quarantine::retry::Sent;
use crate::{Operator, Problem, legible};

/// How many are sent at a time: a target that does not answer holds up few others.
const AT_ONCE: usize = 8;

/// After so long nothing more is begun: a run has an hour, in which the next begins.
const RUN_MAX: Duration = Duration::from_secs(50 * 60);

/// How one ended: in a word, why, and whether nothing is left of it.
struct Ended {
    word: &'static str,
    why: String,
    well: bool,
}

/// What sends, and what it says of it.
struct Run<'a> {
    operator: &'a Operator<'a>,
    dispatcher: AlertDispatcher,
    json: bool,
    /// When nothing more is begun.
    until: Instant,
}

pub(super) async fn run(
    operator: &Operator<'_>,
    alerts: &[String],
    dry: bool,
    json: bool,
) -> Result<bool, Problem> {
    let mut left = found::undelivered(operator).await?;
    if !alerts.is_empty() {
        let mut named = Vec::new();
        for alert in alerts {
            named.push(found::named(operator, alert).await?);
        }
        left.retain(|left| named.iter().any(|it| it.name == left.alert.name));
    }
    let in_all = left.len();
    if dry {
        for left in &left {
            say(operator, left, &ended("would-send", "", false), json)?;
        }
        operator.screen.hint(&format!("{in_all} would be sent once more in {}", operator.env));
        return Ok(true);
    }
    let log = Arc::new(Sent::default());
    let dispatcher = operator.google.sending.dispatcher(operator.tools.clone(), log);
    let until = operator.tools.clock.now().after(RUN_MAX);
    let run = Run { operator, dispatcher, json, until };
    let (failed, untried) = run.all(&left).await?;
    let remains = failed + untried;
    let untried = match untried {
        0 => String::new(),
        untried => format!(" ({untried} not tried: there was no more time)"),
    };
    let sent = in_all - remains;
    operator.screen.hint(&format!(
        "{sent} of {in_all} at their end, {remains} left{untried} in {}",
        operator.env
    ));
    Ok(remains == 0)
}

impl Run<'_> {
    /// Sends each, those of a target that takes no more in a minute in the next, until time is over. How
    /// many could not be sent, and how many were not tried.
    async fn all(&self, left: &[Left]) -> Result<(usize, usize), Problem> {
        let (operator, clock) = (self.operator, &self.operator.tools.clock);
        let mut waiting: Vec<&Left> = left.iter().collect();
        let mut failed = 0;
        loop {
            let mut pieces: Vec<BoxFuture<'_, Result<Option<bool>, Problem>>> = Vec::new();
            for left in &waiting {
                pieces.push(Box::pin(self.one(left)));
            }
            let ends = in_turn(pieces, AT_ONCE).await?;
            failed += ends.iter().filter(|end| **end == Some(false)).count();
            let ends = waiting.into_iter().zip(ends);
            waiting = ends.filter(|(_, end)| end.is_none()).map(|(left, _)| left).collect();
            let now = clock.now();
            let pause = Limit::pause(now);
            if waiting.is_empty() || now.after(pause) >= self.until {
                break;
            }
            operator.screen.progress(now, || {
                format!("{} wait: their targets take no more in this minute", waiting.len())
            });
            clock.sleep(pause).await;
        }
        for left in &waiting {
            say(operator, left, &ended("waiting", "there was no more time", false), self.json)?;
        }
        Ok((failed, waiting.len()))
    }

    /// Sends one, and says how it ended: whether nothing is left of it. Nothing where it has to wait.
    async fn one(&self, left: &Left) -> Result<Option<bool>, Problem> {
        let (now, limit) = (self.operator.tools.clock.now(), &self.dispatcher.limit);
        if now >= self.until || limit.is_full(&left.word, now) {
            return Ok(None);
        }
        let ended = match self.dispatcher.redeliver(&left.mark, left.version).await {
            Ok(Some(Step::Full(_))) => return Ok(None),
            Ok(None) => ended("gone", "the alert is gone, or names it no more", true),
            Ok(Some(Step::Sent)) => ended("sent", "", true),
            Ok(Some(Step::Before)) => ended("sent-before", "", true),
            Ok(Some(Step::Quiet(why))) => ended("not-sent", &why, true),
            Ok(Some(Step::Held)) => ended("held", "somebody else is sending it", false),
            Ok(Some(Step::Left(why))) => ended("undelivered", &why, false),
            // One object that cannot be read or written holds up no other.
            Err(err) => ended("failed", &err.to_string(), false),
        };
        say(self.operator, left, &ended, self.json)?;
        Ok(Some(ended.well))
    }
}

fn ended(word: &'static str, why: &str, well: bool) -> Ended {
    Ended { word, why: why.to_owned(), well }
}

fn say(operator: &Operator<'_>, left: &Left, ended: &Ended, json: bool) -> Result<(), Problem> {
    let Ended { word, why, .. } = ended;
    let (alert, channel) = (left.alert.name.to_string(), &left.word);
    let line = match json {
        true => json!({"alert": alert, "channel": channel, "ended": word, "why": why}).to_string(),
        false => {
            let why =
                if why.is_empty() { String::new() } else { format!(": {}", legible::line(why)) };
            format!("{} {}: {word}{why}", legible::whole(&alert), legible::line(channel))
        }
    };
    operator.screen.say(&line)
}
