//! What is promised of targets: each alert arrives at each of its targets at least once, under one
//! idempotency key, whatever the targets do; what one has not taken lies undelivered until it does.
//! What comes of a bulk write is not sent, and who has heard that something opened hears its end.

use std::collections::{BTreeMap, BTreeSet};

use domain::json;
use serde_json::Value;

use super::Aftermath;

/// Whether everything has arrived, when nothing goes wrong any more and what was left has been sent
/// again.
pub(super) fn reached(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let mut keys: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (post, _) in aftermath.posts {
        keys.entry((&post.alert, &post.host)).or_default().insert(&post.key);
    }
    if let Some((to, keys)) = keys.iter().find(|(_, keys)| keys.len() > 1) {
        return Err(format!("{to:?} was sent under {keys:?}"));
    }
    let all: BTreeSet<&&str> = keys.values().flatten().collect();
    if all.len() < keys.len() {
        return Err("two alerts or targets have one idempotency key".to_owned());
    }
    let left = aftermath.objects.keys().find(|it| it.contains("/indices/alerts/undelivered/"));
    if let Some(left) = left {
        return Err(format!("{left} is left, and its target takes everything"));
    }
    for (name, object) in aftermath.objects {
        if !name.starts_with("env/dev/reports/alerts/") {
            continue;
        }
        let alert = json::parse(&object.body).unwrap_or_default();
        for host in hosts(&alert) {
            let was_sent = |name: &str| {
                let mut posts = aftermath.posts.iter();
                posts.any(|(post, arrived)| *arrived && post.alert == name && post.host == host)
            };
            as_promised(aftermath, name, &alert, &was_sent)
                .map_err(|wrong| format!("{name} {wrong} to {host}"))?;
        }
    }
    Ok(())
}

/// Whether an alert was sent to one of its channels, or not, as is promised. `was_sent` knows for each
/// alert whether it was, to that channel.
pub(super) fn as_promised(
    aftermath: &Aftermath<'_>,
    name: &str,
    alert: &Value,
    was_sent: &dyn Fn(&str) -> bool,
) -> Result<(), &'static str> {
    let is_over = |alert: &Value| alert["status"] == "resolved";
    let (folder, _) = name.rsplit_once('/').unwrap_or_default();
    let beside = aftermath.objects.range(format!("{folder}/")..);
    let beside = beside.take_while(|(name, _)| name.starts_with(&format!("{folder}/")));
    let beside: Vec<(&String, Value)> = beside
        .map(|(name, object)| (name, json::parse(&object.body).unwrap_or_default()))
        .collect();
    let opened = alert["opened"].as_str();
    let opening =
        opened.and_then(|id| beside.iter().find(|(_, it)| it["alert_id"].as_str() == Some(id)));
    let wanted = match opening.is_some_and(|(_, opening)| is_bulk(opening)) {
        // What comes of a bulk write is not sent, but whoever heard of it hears that it is over.
        false => is_over(alert) || !is_bulk(alert),
        // Its opening was not sent: whoever hears of a repeat hears that it is over, and nobody else.
        true => {
            let mut follow = beside.iter().filter(|(_, it)| it["opened"].as_str() == opened);
            match is_over(alert) {
                true => follow.any(|(name, it)| !is_over(it) && was_sent(name)),
                false if is_bulk(alert) => false,
                false => follow.find(|(_, it)| is_over(it)).is_none_or(|(name, _)| was_sent(name)),
            }
        }
    };
    match (wanted, was_sent(name)) {
        (true, false) => Err("was never sent"),
        (false, true) => Err("was sent, and nobody is to hear of it,"),
        _ => Ok(()),
    }
}

/// Whether an alert is of a bulk write.
fn is_bulk(alert: &Value) -> bool {
    ["seed", "restore", "migrate"].iter().any(|it| alert["origin"] == *it)
}

/// The hosts of the targets of an alert.
fn hosts(alert: &Value) -> Vec<String> {
    let channels = alert["channels"].as_array().into_iter().flatten();
    let targets = channels.filter_map(|channel| channel["target"].as_str());
    let host = |target: &str| {
        let rest = target.strip_prefix("https://").unwrap_or(target);
        rest.split('/').next().unwrap_or_default().to_owned()
    };
    targets.map(host).collect()
}
