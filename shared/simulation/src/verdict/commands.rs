//! Whether what commands have printed is what was there, and what they have done is what they say.

use std::collections::{BTreeMap, BTreeSet};

use domain::json::Object;
use domain::{Instant, json};

use super::Aftermath;
use crate::fleet::EDIT;
use crate::oracle::{self, Entity};
use crate::plan::Planned;
use crate::world::Said;

/// Everything that was printed, and every claim.
pub(super) fn printed(aftermath: &Aftermath<'_>) -> Result<(), String> {
    for said in aftermath.said {
        let words: Vec<&str> = said.words.iter().map(String::as_str).collect();
        let found = match words[..] {
            ["list", ..] => listed(aftermath, said),
            ["get", _, id, until, at, ..] => was(aftermath, said, (id, until, at)),
            ["restore", _, _, "--id", id, _, at] if said.well => restored(aftermath, id, at),
            ["purge", _, id, ..] if said.well => erased(aftermath, said, id),
            [EDIT, ..] => edited(aftermath, said),
            _ => Ok(()),
        };
        found.map_err(|what| format!("{}: {what}", said.words.join(" ")))?;
    }
    claims(aftermath)
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
    let entities = oracle::fold(aftermath.plan.all()).into_iter();
    for Entity { id, .. } in entities.filter(|entity| entity.kind == "venture") {
        let name = format!("env/dev/manifests/ventures/by-id/{id}.json");
        let versions = aftermath.bucket.versions_of(&name);
        let line = lines.remove(id);
        if aftermath.is_purged(&format!("env/dev/ventures/{id}/history/")) {
            // What was there is not known any more.
            continue;
        }
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
    let stored = |record: &Planned| is_stored(aftermath, record, at);
    let dated = |record: &Planned| {
        let dated = record.says.as_ref().map(|says| crate::timeline::instant(says.at_ms));
        dated.is_none_or(|dated| dated <= at)
    };
    let is_in =
        |record: &&Planned| if until == "--known-at" { stored(record) } else { dated(record) };
    let expected = document(aftermath.records.iter().filter(is_in), id);
    let expected = expected.map(|it| serde_json::json!(it).to_string()).unwrap_or_default();
    match said.text.trim_end() == expected {
        true => Ok(()),
        false => Err(format!("it says {:?} instead of {expected:?}", said.text.trim_end())),
    }
}

/// An entity that nobody has written afterwards is what the records say that were stored until then,
/// but for when it was last written.
fn restored(aftermath: &Aftermath<'_>, id: &str, at: &str) -> Result<(), String> {
    let at = Instant::parse(at).ok_or("that is no instant")?;
    let until = aftermath.records.iter().filter(|record| is_stored(aftermath, record, at));
    let [was, is] = [document(until, id), document(aftermath.records.iter(), id)].map(|document| {
        let mut document = document?;
        document.shift_remove("updated_at");
        Some(serde_json::json!(document))
    });
    match was == is {
        true => Ok(()),
        false => {
            let [is, was] =
                [is, was].map(|it| it.map_or_else(|| "nothing".to_owned(), |it| it.to_string()));
            Err(format!("it is {is} instead of {was}"))
        }
    }
}

/// The live venture that records make.
fn document<'a>(records: impl Iterator<Item = &'a Planned>, id: &str) -> Option<Object> {
    let entities = oracle::fold(records);
    let entity = entities.into_iter().find(|it| it.id == id && it.kind == "venture")?;
    entity.document.ok()
}

fn is_stored(aftermath: &Aftermath<'_>, record: &Planned, until: Instant) -> bool {
    let versions = aftermath.bucket.versions_of(&record.name);
    versions.first().is_some_and(|version| version.created_at <= until)
}

/// Nothing is left of what an entity was before it was purged.
fn erased(aftermath: &Aftermath<'_>, said: &Said, id: &str) -> Result<(), String> {
    let history = format!("env/dev/ventures/{id}/history/");
    // Each record has a number, which its text and every text that is made of it has.
    let numbers = aftermath.plan.all().filter_map(|record| {
        let text = String::from_utf8_lossy(&record.body);
        let (_, number) = text.split_once(r#""note":"#)?;
        let number: String = number.chars().take_while(char::is_ascii_digit).collect();
        (record.name.starts_with(&history) && !aftermath.objects.contains_key(&record.name))
            .then_some(number)
    });
    let numbers: BTreeSet<String> = numbers.collect();
    for name in &aftermath.seen.names {
        let about = name.contains(&format!("/{id}")) || name.contains("/export/");
        if !about {
            continue;
        }
        for version in aftermath.bucket.versions_of(name) {
            let text = String::from_utf8_lossy(&version.body).replace(r#"\""#, r#"""#);
            let of_it = |line: &&str| line.contains(&format!(r#""id":"{id}""#));
            let has = |line: &str, number: &String| {
                [",", "}"].iter().any(|end| line.contains(&format!(r#""note":{number}{end}"#)))
            };
            let kept = text.lines().filter(of_it).any(|it| numbers.iter().any(|n| has(it, n)));
            if kept {
                let generation = version.generation;
                return Err(format!("{name} {generation} holds a record, of {}", said.ended_at));
            }
        }
    }
    Ok(())
}

/// Who is told to have won has a record, and who is told to have lost has none; what they have lost
/// to is there.
fn edited(aftermath: &Aftermath<'_>, said: &Said) -> Result<(), String> {
    if aftermath.is_purged(&format!("env/dev/ventures/{}/history/", said.words[2])) {
        return Ok(());
    }
    let actor = said.text.lines().next().unwrap_or_default();
    let records = aftermath.appended.iter().filter(|it| it.actor == actor).count();
    if records != usize::from(said.well) {
        return Err(format!("it has ended well: {}, and has {records} records", said.well));
    }
    let other = said.aside.split(": env/").nth(1).and_then(|it| it.split_once(".json"));
    let other = other.map(|(name, _)| format!("env/{name}.json"));
    match other.filter(|_| !said.well) {
        Some(other) if !aftermath.objects.contains_key(&other) => {
            Err(format!("it has lost to {other}, which is not there"))
        }
        _ => Ok(()),
    }
}

/// Every record that was appended on a condition is in a claim: at most one after each version.
fn claims(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let claims = aftermath.objects.iter().filter(|(name, _)| name.contains("/_claims/"));
    let claimed = claims.map(|(_, object)| {
        let claim = json::parse(&object.body).unwrap_or_default();
        claim["name"].as_str().unwrap_or_default().to_owned()
    });
    let claimed: BTreeSet<String> = claimed.collect();
    for appended in aftermath.appended {
        let name = &appended.record.name;
        let on_a_condition = matches!(appended.origin.as_str(), "operator" | "restore");
        if on_a_condition && !claimed.contains(name) && !aftermath.is_purged(name) {
            return Err(format!("{name} was appended without a claim"));
        }
    }
    Ok(())
}
