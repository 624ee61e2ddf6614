//! Whether what commands have printed is what was there.

use std::collections::BTreeMap;

use domain::{Instant, json};

use super::Aftermath;
use crate::oracle::{self, Entity};
use crate::plan::{Plan, Planned};
use crate::world::Said;

/// Everything that was printed.
pub(super) fn printed(aftermath: &Aftermath<'_>) -> Result<(), String> {
    for said in aftermath.said {
        let words: Vec<&str> = said.words.iter().map(String::as_str).collect();
        let found = match words[..] {
            ["list", ..] => listed(aftermath, said),
            ["get", _, id, until, at, ..] => was(aftermath, said, (id, until, at)),
            _ => Ok(()),
        };
        found.map_err(|what| format!("{}: {what}", said.words.join(" ")))?;
    }
    Ok(())
}

/// Each line of a listing is of a manifest that was there while it was made, and so is each that is
/// missing.
fn listed(aftermath: &Aftermath<'_>, said: &Said) -> Result<(), String> {
    let mut lines = BTreeMap::new();
    for line in said.text.lines() {
        let id = json::parse(line.as_bytes()).unwrap_or_default()["id"].as_str().map(str::to_owned);
        if lines.insert(id.unwrap_or_default(), line).is_some() {
            return Err(format!("{line} is there twice"));
        }
    }
    let entities = oracle::fold(aftermath.plan).into_iter();
    for Entity { id, .. } in entities.filter(|entity| entity.kind == "venture") {
        let name = format!("env/dev/manifests/ventures/by-id/{id}.json");
        let versions = aftermath.bucket.versions_of(&name);
        let line = lines.remove(id);
        // Before the first version there is none.
        let mut there = vec![(None, versions.first().map(|it| it.created_at))];
        for (number, version) in versions.iter().enumerate() {
            let text = String::from_utf8_lossy(&version.body).trim_end().to_owned();
            let text = Some(text).filter(|text| !text.contains(r#""op":"delete""#));
            there.push((text, versions.get(number + 1).map(|it| it.created_at)));
        }
        let lasted = |until: &Option<Instant>| until.is_none_or(|until| until >= said.began_at);
        let begins = std::iter::once(None).chain(versions.iter().map(|it| Some(it.created_at)));
        let right = there.iter().zip(begins).any(|((text, until), since)| {
            let begun = since.is_none_or(|since| since <= said.ended_at);
            begun && lasted(until) && text.as_deref() == line
        });
        if !right {
            let line = line.unwrap_or("nothing");
            return Err(format!("of {id} it says {line}, which was not there meanwhile"));
        }
    }
    lines.keys().next().map_or(Ok(()), |id| Err(format!("nobody knows {id:?}")))
}

/// What an entity was by the records that were dated or stored until then.
fn was(
    aftermath: &Aftermath<'_>,
    said: &Said,
    (id, until, at): (&str, &str, &str),
) -> Result<(), String> {
    let at = Instant::parse(at).ok_or("that is no instant")?;
    let stored = |record: &Planned| {
        let versions = aftermath.bucket.versions_of(&record.name);
        versions.first().is_some_and(|version| version.created_at <= at)
    };
    let dated = |record: &Planned| {
        let dated = record.says.as_ref().map(|says| crate::timeline::instant(says.at_ms));
        dated.is_none_or(|dated| dated <= at)
    };
    let is_in =
        |record: &&Planned| if until == "--known-at" { stored(record) } else { dated(record) };
    let records = aftermath.plan.all().filter(is_in).cloned().collect();
    let truncated = Plan { given: Vec::new(), records, ..aftermath.plan.clone() };
    let entities = oracle::fold(&truncated);
    let entity = entities.iter().find(|it| it.id == id && it.kind == "venture");
    let expected = entity.and_then(|it| it.document.as_ref().ok());
    let expected = expected.map(|it| serde_json::json!(it).to_string()).unwrap_or_default();
    match said.text.trim_end() == expected {
        true => Ok(()),
        false => Err(format!("it says {:?} instead of {expected:?}", said.text.trim_end())),
    }
}
