//! Versions: creation, replacement, deletion, and what stays readable.

use domain::{BoxFuture, Generation};

use super::{Named, Place, Verdict, same};
use crate::{List, Precondition};

pub(super) const CHECKS: &[Named] = &[
    ("a missing object is none and nothing else", missing),
    ("generations differ, across deletion too", generations_differ),
    ("the same content written again is a new generation", same_content),
    ("an old generation is readable after an overwrite", old_after_overwrite),
    ("an old generation is readable after a delete", old_after_delete),
    ("every generation keeps its body through overwrites, deletes and creations", whole_life),
    ("a deleted object is absent and can be created again", created_again),
    ("versions of one object come oldest first with one live", versions_in_order),
    ("versions after a delete are all there and none is live", versions_after_delete),
    ("a list and the versions say the same of the live one", listed_alike),
    ("the time of an answer is that by which objects are created", answered_at),
    ("a version that was erased is none, and the others stay", erased),
    ("the live version can be erased, and none becomes live for it", erased_live),
    ("what is erased is exactly one version of one object", erased_no_other),
    ("a list of versions has all of all objects, deleted ones too", listed_versions),
];

fn missing<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        same("live", at.get("missing.json", None).await?, None)?;
        let other = at.create("other.json", "1").await?;
        same("foreign generation", at.get("missing.json", Some(other)).await?, None)?;
        same("unknown generation", at.get("other.json", Some(Generation(17))).await?, None)?;
        same("delete", at.delete("missing.json", other).await?, false)?;
        same("versions", at.versions("missing.json").await?, Vec::new())
    })
}

fn generations_differ<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("g.json", "same").await?;
        let second = at.put("g.json", "same", Precondition::At(first)).await?;
        at.delete("g.json", second).await?;
        let third = at.create("g.json", "same").await?;
        let mut seen = vec![first.0, second.0, third.0];
        seen.sort_unstable();
        seen.dedup();
        same("distinct generations", seen.len(), 3)?;
        same("zero among them", seen.first() == Some(&0), false)
    })
}

fn same_content<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("same.json", "{}").await?;
        let second = at.put("same.json", "{}", Precondition::At(first)).await?;
        same("an equal generation", first == second, false)?;
        same("live generation", at.live("same.json").await?.generation, second)?;
        same("versions", at.versions("same.json").await?.len(), 2)
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
        at.delete("gone.json", first).await?;
        same("live", at.get("gone.json", None).await?, None)?;
        same("old", at.body("gone.json", Some(first)).await?, Some("first".to_owned()))
    })
}

fn whole_life<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("life.json", "first").await?;
        let second = at.put("life.json", "", Precondition::At(first)).await?;
        at.delete("life.json", second).await?;
        let third = at.create("life.json", "third, and longer").await?;
        at.delete("life.json", third).await?;
        let fourth = at.create("life.json", "fourth").await?;
        let bodies = [(first, "first"), (second, ""), (third, "third, and longer")];
        for (generation, body) in bodies.into_iter().chain([(fourth, "fourth")]) {
            let read = at.body("life.json", Some(generation)).await?;
            same("body of a generation", read, Some(body.to_owned()))?;
        }
        same("live", at.body("life.json", None).await?, Some("fourth".to_owned()))?;
        let versions = at.versions("life.json").await?;
        let seen: Vec<_> = versions.iter().map(|v| (v.generation, v.size_bytes, v.live)).collect();
        let expected = [(first, 5, false), (second, 0, false), (third, 17, false)];
        same("versions", seen, [&expected[..], &[(fourth, 6, true)]].concat())
    })
}

fn created_again<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("again.json", "first").await?;
        at.delete("again.json", first).await?;
        at.create("again.json", "second").await?;
        same("live", at.body("again.json", None).await?, Some("second".to_owned()))
    })
}

fn versions_in_order<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("v.json", "1").await?;
        let second = at.put("v.json", "22", Precondition::At(first)).await?;
        let third = at.put("v.json", "333", Precondition::At(second)).await?;
        // Names that begin with this one, or with which this one begins, are other objects.
        for other in ["v.json.copy", "v.json/", "v.json/below", "v.jso", "v"] {
            at.create(other, "1").await?;
        }
        let versions = at.versions("v.json").await?;
        let seen: Vec<_> = versions.iter().map(|v| (v.generation, v.size_bytes, v.live)).collect();
        let expected = vec![(first, 1, false), (second, 2, false), (third, 3, true)];
        same("versions", seen, expected)?;
        let name = at.name("v.json");
        same("names", versions.iter().all(|version| version.name == name), true)?;
        let in_order = versions.is_sorted_by_key(|version| version.created_at);
        same("times of creation in order", in_order, true)
    })
}

