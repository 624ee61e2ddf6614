//! One entity: everything that is derived of it, compared with the fold of its history.
//!
//! What is derived is read before its source, and the source's version once more afterwards. Two
//! reads are of different moments all the same: that something differs means little. That the same
//! versions differ when they are looked at again, after longer than any handler lives, means that
//! nobody is going to change it.

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::ATTEMPTS_MAX;
use domain::{EntityDefinition, EntityRef, Generation, ObjectName, Version, volatile};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use projection::fold::Folded;
use projection::plan::{Place, Places, places};
use projection::snapshot::{self, Stored};
use projection::source::{Source, key};
use projection::{fold, manifest, pointer, register, shard};
use rules::set::RuleSet;
use rules::state::{AlertState, Subject, decide};
use serde_json::Value;
use snapshot_builder::{SnapshotBuilder, Whole};
use store::{ErrorKind, Object, Tools};

use super::finding::Kind;
use super::ledger::Unjudged;
use super::part::{number, number_of};
use super::view::{Line, Member, Registers, Shards, says};
use crate::Problem;

/// How many objects of one entity are read at the same time.
const READS_AT_ONCE: usize = 8;

/// The rules in force, and which version of their bundle says so.
#[derive(Debug, Default)]
pub(super) struct InForce {
    /// `None` when that cannot be known.
    pub(super) rules: Option<RuleSet>,
    pub(super) version: String,
}

/// What a look needs.
pub(super) struct Looker<'a> {
    pub(super) tools: &'a Tools,
    pub(super) builder: &'a SnapshotBuilder,
    pub(super) definition: &'a EntityDefinition,
    pub(super) in_force: &'a InForce,
    /// Registers as they were read for all entities; without them each is read here.
    pub(super) registers: Option<&'a Registers>,
    /// Shards as they were read for all entities; without them they are not looked at.
    pub(super) shards: Option<&'a Shards>,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) kind: Kind,
    pub(super) object: ObjectName,
    pub(super) what: String,
    /// A number for the versions that differ: of the object and of its source.
    pub(super) evidence: u64,
    /// Whether this release can mend it.
    pub(super) mendable: bool,
}

/// What was found about one entity.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) differences: Vec<Difference>,
    /// The version of its snapshot.
    pub(super) generation: Option<Generation>,
    /// The index objects that it has a place in.
    pub(super) wanted: BTreeSet<ObjectName>,
    /// Those that were looked at, among them where the snapshot as it is has a place.
    pub(super) seen: BTreeSet<ObjectName>,
    /// The version of its manifest, if that is a tombstone.
    pub(super) tombstone: Option<Generation>,
    /// What a shard says of it.
    pub(super) line: Option<Line>,
    /// Why it cannot be compared.
    pub(super) unjudged: Option<Unjudged>,
}

/// An object as far as it is compared.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    says: Option<u64>,
    version: u64,
}

/// What the history says, in the shape of a source.
struct Told<'a> {
    source: Source,
    folded: Option<&'a Folded>,
    /// The version of the snapshot, as text.
    version: String,
}

