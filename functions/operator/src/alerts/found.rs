//! Alerts and their marks, as they are found in the bucket.

use alert_dispatcher::mark_name;
use domain::json::{self, Object};
use domain::{Generation, Mark, ObjectName};
use egress::{Channel, channels};
use job::in_turn;
use serde_json::Value;

use super::READS_AT_ONCE;
use crate::pages::Pages;
use crate::{Operator, Problem, legible};

/// The object of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: ObjectName,
}

/// Says that an alert has not reached a channel.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) mark: ObjectName,
    pub(super) version: Generation,
    pub(super) alert: Found,
    pub(super) word: String,
}

impl Found {
    fn parts(&self) -> [&str; 3] {
        match &self.name {
            ObjectName::Alert { rule_id, entity_id, alert_id, .. } => {
                [rule_id, entity_id, alert_id]
            }
            _ => [""; 3],
        }
    }

    pub(super) fn rule(&self) -> &str {
        self.parts()[0]
    }

    pub(super) fn entity(&self) -> &str {
        self.parts()[1]
    }

    pub(super) fn id(&self) -> &str {
        self.parts()[2]
    }
}

/// Every alert, the newest first; those of `rule` where it is said.
pub(super) async fn all(
    operator: &Operator<'_>,
    rule: Option<&str>,
) -> Result<Vec<Found>, Problem> {
    let below = rule.map_or_else(String::new, |rule| format!("{rule}/"));
    let prefix = format!("env/{}/reports/alerts/{below}", operator.env);
    let names = listed(operator, prefix).await?;
    let alerts = names.into_iter().filter(|(name, _)| matches!(name, ObjectName::Alert { .. }));
    let mut found: Vec<Found> = alerts.map(|(name, _)| Found { name }).collect();
    newest_first(&mut found);
    Ok(found)
}

/// What has not arrived, in the order of names.
pub(super) async fn undelivered(operator: &Operator<'_>) -> Result<Vec<Left>, Problem> {
    let prefix = format!("env/{}/indices/alerts/{}/", operator.env, Mark::Undelivered.as_str());
    let left = |(mark, version): (ObjectName, Generation)| {
        let (name, word) = alert_dispatcher::subject(&mark)?;
        let (alert, word) = (Found { name }, word.to_owned());
        Some(Left { mark, version, alert, word })
    };
    Ok(listed(operator, prefix).await?.into_iter().filter_map(left).collect())
}

/// The alerts that have not arrived somewhere, each once, the newest first.
pub(super) fn of_marks(left: &[Left]) -> Vec<Found> {
    let mut found: Vec<Found> = left.iter().map(|left| left.alert.clone()).collect();
    newest_first(&mut found);
    found.dedup();
    found
}

/// The words of the channels that `found` has not reached.
pub(super) fn channels_left(found: &Found, left: &[Left]) -> Vec<String> {
    left.iter().filter(|left| left.alert == *found).map(|left| left.word.clone()).collect()
}

/// The one alert that is named: by its object, its id, or the beginning of that.
pub(super) async fn named(operator: &Operator<'_>, text: &str) -> Result<Found, Problem> {
    if let Ok(name @ ObjectName::Alert { .. }) = ObjectName::parse(text) {
        return Ok(Found { name });
    }
    let all = all(operator, None).await?;
    let whole: Vec<&Found> = all.iter().filter(|found| found.id() == text).collect();
    let begun = all.iter().filter(|found| !text.is_empty() && found.id().starts_with(text));
    let found = if whole.is_empty() { begun.collect() } else { whole };
    match found[..] {
        [found] => Ok(found.clone()),
        [] => Err(Problem::new(format!(
            "no alert in {} has an id that begins with {text:?}: `alerts list` shows them",
            operator.env
        ))),
        [first, second, ..] => Err(Problem::new(format!(
            "{text:?} begins more than one id: {} and {}",
            legible::line(first.id()),
            legible::line(second.id())
        ))),
    }
}

/// What each of them says; those that are gone, or are none, are left out.
pub(super) async fn read(
    operator: &Operator<'_>,
    found: Vec<Found>,
) -> Result<Vec<(Found, Object)>, Problem> {
    let mut pieces: Vec<domain::BoxFuture<'_, Result<_, Problem>>> = Vec::new();
    for found in found {
        pieces.push(Box::pin(async move {
            let object = operator.tools.look(&found.name.to_string()).await?;
            let body = object.and_then(|object| json::parse(&object.body).ok());
            Ok(match body {
                Some(Value::Object(alert)) => Some((found, alert)),
                _ => None,
            })
        }));
    }
    Ok(in_turn(pieces, READS_AT_ONCE).await?.into_iter().flatten().collect())
}

/// How `found` stands at each of its channels: the channel, and what is noted of it.
pub(super) async fn standing(
    operator: &Operator<'_>,
    found: &Found,
    alert: &Object,
) -> Result<Vec<(String, String)>, Problem> {
    let mut standing = Vec::new();
    for channel in channels(alert).0 {
        let shown = legible::line(&channel.shown);
        if channel.channel == Channel::Storage {
            standing.push((shown, "stored".to_owned()));
            continue;
        }
        let mut state = "not sent yet".to_owned();
        for mark in [Mark::Sent, Mark::Undelivered] {
            let Some(name) = mark_name(&found.name, mark, &channel) else { continue };
            let Some(object) = operator.tools.look(&name.to_string()).await? else { continue };
            let says = json::parse(&object.body).unwrap_or_default();
            let text = |field: &str| legible::line(says[field].as_str().unwrap_or_default());
            let [reason, at, key] = ["reason", "at", "key"].map(text);
            let left = if mark == Mark::Undelivered { "undelivered: " } else { "" };
            let tries = says["tries"].as_u64().map_or(String::new(), |it| format!(", {it} tries"));
            state = [format!("{left}{reason}{tries}"), at, key].join(" ").trim_end().to_owned();
            break;
        }
        standing.push((shown, state));
    }
    let seen = alert_dispatcher::ack(&found.name).map(|name| name.to_string());
    if let Some(seen) = seen
        && operator.tools.look(&seen).await?.is_some()
    {
        standing.push(("acknowledged".to_owned(), "it is not sent again".to_owned()));
    }
    Ok(standing)
}

async fn listed(
    operator: &Operator<'_>,
    prefix: String,
) -> Result<Vec<(ObjectName, Generation)>, Problem> {
    let mut pages = Pages::of(prefix);
    let mut found = Vec::new();
    while let Some(page) = pages.next(&*operator.tools.store).await? {
        let named = page.items.into_iter().filter_map(|item| {
            ObjectName::parse(&item.name).ok().map(|name| (name, item.generation))
        });
        found.extend(named);
        let so_far = found.len();
        let now = operator.tools.clock.now();
        operator.screen.progress(now, || format!("{so_far} objects listed"));
    }
    Ok(found)
}

/// Ids begin with their time.
fn newest_first(found: &mut [Found]) {
    found.sort_by(|left, right| (right.id(), &left.name).cmp(&(left.id(), &right.name)));
}