fn versions_after_delete<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("v.json", "1").await?;
        let second = at.put("v.json", "2", Precondition::At(first)).await?;
        at.delete("v.json", second).await?;
        let seen = |versions: Vec<crate::Listed>| {
            versions.into_iter().map(|v| (v.generation, v.live)).collect::<Vec<_>>()
        };
        let gone = [(first, false), (second, false)];
        same("after a delete", seen(at.versions("v.json").await?), gone.to_vec())?;
        at.delete("v.json", second).await?;
        same("after another", seen(at.versions("v.json").await?), gone.to_vec())?;
        let third = at.create("v.json", "3").await?;
        let expected = [&gone[..], &[(third, true)]].concat();
        same("after a creation", seen(at.versions("v.json").await?), expected)
    })
}

fn listed_alike<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("a.json", "first").await?;
        at.put("a.json", "22", Precondition::At(first)).await?;
        let page = at.list(&at.all()).await?;
        let live = at.versions("a.json").await?.pop().ok_or("there are no versions")?;
        same("items", page.items, vec![live])
    })
}

fn answered_at<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create("timed.json", "1").await?;
        let versions = at.versions("timed.json").await?;
        let created_at = versions.first().map(|version| version.created_at);
        let (Some(created_at), Some(answered_at)) = (created_at, at.store.answered_at()) else {
            return Err("no time".to_owned());
        };
        // To the second; and the answers do not take minutes.
        let minute = std::time::Duration::from_secs(60);
        let near =
            created_at <= answered_at.after(minute) && answered_at <= created_at.after(minute);
        same(&format!("{answered_at} near {created_at}"), near, true)
    })
}

fn erased<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("v.json", "first").await?;
        let second = at.put("v.json", "second", Precondition::At(first)).await?;
        let third = at.put("v.json", "third", Precondition::At(second)).await?;
        same("erased", at.erase("v.json", second).await?, true)?;
        same("erased", at.body("v.json", Some(second)).await?, None)?;
        same("older", at.body("v.json", Some(first)).await?, Some("first".to_owned()))?;
        same("live", at.body("v.json", None).await?, Some("third".to_owned()))?;
        let left: Vec<_> = at.versions("v.json").await?.iter().map(|v| v.generation).collect();
        same("versions", left, vec![first, third])?;
        same("erased again", at.erase("v.json", second).await?, false)?;
        at.put("v.json", "fourth", Precondition::At(third)).await.map(drop)
    })
}

fn erased_live<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("v.json", "first").await?;
        let second = at.put("v.json", "second", Precondition::At(first)).await?;
        same("erased", at.erase("v.json", second).await?, true)?;
        same("live", at.get("v.json", None).await?, None)?;
        same("erased", at.get("v.json", Some(second)).await?, None)?;
        same("older", at.body("v.json", Some(first)).await?, Some("first".to_owned()))?;
        let left: Vec<_> =
            at.versions("v.json").await?.iter().map(|v| (v.generation, v.live)).collect();
        same("versions", left, vec![(first, false)])?;
        let third = at.create("v.json", "third").await?;
        same("created again", at.live("v.json").await?.generation, third)?;
        same("the rest", at.erase("v.json", first).await?, true)?;
        same("and the live one", at.erase("v.json", third).await?, true)?;
        same("nothing is left", at.versions("v.json").await?, Vec::new())
    })
}

fn erased_no_other<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("v.json", "first").await?;
        let other = at.create("other.json", "other").await?;
        for (rest, generation) in [
            ("v.json", other),
            ("v.json", Generation(17)),
            ("v.jso", first),
            ("missing.json", first),
        ] {
            same("erased", at.erase(rest, generation).await?, false)?;
        }
        same("live", at.body("v.json", None).await?, Some("first".to_owned()))?;
        same("other", at.body("other.json", None).await?, Some("other".to_owned()))
    })
}

fn listed_versions<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let gone = at.create("a/gone.json", "1").await?;
        at.delete("a/gone.json", gone).await?;
        let first = at.create("b.json", "22").await?;
        let second = at.put("b.json", "333", Precondition::At(first)).await?;
        let all = List { versions: true, ..at.all() };
        let page = at.list(&all).await?;
        let names: Vec<_> = page.items.iter().map(|item| at.short(&item.name)).collect();
        same("names", names, ["a/gone.json", "b.json", "b.json"].map(str::to_owned).to_vec())?;
        let mut seen: Vec<_> =
            page.items.iter().map(|it| (it.size_bytes, it.generation, it.live)).collect();
        seen.sort_by_key(|(size_bytes, ..)| *size_bytes);
        same("versions", seen, vec![(1, gone, false), (2, first, false), (3, second, true)])?;
        let rolled_up = List { delimiter: Some("/".to_owned()), ..all };
        let page = at.list(&rolled_up).await?;
        let prefixes: Vec<_> = page.prefixes.iter().map(|prefix| at.short(prefix)).collect();
        same("folders of what is deleted too", prefixes, vec!["a/".to_owned()])?;
        let live = at.list(&at.all()).await?;
        same("without versions", live.items.len(), 1)
    })
}