impl Looker<'_> {
    /// Looks at `entity`, and at `also` these index objects.
    pub(super) async fn look(
        &self,
        entity: &EntityRef,
        also: &BTreeSet<ObjectName>,
    ) -> Result<Look, Problem> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(look) = self.once(entity, also).await? {
                return Ok(look);
            }
            self.tools.pause_after_conflict().await;
        }
        let unjudged = Some(Unjudged::Busy);
        Ok(Look { unjudged, ..Look::default() })
    }

    /// One look; `None` when the snapshot has moved meanwhile.
    async fn once(
        &self,
        entity: &EntityRef,
        also: &BTreeSet<ObjectName>,
    ) -> Result<Option<Look>, Problem> {
        let name = ObjectName::Snapshot(entity.clone()).to_string();
        let object = self.tools.look(&name).await?;
        let parts = object.as_ref().map(Object::parts);
        let source = Source::read(entity, self.definition, parts).ok();
        let document = source.as_ref().and_then(|source| source.document.as_ref());
        let mut names: BTreeSet<ObjectName> =
            places(self.definition, entity, document).unwrap_or_default().into_keys().collect();
        names.extend(also.iter().cloned());
        let mut seen = self.read(entity, &names).await?;
        let manifest_name = ObjectName::Manifest(entity.clone());
        let manifest = self.tools.look(&manifest_name.to_string()).await?;
        let state_name = ObjectName::AlertState(entity.clone());
        let state = self.tools.look(&state_name.to_string()).await?;
        let alerts = self.alerts(entity, state.as_ref()).await?;
        let again = self.tools.look(&name).await?;
        let generation = |object: &Option<Object>| object.as_ref().map(|it| it.generation);
        if generation(&again) != generation(&object) {
            return Ok(None);
        }
        let Whole { folded, .. } = match self.builder.fold(entity).await {
            Err(err) if err.kind == ErrorKind::Unusable => {
                let unjudged = Some(Unjudged::Unreadable(err.to_string()));
                let wanted = names.clone();
                return Ok(Some(Look { unjudged, wanted, seen: names, ..Look::default() }));
            }
            whole => whole?,
        };
        let told = told(entity, folded.as_ref(), source, object.as_ref());
        let document = told.source.document.as_ref();
        let wanted = places(self.definition, entity, document).unwrap_or_default();
        let unread: BTreeSet<ObjectName> =
            wanted.keys().filter(|name| !seen.contains_key(*name)).cloned().collect();
        seen.extend(self.read(entity, &unread).await?);

        let mut look = Look::default();
        look.differences.extend(self.snapshot(entity, object.as_ref(), &told));
        self.manifest(manifest.as_ref(), &told, &mut look);
        for (name, seen) in &seen {
            look.differences.extend(self.index_object(name, *seen, &wanted, &told));
        }
        look.differences.extend(self.state(state.as_ref(), &told));
        look.differences.extend(alerts.into_iter().map(|(name, missing, version)| {
            let (kind, what) = match missing {
                true => (Kind::Missing, "is missing, and its rule is open"),
                false => (Kind::Stale, "is not the alert that its rule has opened"),
            };
            told.difference(kind, &name, what, version)
        }));
        let generation = told.source.generation;
        look.wanted = wanted.into_keys().collect();
        look.seen = seen.into_keys().collect();
        look.generation = generation;
        Ok(Some(look))
    }

    /// What index objects say of the entity.
    async fn read(
        &self,
        entity: &EntityRef,
        names: &BTreeSet<ObjectName>,
    ) -> Result<BTreeMap<ObjectName, Seen>, Problem> {
        let one = |name: ObjectName| async move {
            let is_register = !matches!(name, ObjectName::Pointer(_));
            if let Some(registers) = self.registers.filter(|_| is_register) {
                let Member { says, version } = registers.member(number_of(&name), &entity.id);
                return Ok((name, Seen { says, version }));
            }
            let object = self.tools.look(&name.to_string()).await?;
            let seen = match is_register {
                true => {
                    let members = object.and_then(|it| register::stored_members(&it.body));
                    let member = Member::of(&members.unwrap_or_default(), &entity.id);
                    Seen { says: member.says, version: member.version }
                }
                false => compared(&name, object.as_ref()),
            };
            Ok::<_, Problem>((name, seen))
        };
        let reads = stream::iter(names.iter().cloned()).map(one);
        reads.buffered(READS_AT_ONCE).try_collect().await
    }

    /// Alerts of open rules that are missing, or that say something else.
    async fn alerts(
        &self,
        entity: &EntityRef,
        state: Option<&Object>,
    ) -> Result<Vec<(ObjectName, bool, u64)>, Problem> {
        let kind = &self.definition.entity;
        let state = AlertState::read(state.map(|it| &it.body[..])).genuine(entity, kind);
        let mut wrong = Vec::new();
        for alert in state.open.iter().filter(|alert| alert.is_told()) {
            let name = alert.name(entity);
            let object = self.tools.look(&name.to_string()).await?;
            let seen = compared(&name, object.as_ref());
            if seen.says != volatile::comparable(&name, &alert.line()).map(|it| number(&[&it])) {
                wrong.push((name, object.is_none(), seen.version));
            }
        }
        Ok(wrong)
    }

    fn snapshot(
        &self,
        entity: &EntityRef,
        object: Option<&Object>,
        told: &Told<'_>,
    ) -> Option<Difference> {
        let name = ObjectName::Snapshot(entity.clone());
        let difference = |kind, what| Some(told.difference(kind, &name, what, 0));
        let stored = snapshot::read(object.map(Object::content), self.definition);
        let is = |folded: &Folded| {
            let body = snapshot::body(folded, entity, &self.definition.entity);
            object.is_some_and(|object| object.body == body)
        };
        match (&stored, told.folded) {
            (Stored::Missing, None) => None,
            (Stored::Missing, Some(_)) => difference(Kind::Missing, "is missing"),
            (Stored::Unknown, _) => {
                difference(Kind::Stale, "is of a schema version that this release does not know")
                    .map(|it| Difference { mendable: false, ..it })
            }
            (Stored::Snapshot(stored), Some(folded)) if **stored == *folded && is(folded) => None,
            (Stored::Snapshot(stored), None) if stored.is_nothing() && is(stored) => None,
            (_, None) => difference(Kind::Orphan, "is there, and no record of its history counts"),
            (Stored::Unreadable, _) => difference(Kind::Stale, "cannot be read"),
            _ => difference(Kind::Stale, "is not what the history says"),
        }
    }

    fn manifest(&self, object: Option<&Object>, told: &Told<'_>, look: &mut Look) {
        let name = ObjectName::Manifest(told.source.entity.clone());
        let (definition, version) = (self.definition, &self.tools.version);
        let wanted = manifest::decide(None, &told.source, definition, version);
        let wanted = wanted.map(|write| write.body).unwrap_or_default();
        let says = volatile::comparable(&name, &wanted).map(|it| number(&[&it]));
        let seen = compared(&name, object);
        look.differences.extend(judged(&name, seen, says, told));
        look.tombstone = object.filter(|_| seen.says.is_none()).map(|object| object.generation);
        let line = shard::of_manifest(&told.source.entity.id, &wanted).ok().flatten();
        let line = line.map(|line| number(&[&line]));
        look.line = self.shards.map(|it| it.line(&told.source.entity, line));
    }

    fn index_object(
        &self,
        name: &ObjectName,
        seen: Seen,
        wanted: &Places,
        told: &Told<'_>,
    ) -> Option<Difference> {
        let (definition, version, source) = (self.definition, &self.tools.version, &told.source);
        let says = wanted.get(name).and_then(|place: &Place| match name {
            ObjectName::Pointer(_) => {
                let write = pointer::decide(None, Some(place), source, definition, version)?;
                volatile::comparable(name, &write.body).map(|it| number(&[&it]))
            }
            _ => {
                let write = register::decide(name, None, Some(place), source, definition, version);
                let members = register::stored_members(&write.ok().flatten()?.body)?;
                says(members.first()?)
            }
        });
        judged(name, seen, says, told)
    }

    fn state(&self, object: Option<&Object>, told: &Told<'_>) -> Option<Difference> {
        let Some(rules) = &self.in_force.rules else { return None };
        let (entity, kind) = (&told.source.entity, &self.definition.entity);
        let name = ObjectName::AlertState(entity.clone());
        let state = AlertState::read(object.map(|it| &it.body[..])).genuine(entity, kind);
        let version = object.map_or(0, |object| object.generation.0);
        let difference = |kind, what: &str| {
            let found = told.difference(kind, &name, what, version);
            let evidence = number(&[&found.evidence.to_string(), &self.in_force.version]);
            Some(Difference { evidence, ..found })
        };
        if object.is_some_and(|object| object.body != state.body(entity, kind)) {
            return match told.folded {
                Some(_) => difference(Kind::Stale, "says what no function of ours does"),
                None => difference(Kind::Orphan, "is there, and no record of its history counts"),
            };
        }
        let subject = Subject {
            entity,
            kind,
            generation: told.source.generation.or(Some(Generation(0))),
            newest: told.source.newest.as_ref(),
            document: told.source.document.as_ref(),
            before: None,
            origin: None,
            now: self.tools.clock.now(),
        };
        let transitions = decide(&state, subject, rules);
        if transitions.is_empty() {
            return None;
        }
        let (opened, closed) = (transitions.opened.len(), transitions.closed.len());
        let what =
            format!("has {opened} rules too few that are open, and {closed} that hold no more");
        match (object, told.folded) {
            (None, _) => difference(Kind::Missing, &what),
            (_, None) => difference(Kind::Orphan, &what),
            _ => difference(Kind::Stale, &what),
        }
    }
}

