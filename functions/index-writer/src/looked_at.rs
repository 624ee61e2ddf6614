//! Which index objects an attempt has to look at.

use std::collections::{BTreeSet, HashMap};

use domain::{Delivery, EntityDefinition, EntityRef, Generation, ObjectName, Overwrote, Planted};
use projection::plan::{Places, places};
use projection::source::Source;
use store::{Error, Object, Store};

use crate::Shortcut;

/// The places that old versions of one entity's snapshot had. Versions never change, so each is
/// read at most once for all attempts.
pub(crate) struct LookedAt<'a> {
    store: &'a dyn Store,
    pub(crate) entity: &'a EntityRef,
    definition: &'a EntityDefinition,
    planted: Planted<Shortcut>,
    versions: HashMap<u64, Option<Places>>,
    overwritten: HashMap<u64, Vec<Generation>>,
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
                let Some(places) = self.places(version).await? else { return Ok(Names::Expired) };
                if unchanged_skipped {
                    names.retain(|name| places.get(name) != wanted.get(name));
                }
                let gone = |name: &&ObjectName| !wanted.contains_key(name);
                names.extend(places.keys().filter(gone).cloned());
            }
        }
        Ok(Names::Known(names.into_iter().collect()))
    }

    /// The versions that the event's one may have overwritten. Where the push did not say, every
    /// version that still exists is taken for one.
    async fn overwritten(&mut self, event: &Delivery) -> Result<Vec<Generation>, Error> {
        match event.overwrote {
            Overwrote::Nothing => Ok(Vec::new()),
            Overwrote::Generation(generation) => Ok(vec![generation]),
            Overwrote::Unknown if self.planted.has(Shortcut::UnknownTakenForNothing) => {
                Ok(Vec::new())
            }
            Overwrote::Unknown => {
                let known = self.overwritten.get(&event.generation.0);
                if let Some(known) = known {
                    return Ok(known.clone());
                }
                let listed = self.store.versions(&event.name.to_string()).await?;
                let versions: Vec<Generation> =
                    listed.into_iter().map(|listed| listed.generation).collect();
                self.overwritten.insert(event.generation.0, versions.clone());
                Ok(versions)
            }
        }
    }

    /// The places of one version; `None` when it has expired.
    async fn places(&mut self, generation: Generation) -> Result<Option<&Places>, Error> {
        if !self.versions.contains_key(&generation.0) {
            let name = ObjectName::Snapshot(self.entity.clone()).to_string();
            let object = self.store.get(&name, Some(generation)).await?;
            let read = object.map(|object| self.read(&object));
            self.versions.insert(generation.0, read);
        }
        Ok(self.versions.get(&generation.0).and_then(Option::as_ref))
    }

    /// What is no snapshot, or has more places than one can have, was never written from.
    fn read(&self, object: &Object) -> Places {
        let source = Source::read(self.entity, Some(object.parts()));
        let document = source.ok().and_then(|source| source.document);
        places(self.definition, self.entity, document.as_ref()).unwrap_or_default()
    }
}
