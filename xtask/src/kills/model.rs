//! What must be there after a kill, and whether it is. Knows no emulator: it is told what was
//! asked, answered, delivered and found.
//!
//! Each object has one writer, which asks for one change at a time. So whatever happened to the
//! one change that was never answered, there are two states at most that an object can be in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use domain::Generation;

/// So much of a content is shown.
const BEGIN_BYTES: usize = 40;

/// One version: the object and the generation.
pub(crate) type Version = (String, Generation);

/// What a writer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new live version under the precondition that the live one is the one that is known.
    Put(Bytes),
    /// The live version becomes noncurrent.
    Delete,
    /// One version goes for good, live or not.
    Erase(Generation),
}

/// One object as its writer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its name.
    pub(crate) name: String,
    /// The live version.
    pub(crate) live: Option<(Generation, Bytes)>,
    /// The others.
    pub(crate) noncurrent: HashMap<Generation, Bytes>,
    /// What was asked for and not answered.
    pub(crate) asked: Option<Change>,
}

/// What an emulator says is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Live versions by object.
    pub(crate) live: BTreeMap<String, (Generation, Bytes)>,
    /// The others; the content where somebody has looked at it.
    pub(crate) noncurrent: HashMap<Version, Option<Bytes>>,
}

/// What must not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// An acknowledged change is not there, or something that nobody asked for is.
    Lost(String),
    /// A file is not the content of a live object, or a live object has no file.
    Torn(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(text) => write!(f, "lost: {text}"),
            Self::Torn(text) => write!(f, "torn: {text}"),
        }
    }
}

impl Object {
    /// Nothing is there.
    pub(crate) fn absent(name: String) -> Self {
        Self { name, live: None, noncurrent: HashMap::new(), asked: None }
    }

    /// What was asked for has happened. A new version has `generation`.
    pub(crate) fn acknowledged(&mut self, generation: Option<Generation>) {
        if let Some(change) = self.asked.take() {
            *self = self.after(&change, generation);
        }
    }

    /// Compares with what is found after a kill, and takes that for what is there.
    pub(crate) fn found(&mut self, found: &Found) -> Result<(), Problem> {
        let live = found.live.get(&self.name).cloned();
        let asked = self.asked.take();
        let mut possible = vec![self.clone()];
        let generation = live.as_ref().map(|(generation, _)| *generation);
        match &asked {
            // It has not happened: nothing is live that was not there before.
            Some(Change::Put(_)) if generation.is_none_or(|it| self.has(it)) => (),
            Some(change) => possible.push(self.after(change, generation)),
            None => (),
        }
        let state = possible.iter().find(|it| it.live == live && it.has_noncurrent(found));
        let Some(state) = state else {
            return Err(Problem::Lost(self.describe(asked.as_ref(), live.as_ref(), found)));
        };
        *self = state.clone();
        Ok(())
    }

    /// The object after `change`.
    fn after(&self, change: &Change, generation: Option<Generation>) -> Self {
        let mut after = self.clone();
        match change {
            Change::Put(body) => {
                after.noncurrent.extend(after.live.take());
                after.live = generation.map(|generation| (generation, body.clone()));
            }
            Change::Delete => after.noncurrent.extend(after.live.take()),
            Change::Erase(generation) => {
                after.noncurrent.remove(generation);
                after.live.take_if(|(live, _)| live == generation);
            }
        }
        after
    }

    fn has(&self, generation: Generation) -> bool {
        let live = self.live.as_ref().is_some_and(|(live, _)| *live == generation);
        live || self.noncurrent.contains_key(&generation)
    }

    fn has_noncurrent(&self, found: &Found) -> bool {
        let found: HashMap<_, _> = of(&self.name, found).collect();
        let as_known = |generation: &Generation, body: &Bytes| {
            found.get(generation).is_some_and(|found| found.as_ref().is_none_or(|it| it == body))
        };
        self.noncurrent.len() == found.len()
            && self.noncurrent.iter().all(|(generation, body)| as_known(generation, body))
    }

