//! Policies about who gets which notification: each function what it is fed with, nobody its own.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Class, ObjectName};
use emulator::Filter;

use super::{Case, Policy};
use crate::metadata::word;
use crate::routing;
use crate::terraform::planned::Resource;
use crate::terraform::samples;

/// Notification configurations that a bucket takes for an event type.
/// (Cloud Storage documentation, "Pub/Sub notifications".)
const CONFIGURATIONS_MAX: usize = 10;

/// Environments that may share a bucket.
const ENVIRONMENTS: usize = 3;

/// What reaches the snapshot-builder although it is nothing to it: rare, and acknowledged from the
/// name alone. A filter has no room for it.
const TOLERATED: [Class; 4] = [Class::Quarantine, Class::Schema, Class::Definition, Class::Audit];

pub(super) const POLICIES: &[Policy] = &[
    Policy {
        name: "notifications-are-the-known-ones",
        why: "each further one is paid for with every object and every delivery",
        check: notifications,
    },
    Policy {
        name: "every-function-is-fed",
        why: "a function without its subscription never works",
        check: fed,
    },
    Policy {
        name: "filters-are-understood",
        why: "a subscription with a longer filter is refused",
        check: filters,
    },
    Policy {
        name: "functions-get-their-classes-alone",
        why: "foreign deliveries are billed, and wake every function at every write",
        check: classes,
    },
    Policy {
        name: "no-function-feeds-itself",
        why: "one event would go round for ever",
        check: loops,
    },
];

fn notifications(case: &Case<'_>) -> Vec<String> {
    let known = routing::notifications(case.env).map(|it| (it.topic, it.object_name_prefix));
    let there: Vec<(String, String)> = case
        .planned
        .of("google_storage_notification")
        .map(|it| {
            let topic = it.text("/topic").rsplit('/').next().unwrap_or_default();
            (topic.to_owned(), it.text("/object_name_prefix").to_owned())
        })
        .collect();
    let extra = there.iter().filter(|it| !known.contains(it));
    let mut wrong: Vec<String> =
        extra.map(|(topic, prefix)| format!("{prefix:?} is told to {topic}")).collect();
    let lacking = known.iter().filter(|it| !there.contains(it));
    wrong.extend(lacking.map(|(topic, prefix)| format!("{prefix:?} is not told to {topic}")));
    if there.len() * ENVIRONMENTS > CONFIGURATIONS_MAX {
        wrong.push("three environments have more than a bucket takes".to_owned());
    }
    wrong
}

fn fed(case: &Case<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for route in &case.routes {
        let found = case.pushing().find(|it| it.text("/name") == route.subscription);
        let Some(it) = found else {
            wrong.push(format!("{} is missing", route.subscription));
            continue;
        };
        let endpoint = format!("https://{}-{}-", case.env, route.function);
        if it.text("/topic") != route.topic
            || it.text("/filter") != route.filter.as_str()
            || !it.text("/push_config/0/push_endpoint").starts_with(&endpoint)
        {
            wrong.push(format!("{} is not what {} is fed by", it.address, route.function));
        }
    }
    let known =
        |it: &&Resource| !case.routes.iter().any(|one| one.subscription == it.text("/name"));
    wrong.extend(case.pushing().filter(known).map(|it| format!("{} feeds nobody", it.address)));
    wrong
}

fn filters(case: &Case<'_>) -> Vec<String> {
    super::lines(case.pushing(), |it| {
        Filter::parse(it.text("/filter")).err().map(|err| err.to_string())
    })
}

/// Whether a finalized object comes by a subscription, from the plan alone.
fn takes(case: &Case<'_>, pushing: &Resource, name: &str) -> bool {
    let topic = format!("/{}", pushing.text("/topic"));
    let told = case.planned.of("google_storage_notification").any(|it| {
        it.text("/topic").ends_with(&topic) && name.starts_with(it.text("/object_name_prefix"))
    });
    let attributes = BTreeMap::from([("objectId".to_owned(), name.to_owned())]);
    let filter = Filter::parse(pushing.text("/filter"));
    told && filter.is_ok_and(|it| it.matches(&attributes))
}

/// The function that a subscription pushes to.
fn function<'a>(case: &'a Case<'_>, pushing: &Resource) -> Option<&'a crate::metadata::Function> {
    let endpoint = pushing.text("/push_config/0/push_endpoint");
    case.pushed().find(|it| endpoint.starts_with(&format!("https://{}-{}-", case.env, it.name)))
}

fn classes(case: &Case<'_>) -> Vec<String> {
    let samples = samples::names(case.env, case.definitions);
    let mut wrong = BTreeSet::new();
    for pushing in case.pushing() {
        let Some(function) = function(case, pushing) else { continue };
        for (class, name) in &samples {
            let feeds = pushing.text("/name").ends_with(&format!("-{}", word(*class)));
            let wanted = feeds && function.metadata.fed_with.contains(class);
            let taken = takes(case, pushing, &name.to_string());
            if taken != wanted && !(taken && TOLERATED.contains(class)) {
                let how = if taken { "takes" } else { "does not take" };
                wrong.insert(format!("{} {how} {}: {name}", pushing.address, word(*class)));
            }
        }
    }
    wrong.into_iter().take(3).collect()
}

/// Follows what each function may write, by its grants, to who is pushed to about it and handles
/// it, and so on.
fn loops(case: &Case<'_>) -> Vec<String> {
    let samples = samples::names(case.env, case.definitions);
    let mut follows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for writer in case.pushed() {
        let member = case.member(&writer.name);
        let writes = |(_, name): &&(Class, ObjectName)| {
            case.access.may(&member, "storage.objects.create", &name.to_string())
        };
        for (class, name) in samples.iter().filter(writes) {
            for pushing in case.pushing().filter(|it| takes(case, it, &name.to_string())) {
                let woken = function(case, pushing);
                let woken = woken.filter(|it| it.metadata.fed_with.contains(class));
                let after = follows.entry(writer.name.as_str()).or_default();
                after.extend(woken.map(|it| it.name.as_str()));
            }
        }
    }
    let reached = |from: &str| {
        let mut open: Vec<&str> = follows.get(from).into_iter().flatten().copied().collect();
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(follows.get(next).into_iter().flatten());
            }
        }
        seen
    };
    let round = case.pushed().filter(|it| reached(&it.name).contains(it.name.as_str()));
    round.map(|it| format!("{} is woken by what follows from its own writes", it.name)).collect()
}
