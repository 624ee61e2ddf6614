//! Which index objects an attempt has to look at.

use std::collections::{BTreeSet, HashMap};

use domain::{Delivery, EntityDefinition, EntityRef, Generation, ObjectName, Overwrote, Planted};
use projection::plan::{Places, places};
use projection::source::Source;
use store::{Error, Object, Store};

use crate::{Shortcut, planted};

/// The places that old versions of one entity's snapshot had. Versions never change, so each is
/// read at most once for all attempts.
pub(crate) struct LookedAt<'a> {
    store: &'a dyn Store,
    pub(crate) entity: &'a EntityRef,
    definition: &'a EntityDefinition,
    planted: Planted<Shortcut>,
    versions: HashMap<u64, Option<Version>>,
    overwritten: HashMap<u64, Vec<Generation>>,
}

/// A version, as far as it matters here.
struct Version {
    /// None in what is no snapshot, or has more places than one can have: nothing was ever written
    /// from it.
    places: Places,
    is_snapshot: bool,
}

/// The names of index objects, as far as they can be known.
pub(crate) enum Names {
    /// All of them, in order.
    Known(Vec<ObjectName>),
    /// A version that may have had places is gone.
    Expired,
}

impl<'a> LookedAt<'a> {
    /// Nothing has been read yet.
    pub(crate) fn new(
        store: &'a dyn Store,
        entity: &'a EntityRef,
        definition: &'a EntityDefinition,
        planted: Planted<Shortcut>,
    ) -> Self {
        let (versions, overwritten) = (HashMap::new(), HashMap::new());
        Self { store, entity, definition, planted, versions, overwritten }
    }

    /// The objects in which the current version, the versions that the events' ones overwrote,
    /// or the events' own have a place.
    pub(crate) async fn names(
        &mut self,
        source: &Source,
        wanted: &Places,
        events: &[Delivery],
    ) -> Result<Names, Error> {
        let unchanged_skipped = self.planted.has(Shortcut::UnchangedSkipped);
        let mut names: BTreeSet<ObjectName> = wanted.keys().cloned().collect();
        for event in events {
            let mut versions = Vec::new();
            if !self.planted.has(Shortcut::OverwrittenIgnored) {
                versions.extend(self.overwritten(event).await?);
            }
            if !self.planted.has(Shortcut::OwnIgnored) {
                versions.push(event.generation);
            }
            for version in versions {
                if source.generation == Some(version) {
                    continue;
                }
                let Some(Version { places, .. }) = self.version(version).await? else {
                    return Ok(Names::Expired);
                };
                if unchanged_skipped {
                    names.retain(|name| places.get(name) != wanted.get(name));
                }
                let gone = |name: &&ObjectName| !wanted.contains_key(name);
                names.extend(places.keys().filter(gone).cloned());
            }
        }
        Ok(Names::Known(names.into_iter().collect()))
    }

    /// The versions that the event's one may have overwritten. Where the push did not say, or the
    /// one that it named is no snapshot, every version that still exists is taken for one: what is
    /// left of those before a damaged one nobody has looked at, since its event was rejected.
    async fn overwritten(&mut self, event: &Delivery) -> Result<Vec<Generation>, Error> {
        match event.overwrote {
            Overwrote::Nothing => return Ok(Vec::new()),
            Overwrote::Generation(generation) => {
                let version = self.version(generation).await?;
                if version.is_none_or(|version| version.is_snapshot) {
                    return Ok(vec![generation]);
                }
            }
            Overwrote::Unknown if self.planted.has(Shortcut::UnknownTakenForNothing) => {
                return Ok(Vec::new());
            }
            Overwrote::Unknown => (),
        }
        if let Some(known) = self.overwritten.get(&event.generation.0) {
            return Ok(known.clone());
        }
        let listed = self.store.versions(&event.name.to_string()).await?;
        let versions: Vec<Generation> =
            listed.into_iter().map(|listed| listed.generation).collect();
        self.overwritten.insert(event.generation.0, versions.clone());
        Ok(versions)
    }

    /// One version; `None` when it has expired.
    async fn version(&mut self, generation: Generation) -> Result<Option<&Version>, Error> {
        if !self.versions.contains_key(&generation.0) {
            let name = ObjectName::Snapshot(self.entity.clone()).to_string();
            let object = self.store.get(&name, Some(generation)).await?;
            let read = object.map(|object| self.read(&object));
            self.versions.insert(generation.0, read);
        }
        Ok(self.versions.get(&generation.0).and_then(Option::as_ref))
    }

    fn read(&self, object: &Object) -> Version {
        let parts = Some(object.parts());
        let source = match self.planted.has(Shortcut::OldVersionsNotUpgraded) {
            true => Source::read(self.entity, &planted::without_upgrades(self.definition), parts),
            false => Source::read(self.entity, self.definition, parts),
        };
        let is_snapshot = source.is_ok();
        let document = source.ok().and_then(|source| source.document);
        let places = places(self.definition, self.entity, document.as_ref()).unwrap_or_default();
        Version { places, is_snapshot }
    }
}
