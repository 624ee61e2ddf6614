//! Versions: creation, replacement, deletion, and what stays readable.

use domain::{BoxFuture, Generation};

use super::{Named, Place, Verdict, conflicts, same};
use crate::Precondition;

pub(super) const CHECKS: &[Named] = &[
    ("a missing object is none and nothing else", missing),
    ("an object is created once", created_once),
    ("only the generation that was read can be replaced", replaced_by_generation),
    ("generations differ, across deletion too", generations_differ),
    ("an old generation is readable after an overwrite", old_after_overwrite),
    ("an old generation is readable after a delete", old_after_delete),
    ("a delete happens only at its generation", delete_at_generation),
    ("a deleted object is absent and can be created again", created_again),
    ("versions of one object come oldest first with one live", versions_in_order),
];

fn missing<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        same("live", at.get("missing.json", None).await?, None)?;
        let other = at.create("other.json", "1").await?;
        same("foreign generation", at.get("missing.json", Some(other)).await?, None)?;
        same("unknown generation", at.get("other.json", Some(Generation(17))).await?, None)?;
        let deleted = at.store.delete(&at.name("missing.json"), other).await;
        same("delete", deleted.map_err(|err| err.to_string())?, false)?;
        let versions = at.store.versions(&at.name("missing.json")).await;
        same("versions", versions.map_err(|err| err.to_string())?, Vec::new())
    })
}

fn created_once<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("once.json", "first").await?;
        conflicts("second create", at.try_put("once.json", "second", Precondition::Absent).await)?;
        let object = at.get("once.json", None).await?.ok_or("nothing there after create")?;
        same("generation", object.generation, first)?;
        same("body", object.body.as_ref(), b"first".as_slice())
    })
}

fn replaced_by_generation<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("cas.json", "first").await?;
        let second = at.put("cas.json", "second", Precondition::At(first)).await?;
        let stale = at.try_put("cas.json", "stale", Precondition::At(first)).await;
        conflicts("replacing a generation that is not live", stale)?;
        let absent = at.try_put("cas-missing.json", "x", Precondition::At(first)).await;
        conflicts("replacing a missing object", absent)?;
        same("missing object", at.get("cas-missing.json", None).await?, None)?;
        let object = at.get("cas.json", None).await?.ok_or("nothing there after replace")?;
        same("generation", object.generation, second)?;
        same("body", object.body.as_ref(), b"second".as_slice())
    })
}

fn generations_differ<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("g.json", "same").await?;
        let second = at.put("g.json", "same", Precondition::At(first)).await?;
        at.store.delete(&at.name("g.json"), second).await.map_err(|err| err.to_string())?;
        let third = at.create("g.json", "same").await?;
        let mut seen = vec![first.0, second.0, third.0];
        seen.sort_unstable();
        seen.dedup();
        same("distinct generations", seen.len(), 3)?;
        same("zero among them", seen.first() == Some(&0), false)
    })
}

fn old_after_overwrite<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("old.json", "first").await?;
        let second = at.put("old.json", "second", Precondition::At(first)).await?;
        same("old", at.body("old.json", Some(first)).await?, Some("first".to_owned()))?;
        same("current", at.body("old.json", Some(second)).await?, Some("second".to_owned()))?;
        let old = at.get("old.json", Some(first)).await?.ok_or("old generation is gone")?;
        same("generation of the old one", old.generation, first)
    })
}

fn old_after_delete<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("gone.json", "first").await?;
        at.store.delete(&at.name("gone.json"), first).await.map_err(|err| err.to_string())?;
        same("live", at.get("gone.json", None).await?, None)?;
        same("old", at.body("gone.json", Some(first)).await?, Some("first".to_owned()))
    })
}

fn delete_at_generation<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("delete.json", "first").await?;
        let second = at.put("delete.json", "second", Precondition::At(first)).await?;
        let name = at.name("delete.json");
        conflicts("deleting an old generation", at.store.delete(&name, first).await)?;
        same("live", at.body("delete.json", None).await?, Some("second".to_owned()))?;
        let deleted = at.store.delete(&name, second).await.map_err(|err| err.to_string())?;
        same("delete of the live generation", deleted, true)?;
        let again = at.store.delete(&name, second).await.map_err(|err| err.to_string())?;
        same("delete again", again, false)
    })
}

fn created_again<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("again.json", "first").await?;
        at.store.delete(&at.name("again.json"), first).await.map_err(|err| err.to_string())?;
        let stale = at.try_put("again.json", "stale", Precondition::At(first)).await;
        conflicts("replacing a deleted generation", stale)?;
        at.create("again.json", "second").await?;
        same("live", at.body("again.json", None).await?, Some("second".to_owned()))
    })
}

fn versions_in_order<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("v.json", "1").await?;
        let second = at.put("v.json", "22", Precondition::At(first)).await?;
        let third = at.put("v.json", "333", Precondition::At(second)).await?;
        // A name that begins with this one is another object.
        at.create("v.json.copy", "1").await?;
        let name = at.name("v.json");
        let versions = at.store.versions(&name).await.map_err(|err| err.to_string())?;
        let seen: Vec<_> = versions.iter().map(|v| (v.generation, v.size_bytes, v.live)).collect();
        let expected = vec![(first, 1, false), (second, 2, false), (third, 3, true)];
        same("versions", seen, expected)?;
        same("names", versions.iter().all(|version| version.name == name), true)?;
        at.store.delete(&name, third).await.map_err(|err| err.to_string())?;
        let versions = at.store.versions(&name).await.map_err(|err| err.to_string())?;
        let live = versions.iter().filter(|version| version.live).count();
        same("versions and live ones after a delete", (versions.len(), live), (3, 0))
    })
}
