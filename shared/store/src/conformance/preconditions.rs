//! Preconditions: what was not read cannot be replaced or deleted, and a refusal changes nothing.

use domain::{BoxFuture, Generation};

use super::join::join_all;
use super::{Named, Place, Verdict, conflicts, same};
use crate::{ErrorKind, Precondition};

/// Writers at once.
const WRITERS: usize = 8;

pub(super) const CHECKS: &[Named] = &[
    ("an object is created once", created_once),
    ("only the generation that was read can be replaced", replaced_by_generation),
    ("a missing object cannot be replaced", replacing_nothing),
    ("a deleted generation cannot be replaced, before and after a creation", replacing_deleted),
    ("a delete happens only at its generation", delete_at_generation),
    ("a delete of another generation conflicts", delete_at_others),
    ("what a precondition refuses leaves no trace", no_trace),
    ("of writers at once under one precondition one wins", one_winner),
];

/// A generation that no object has.
const UNKNOWN: Generation = Generation(17);

fn created_once<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("once.json", "first").await?;
        conflicts("second create", at.try_put("once.json", "second", Precondition::Absent).await)?;
        conflicts("the same again", at.try_put("once.json", "first", Precondition::Absent).await)?;
        let object = at.live("once.json").await?;
        same("generation", object.generation, first)?;
        same("body", object.body.as_ref(), b"first".as_slice())
    })
}

fn replaced_by_generation<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("cas.json", "first").await?;
        let other = at.create("other.json", "first").await?;
        let second = at.put("cas.json", "second", Precondition::At(first)).await?;
        for (what, generation) in [("an old", first), ("a foreign", other), ("no", UNKNOWN)] {
            let put = at.try_put("cas.json", "stale", Precondition::At(generation)).await;
            conflicts(&format!("replacing {what} generation"), put)?;
        }
        let object = at.live("cas.json").await?;
        same("generation", object.generation, second)?;
        same("body", object.body.as_ref(), b"second".as_slice())
    })
}

fn replacing_nothing<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let other = at.create("other.json", "1").await?;
        for generation in [other, UNKNOWN] {
            let put = at.try_put("missing.json", "x", Precondition::At(generation)).await;
            conflicts("replacing a missing object", put)?;
        }
        same("missing object", at.get("missing.json", None).await?, None)?;
        same("versions", at.versions("missing.json").await?, Vec::new())
    })
}

fn replacing_deleted<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("gone.json", "first").await?;
        at.delete("gone.json", first).await?;
        let stale = at.try_put("gone.json", "stale", Precondition::At(first)).await;
        conflicts("replacing a deleted generation", stale)?;
        let second = at.create("gone.json", "second").await?;
        let stale = at.try_put("gone.json", "stale", Precondition::At(first)).await;
        conflicts("replacing what was deleted before a creation", stale)?;
        same("live", at.live("gone.json").await?.generation, second)
    })
}

fn delete_at_generation<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("delete.json", "first").await?;
        let second = at.put("delete.json", "second", Precondition::At(first)).await?;
        let name = at.name("delete.json");
        conflicts("deleting an old generation", at.store.delete(&name, first).await)?;
        same("live", at.body("delete.json", None).await?, Some("second".to_owned()))?;
        same("delete of the live generation", at.delete("delete.json", second).await?, true)?;
        same("live", at.get("delete.json", None).await?, None)?;
        same("delete again", at.delete("delete.json", second).await?, false)?;
        same("delete of an older one", at.delete("delete.json", first).await?, false)
    })
}

fn delete_at_others<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let gone = at.create("delete.json", "gone").await?;
        at.delete("delete.json", gone).await?;
        let live = at.create("delete.json", "live").await?;
        let other = at.create("other.json", "live").await?;
        let name = at.name("delete.json");
        for (what, generation) in [("a deleted", gone), ("a foreign", other), ("no", UNKNOWN)] {
            let deleted = at.store.delete(&name, generation).await;
            conflicts(&format!("deleting {what} generation"), deleted)?;
        }
        same("live", at.live("delete.json").await?.generation, live)?;
        same("the other", at.live("other.json").await?.generation, other)
    })
}

fn no_trace<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("trace.json", "first").await?;
        let before = (at.live("trace.json").await?, at.versions("trace.json").await?);
        let name = at.name("trace.json");
        conflicts("create", at.try_put("trace.json", "2", Precondition::Absent).await)?;
        conflicts("replace", at.try_put("trace.json", "2", Precondition::At(UNKNOWN)).await)?;
        conflicts("delete", at.store.delete(&name, UNKNOWN).await)?;
        let after = (at.live("trace.json").await?, at.versions("trace.json").await?);
        same("object and versions", &after, &before)?;
        same("list", at.list(&at.all()).await?.items, before.1)?;
        at.put("trace.json", "second", Precondition::At(first)).await.map(drop)
    })
}

fn one_winner<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let mut precondition = Precondition::Absent;
        for round in 1..=2 {
            let bodies: Vec<_> = (0..WRITERS).map(|n| format!("{round}, {n}")).collect();
            let writes = bodies.iter().map(|body| {
                Box::pin(at.try_put("race.json", body, precondition)) as BoxFuture<'_, _>
            });
            let ends = join_all(writes.collect()).await;
            let lost = |end: &&Result<_, crate::Error>| {
                end.as_ref().is_err_and(|err| err.kind == ErrorKind::Conflict)
            };
            same("those that lost", ends.iter().filter(lost).count(), WRITERS - 1)?;
            let won =
                bodies.iter().zip(&ends).find_map(|(body, end)| Some((body, end.as_ref().ok()?)));
            let (body, generation) = won.ok_or("nobody has won")?;
            let live = at.live("race.json").await?;
            same("generation", live.generation, *generation)?;
            same("body", live.body.as_ref(), body.as_bytes())?;
            same("versions", at.versions("race.json").await?.len(), round)?;
            precondition = Precondition::At(*generation);
        }
        Ok(())
    })
}
