//! What waits in Pub/Sub, and what is paused.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Check, State};
use crate::google::monitoring::Measure;
use crate::google::{Project, Services};
use crate::pause::note::{self, State as Noted};
use crate::pause::pushed;
use crate::subscriptions::{Subscription, subscriptions};
use crate::{Operator, Problem};

/// A message that waits for longer needs a person, in seconds: what the alerts of terraform/ begin
/// with. (`alert_thresholds.unacked_seconds`.)
const UNACKED_SECONDS_MAX: i64 = 900;

const EMULATED: &str = "Cloud Monitoring measures no subscriptions of an emulator; below is what the \
                        bucket tells";

/// What was measured of subscriptions, by name.
type Measured = BTreeMap<String, i64>;

/// Lag, dead letters, and what is paused.
pub(super) async fn checks(
    operator: &Operator<'_>,
    project: &Project,
) -> Result<Vec<Check>, Problem> {
    let all = subscriptions(operator.env, &operator.tools);
    let services = operator.google.open(project, &operator.tools);
    let services = services.map_err(|problem| problem.to_string());
    let mut checks = match &services {
        Ok(services) if operator.google.knows_monitoring() => {
            let names: Vec<String> = all.iter().map(|it| it.name.clone()).collect();
            let dead: Vec<String> = all.iter().map(Subscription::dead).collect();
            vec![
                lag(operator, services, &names).await,
                dead_letters(operator, services, &dead).await,
            ]
        }
        Ok(_) => vec![Check::unknown("lag", EMULATED), Check::unknown("dead letters", LISTED)],
        Err(why) => vec![Check::unknown("lag", why), Check::unknown("dead letters", why)],
    };
    checks.push(paused(operator, services.ok().as_ref(), &all).await?);
    Ok(checks)
}

const LISTED: &str = "`dlq list` looks at them one by one";

async fn lag(operator: &Operator<'_>, services: &Services, names: &[String]) -> Check {
    let now = operator.tools.clock.now();
    let measured = async |measure| services.measured(measure, names, now).await;
    let (ages, counts) =
        match (measured(Measure::OldestAge).await, measured(Measure::Undelivered).await) {
            (Ok(ages), Ok(counts)) => (ages, counts),
            (Err(refusal), _) | (_, Err(refusal)) => return refused("lag", &refusal),
        };
    let late = |name: &String| ages.get(name).is_some_and(|age| *age > UNACKED_SECONDS_MAX);
    let lines = names.iter().map(|name| match (ages.get(name), counts.get(name)) {
        (None, None) => format!("{name}: nothing measured in the last minutes"),
        (age, count) => {
            let word = |value: Option<&i64>| value.map_or("?".to_owned(), i64::to_string);
            let mark = if late(name) { ": it does not keep up, see its log" } else { "" };
            format!("{name}: {} waiting, the oldest for {} s{mark}", word(count), word(age))
        }
    });
    let lines: Vec<String> = lines.collect();
    let detail: Vec<Value> = names
        .iter()
        .map(|name| {
            let (oldest, waiting) = (ages.get(name), counts.get(name));
            json!({"subscription": name, "oldest_seconds": oldest, "waiting": waiting})
        })
        .collect();
    let waiting: i64 = counts.values().sum();
    let oldest = ages.values().max().copied().unwrap_or_default();
    let state = match (ages.is_empty() && counts.is_empty(), names.iter().any(late)) {
        (true, _) => State::Unknown,
        (_, true) => State::Look,
        _ => State::Well,
    };
    let says = format!("{waiting} deliveries wait, the oldest for {oldest} s");
    Check::new("lag", state, says, detail.into()).with(lines)
}

async fn dead_letters(operator: &Operator<'_>, services: &Services, names: &[String]) -> Check {
    let now = operator.tools.clock.now();
    let counts: Measured = match services.measured(Measure::Undelivered, names, now).await {
        Ok(counts) => counts,
        Err(refusal) => return refused("dead letters", &refusal),
    };
    let detail = json!(counts);
    let waiting: i64 = counts.values().sum();
    let some = counts.iter().filter(|(_, count)| **count > 0);
    let lines: Vec<String> = some.map(|(name, count)| format!("{name}: {count}")).collect();
    let (state, says) = match waiting {
        _ if counts.is_empty() => (State::Unknown, format!("nothing measured; {LISTED}")),
        0 => (State::Well, "none".to_owned()),
        _ => (State::Look, format!("{waiting} wait: `dlq list`, then `dlq show`")),
    };
    Check::new("dead letters", state, says, detail).with(lines)
}

fn refused(what: &'static str, refusal: &crate::google::Refusal) -> Check {
    let why = match refusal.status {
        403 => format!("{}; it takes roles/monitoring.viewer", refusal.text),
        _ => refusal.text.clone(),
    };
    Check::unknown(what, &why)
}

/// What is noted as paused. Where Pub/Sub can be asked, whether it still is.
async fn paused(
    operator: &Operator<'_>,
    services: Option<&Services>,
    all: &[Subscription],
) -> Result<Check, Problem> {
    let (mut lines, mut detail) = (Vec::new(), Vec::new());
    for subscription in all {
        let name = &subscription.name;
        let Some(written) = note::read(operator, name).await? else { continue };
        let note = written.note;
        let live = match services {
            Some(services) => services.subscription(name).await.ok().flatten(),
            None => None,
        };
        if note.state != Noted::Paused {
            // A pause that was ended before it had come to its own end.
            if live.as_ref().is_some_and(|live| pushed(live).is_none()) {
                lines.push(format!("{name}: is pushed to nobody; `resume` has it pushed again"));
                detail.push(json!({"subscription": name, "pushed_to": null}));
            }
            continue;
        }
        let again = live.as_ref().is_some_and(|live| pushed(live).is_some());
        lines.push(match again {
            true => format!("{name}: is pushed to all the same; `resume` forgets the pause"),
            false => format!("{name}: {}", note.until()),
        });
        let deadline = note.deadline().map(|at| at.to_string());
        detail.push(json!({
            "subscription": name, "by": note.by, "paused_at": note.paused_at,
            "resume_by": deadline, "pushed_to_again": again,
        }));
    }
    let (state, says) = match lines.len() {
        0 => (State::Well, "nothing".to_owned()),
        some => (State::Look, format!("{some} of {} subscriptions", all.len())),
    };
    Ok(Check::new("paused", state, says, detail.into()).with(lines))
}