    fn describe(
        &self,
        asked: Option<&Change>,
        live: Option<&(Generation, Bytes)>,
        found: &Found,
    ) -> String {
        let short = |(generation, body): &(Generation, Bytes)| {
            let begin = String::from_utf8_lossy(&body[..body.len().min(BEGIN_BYTES)]).into_owned();
            format!("{generation} ({} bytes: {begin:?})", body.len())
        };
        let live = live.map_or("nothing".to_owned(), short);
        let known_live = self.live.as_ref().map_or("nothing".to_owned(), short);
        let asked = match asked {
            None => "nothing".to_owned(),
            Some(Change::Put(body)) => format!("a version of {} bytes", body.len()),
            Some(other) => format!("{other:?}"),
        };
        let known: Vec<_> =
            self.noncurrent.iter().map(|(it, body)| short(&(*it, body.clone()))).collect();
        let noncurrent: Vec<_> = of(&self.name, found)
            .map(|(it, body)| {
                body.as_ref().map_or(it.to_string(), |body| short(&(it, body.clone())))
            })
            .collect();
        format!(
            "{}: acknowledged {known_live}, noncurrent [{}], unanswered {asked}; found {live}, \
             noncurrent [{}]",
            self.name,
            known.join(", "),
            noncurrent.join(", "),
        )
    }
}

/// The noncurrent versions of one object.
fn of<'a>(
    name: &'a str,
    found: &'a Found,
) -> impl Iterator<Item = (Generation, &'a Option<Bytes>)> {
    let own = found.noncurrent.iter().filter(move |((object, _), _)| object == name);
    own.map(|((_, generation), body)| (*generation, body))
}

/// Compares everything that is found with `objects`, which are all there can be.
pub(crate) fn check<'a>(
    objects: impl Iterator<Item = &'a mut Object>,
    found: &Found,
) -> Vec<Problem> {
    let found_names = found.live.keys().chain(found.noncurrent.keys().map(|(name, _)| name));
    let mut unknown: BTreeSet<&str> = found_names.map(String::as_str).collect();
    let mut problems = Vec::new();
    for object in objects {
        unknown.remove(object.name.as_str());
        problems.extend(object.found(found).err());
    }
    let text = |name| Problem::Lost(format!("{name}: it is there and nobody has written it"));
    problems.extend(unknown.into_iter().map(text));
    problems
}

/// Compares the files of a folder, by their names, with what is live.
pub(crate) fn check_files<'a>(
    objects: impl Iterator<Item = &'a Object>,
    files: &[(String, Bytes)],
) -> Vec<Problem> {
    // Contents differ from object to object, so that they tell which file is whose.
    let live = objects.filter_map(|it| Some((&it.live.as_ref()?.1, &it.name)));
    let mut missing: BTreeMap<&Bytes, &String> = live.collect();
    let mut problems = Vec::new();
    for (file, content) in files {
        if missing.remove(content).is_none() {
            let bytes = content.len();
            let text = format!("{file}: its {bytes} bytes are not the content of a live object");
            problems.push(Problem::Torn(text));
        }
    }
    let without = missing.values().map(|name| Problem::Torn(format!("{name}: it has no file")));
    problems.extend(without);
    problems
}

/// Compares what was delivered with the versions that there ever were.
pub(crate) fn check_messages(
    versions: &HashSet<Version>,
    acknowledged: &HashSet<Version>,
    pushed: &HashSet<Version>,
) -> Vec<Problem> {
    let text = |(name, generation): &Version, what| {
        Problem::Lost(format!("{name}: generation {generation} {what}"))
    };
    let lost = versions.difference(acknowledged).map(|it| text(it, "was never delivered"));
    let invented = pushed.difference(versions).map(|it| text(it, "was delivered and never was"));
    lost.chain(invented).collect()
}
