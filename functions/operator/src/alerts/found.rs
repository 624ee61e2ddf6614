//! Alerts and their marks, as they are found in the bucket.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use alert_dispatcher::mark_name;
use domain::json::{self, Object};
use domain::{Generation, Instant, Mark, ObjectName};
use egress::{Channel, channels};
use job::in_turn;
use serde_json::Value;
use store::Listed;

use super::READS_AT_ONCE;
use crate::pages::Pages;
use crate::{Operator, Problem, legible};

/// So many are held before the older ones are let go.
const HELD_MIN: usize = 2000;

/// How many alerts are looked through whose id begins as somebody says.
const NAMED_MAX: usize = 1000;

/// The object of an alert.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: ObjectName,
    /// When it was written, as far as a list says it: its mark can stand for it, and can be later.
    written_at: Instant,
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

    /// The newest first. Its id has another time: that of what the alert speaks of.
    fn order(&self, other: &Self) -> Ordering {
        let newest = other.written_at.cmp(&self.written_at);
        newest.then_with(|| other.id().cmp(self.id())).then_with(|| self.name.cmp(&other.name))
    }
}

/// Alerts out of many: the newest, no more than so many, and how many there were.
#[derive(Debug)]
pub(super) struct Newest {
    found: Vec<Found>,
    kept_max: usize,
    pub(super) in_all: usize,
}

impl Newest {
    pub(super) fn new(kept_max: usize) -> Self {
        Self { found: Vec::new(), kept_max, in_all: 0 }
    }

    fn add(&mut self, found: Found) {
        self.in_all += 1;
        self.found.push(found);
        if self.found.len() > self.kept_max.saturating_mul(2).max(HELD_MIN) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.found.sort_by(Found::order);
        self.found.truncate(self.kept_max);
    }

    /// The newest first.
    pub(super) fn found(mut self) -> Vec<Found> {
        self.cut();
        self.found
    }
}

/// The newest alerts that `takes` takes, no more than `kept_max`; those of `rule` where it is said.
pub(super) async fn newest(
    operator: &Operator<'_>,
    rule: Option<&str>,
    takes: impl Fn(&Found) -> bool,
    kept_max: usize,
) -> Result<Newest, Problem> {
    let below = rule.map_or_else(String::new, |rule| format!("{rule}/"));
    let prefix = format!("env/{}/reports/alerts/{below}", operator.env);
    let mut newest = Newest::new(kept_max);
    listed(operator, prefix, |name, item| {
        let found = Found { name, written_at: item.created_at };
        if matches!(found.name, ObjectName::Alert { .. }) && takes(&found) {
            newest.add(found);
        }
    })
    .await?;
    Ok(newest)
}

/// What has not arrived, in the order of names.
pub(super) async fn undelivered(operator: &Operator<'_>) -> Result<Vec<Left>, Problem> {
    let prefix = format!("env/{}/indices/alerts/{}/", operator.env, Mark::Undelivered.as_str());
    let mut left = Vec::new();
    listed(operator, prefix, |mark, item| {
        let Some((name, word)) = alert_dispatcher::subject(&mark) else { return };
        let (alert, word) = (Found { name, written_at: item.created_at }, word.to_owned());
        left.push(Left { mark, version: item.generation, alert, word });
    })
    .await?;
    Ok(left)
}

/// The newest of those that have not arrived somewhere, each once, that `takes` takes.
pub(super) fn newest_left(
    left: &[Left],
    takes: impl Fn(&Found) -> bool,
    kept_max: usize,
) -> Newest {
    let mut first: BTreeMap<&ObjectName, &Found> = BTreeMap::new();
    for alert in left.iter().map(|left| &left.alert).filter(|alert| takes(alert)) {
        let found = first.entry(&alert.name).or_insert(alert);
        if alert.written_at < found.written_at {
            *found = alert;
        }
    }
    let mut newest = Newest::new(kept_max);
    first.into_values().for_each(|alert| newest.add(alert.clone()));
    newest
}

/// The words of the channels that `found` has not reached.
pub(super) fn channels_left(found: &Found, left: &[Left]) -> Vec<String> {
    left.iter().filter(|left| left.alert.name == found.name).map(|left| left.word.clone()).collect()
}

/// The one alert that is named: by its object, its id, or the beginning of that.
pub(super) async fn named(operator: &Operator<'_>, text: &str) -> Result<Found, Problem> {
    if let Ok(name @ ObjectName::Alert { .. }) = ObjectName::parse(text) {
        return Ok(Found { name, written_at: operator.tools.clock.now() });
    }
    let takes = |found: &Found| found.id().starts_with(text);
    let all = newest(operator, None, takes, NAMED_MAX).await?.found();
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
    mut take: impl FnMut(ObjectName, &Listed),
) -> Result<(), Problem> {
    let (mut pages, mut so_far) = (Pages::of(prefix), 0);
    while let Some(page) = pages.next(&*operator.tools.store).await? {
        so_far += page.items.len();
        for item in page.items {
            if let Ok(name) = ObjectName::parse(&item.name) {
                take(name, &item);
            }
        }
        let now = operator.tools.clock.now();
        operator.screen.progress(now, || format!("{so_far} objects listed"));
    }
    Ok(())
}