impl Told<'_> {
    fn difference(
        &self,
        kind: Kind,
        name: &ObjectName,
        what: impl Into<String>,
        version: u64,
    ) -> Difference {
        let evidence = number(&[&version.to_string(), &self.version]);
        Difference { kind, object: name.clone(), what: what.into(), evidence, mendable: true }
    }
}

/// The source that the snapshot would be if it were what the history says.
fn told<'a>(
    entity: &EntityRef,
    folded: Option<&'a Folded>,
    stored: Option<Source>,
    object: Option<&Object>,
) -> Told<'a> {
    let version = object.map_or_else(|| key::ABSENT.to_owned(), |it| it.generation.to_string());
    let metadata = |key: &str| object.and_then(|it| it.metadata.get(key)).cloned();
    let source = Source {
        generation: object.map(|object| object.generation),
        run: stored.map(|stored| stored.run).unwrap_or_default(),
        definitions: metadata(Version::DEFINITIONS).unwrap_or_default(),
        ..told_by(entity, folded)
    };
    Told { source, folded, version }
}

/// The source that a snapshot of this fold would be, of no version.
pub(super) fn told_by(entity: &EntityRef, folded: Option<&Folded>) -> Source {
    let document = folded.and_then(|folded| match &folded.state {
        fold::State::Live(document) => Some(Value::Object(document.clone())),
        fold::State::Deleted | fold::State::Pending => None,
    });
    let newest = folded.map(|folded| folded.newest.clone());
    Source { document, newest, ..Source::absent(entity) }
}

fn compared(name: &ObjectName, object: Option<&Object>) -> Seen {
    let says = object.and_then(|object| volatile::comparable(name, &object.body));
    let version = object.map_or(0, |object| object.generation.0);
    Seen { says: says.map(|says| number(&[&says])), version }
}

fn judged(
    name: &ObjectName,
    seen: Seen,
    wanted: Option<u64>,
    told: &Told<'_>,
) -> Option<Difference> {
    let (kind, what) = match (seen.says, wanted) {
        (None, None) => return None,
        (Some(says), Some(wanted)) if says == wanted => return None,
        (None, Some(_)) => (Kind::Missing, "is missing"),
        (Some(_), None) => (Kind::Orphan, "is of an entity that has no place there"),
        (Some(_), Some(_)) => (Kind::Stale, "says something else than the history"),
    };
    let id = &told.source.entity.id;
    let what = match name {
        ObjectName::Register { .. } | ObjectName::Bundle { .. } => {
            format!("{what}, in its member {id}")
        }
        _ => what.to_owned(),
    };
    Some(told.difference(kind, name, what, seen.version))
}
