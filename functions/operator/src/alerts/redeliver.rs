//! Sends once more what has not arrived.

use std::sync::Arc;

use alert_dispatcher::{AlertDispatcher, Step};
use job::in_turn;
use serde_json::json;

use super::found::{self, Left};
use crate::quarantine::retry::Sent;
use crate::{Operator, Problem, legible};

/// How many are sent at a time: a target that does not answer holds up few others.
const AT_ONCE: usize = 8;

/// How one ended: in a word, why, and whether nothing is left of it.
struct Ended {
    word: &'static str,
    why: String,
    well: bool,
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
    let (in_all, mut remains) = (left.len(), 0);
    if dry {
        for left in &left {
            say(
                operator,
                left,
                &Ended { word: "would-send", why: String::new(), well: false },
                json,
            )?;
        }
        operator.screen.hint(&format!("{in_all} would be sent once more in {}", operator.env));
        return Ok(true);
    }
    let log = Arc::new(Sent::default());
    let dispatcher = operator.google.sending.dispatcher(operator.tools.clone(), log);
    let mut pieces: Vec<domain::BoxFuture<'_, Result<bool, Problem>>> = Vec::new();
    for left in &left {
        pieces.push(Box::pin(one(operator, &dispatcher, left, json)));
    }
    for well in in_turn(pieces, AT_ONCE).await? {
        remains += usize::from(!well);
    }
    let sent = in_all - remains;
    operator
        .screen
        .hint(&format!("{sent} of {in_all} at their end, {remains} left in {}", operator.env));
    Ok(remains == 0)
}

/// Sends one, and says how it ended.
async fn one(
    operator: &Operator<'_>,
    dispatcher: &AlertDispatcher,
    left: &Left,
    json: bool,
) -> Result<bool, Problem> {
    let ended = match dispatcher.redeliver(&left.mark, left.version).await {
        Ok(None) => ended("gone", "the alert is gone, or names it no more", true),
        Ok(Some(Step::Sent)) => ended("sent", "", true),
        Ok(Some(Step::Before)) => ended("sent-before", "", true),
        Ok(Some(Step::Quiet(why))) => ended("not-sent", &why, true),
        Ok(Some(Step::Held)) => ended("held", "somebody else is sending it", false),
        Ok(Some(Step::Left(why))) => ended("undelivered", &why, false),
        // One object that cannot be read or written holds up no other.
        Err(err) => ended("failed", &err.to_string(), false),
    };
    say(operator, left, &ended, json)?;
    Ok(ended.well)
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
