//! What is derived from the snapshot of an entity, compared with what this release derives.
//!
//! Two objects are alike when `domain::volatile` says so: from which version one was written is
//! shown, and is no fault where it says the same.

use bytes::Bytes;
use domain::json::{self, Object as Json};
use domain::{EntityDefinition, Generation, ObjectName, volatile};
use projection::plan::{self, Place};
use projection::source::{Source, key};
use projection::{manifest, pointer, register};
use rules::set::RuleSet;
use rules::state::{AlertState, Subject, decide};
use rules_engine::RULES_SEGMENT;
use serde_json::Value;
use store::{ErrorKind, Metadata, Object};

use super::old;
use crate::records::Records;
use crate::{Operator, Problem};

/// A derived object.
#[derive(Debug)]
pub(super) struct Derived {
    /// Its name.
    pub(super) name: String,
    /// The version of the snapshot that it was written from, as it says.
    pub(super) from: Option<String>,
    /// Whether it is what it must be.
    pub(super) standing: Standing,
}

/// Whether a derived object is what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It came from the current version.
    Current,
    /// It came from another one and says the same.
    Same,
    /// Nothing is there, or a tombstone, and nothing must be.
    Absent,
    /// It is not, for this reason.
    Wrong(String),
}

impl Derived {
    fn new(name: &ObjectName, from: Option<String>, standing: Standing) -> Self {
        Self { name: name.to_string(), from, standing }
    }

    /// What is wrong with it.
    pub(super) fn wrong(&self) -> Option<&str> {
        match &self.standing {
            Standing::Wrong(wrong) => Some(wrong),
            Standing::Current | Standing::Same | Standing::Absent => None,
        }
    }

    /// What is said about it.
    pub(super) fn words(&self) -> &str {
        match &self.standing {
            Standing::Current => "current",
            Standing::Same => "says what it must",
            Standing::Absent => "nothing, as it must be",
            Standing::Wrong(wrong) => wrong,
        }
    }
}

/// The object; one that cannot be read is there and says nothing.
pub(super) async fn get(
    operator: &Operator<'_>,
    name: &ObjectName,
) -> Result<Option<Object>, Problem> {
    match operator.tools.store.get(&name.to_string(), None).await {
        Err(err) if err.kind == ErrorKind::Unusable => Ok(Some(Object {
            body: Bytes::new(),
            generation: Generation(0),
            metadata: Metadata::new(),
        })),
        read => Ok(read?),
    }
}

/// Reads and compares everything that is derived from `source`.
pub(super) async fn look(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    source: &Source,
    records: &Records,
) -> Result<Vec<Derived>, Problem> {
    let version = &operator.tools.version;
    let name = ObjectName::Manifest(source.entity.clone());
    let wanted = manifest::decide(None, source, definition, version).map(|write| write.body);
    let stored = get(operator, &name).await?;
    let mut derived = vec![compared(&name, stored.as_ref(), wanted.as_deref(), source)];
    let document = source.document.as_ref();
    // With more places than one can have nothing is ever written.
    let wanted = plan::places(definition, &source.entity, document).unwrap_or_default();
    let old = old::look(operator, definition, source, records).await?;
    let mut names: Vec<(&ObjectName, Option<&Place>)> =
        wanted.iter().map(|(name, place)| (name, Some(place))).collect();
    let left = old.iter().filter(|name| !wanted.contains_key(name));
    names.extend(left.map(|name| (name, None)));
    for (name, place) in names {
        let stored = get(operator, name).await?;
        let one = match name {
            ObjectName::Pointer(_) => {
                let wanted = place.and_then(|place| {
                    pointer::decide(None, Some(place), source, definition, version)
                });
                let wanted = wanted.map(|write| write.body);
                compared(name, stored.as_ref(), wanted.as_deref(), source)
            }
            _ => member(operator, definition, (name, stored.as_ref()), place, source),
        };
        // Of places that were left and are empty there is nothing to tell.
        if place.is_some() || one.standing != Standing::Absent {
            derived.push(one);
        }
    }
    derived.extend(alerts(operator, definition, source).await?);
    Ok(derived)
}

fn compared(
    name: &ObjectName,
    stored: Option<&Object>,
    wanted: Option<&[u8]>,
    source: &Source,
) -> Derived {
    let from = stored.and_then(|stored| stored.metadata.get(key::GENERATION).cloned());
    let says = stored.and_then(|stored| volatile::comparable(name, &stored.body));
    let wanted = wanted.and_then(|wanted| volatile::comparable(name, wanted));
    let standing = judged(says.as_deref(), wanted.as_deref(), from.as_deref(), source);
    Derived::new(name, from, standing)
}

fn judged(
    says: Option<&str>,
    wanted: Option<&str>,
    from: Option<&str>,
    source: &Source,
) -> Standing {
    let of_this = from == Some(&*source.generation_text());
    match (says, wanted) {
        (None, None) => Standing::Absent,
        (None, Some(_)) => Standing::Wrong("is missing".to_owned()),
        (Some(_), None) => Standing::Wrong("must not be there any more".to_owned()),
        (Some(says), Some(wanted)) if says == wanted => match of_this {
            true => Standing::Current,
            false => Standing::Same,
        },
        _ if of_this => Standing::Wrong(
            "is of this version, and says something else than this release derives".to_owned(),
        ),
        _ => Standing::Wrong("is out of date".to_owned()),
    }
}

/// The member of the entity in a register.
fn member(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    (name, stored): (&ObjectName, Option<&Object>),
    place: Option<&Place>,
    source: &Source,
) -> Derived {
    let id = source.entity.id.as_str();
    let alone = place.and_then(|place| {
        let version = &operator.tools.version;
        register::decide(name, None, Some(place), source, definition, version).ok().flatten()
    });
    let of = |body: &[u8]| member_of(&volatile::comparable(name, body)?.into_bytes(), id);
    let text = |member: Json| Value::Object(member).to_string();
    let wanted = alone.and_then(|write| of(&write.body)).map(text);
    let says = stored.and_then(|stored| of(&stored.body)).map(text);
    let signed = stored.and_then(|stored| member_of(&stored.body, id));
    let from =
        signed.and_then(|it| it.get("source")?.get(key::GENERATION)?.as_str().map(str::to_owned));
    let unusable = stored.is_some_and(|stored| register::members(&stored.body).is_none());
    let standing = match unusable {
        true => Standing::Wrong("is no register: it was not written by us".to_owned()),
        false => judged(says.as_deref(), wanted.as_deref(), from.as_deref(), source),
    };
    Derived::new(name, from, standing)
}

fn member_of(register: &[u8], id: &str) -> Option<Json> {
    let register = json::parse(register).ok()?;
    let members = register.get("members")?.as_array()?;
    let found = members.iter().find(|member| member["id"].as_str() == Some(id))?;
    found.as_object().cloned()
}

/// The alert state and the alerts that it names.
async fn alerts(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    source: &Source,
) -> Result<Vec<Derived>, Problem> {
    let env = source.entity.env;
    let bundle = ObjectName::Bundle { env, segment: RULES_SEGMENT.to_owned() };
    let rules = get(operator, &bundle).await?.map(|bundle| register::members(&bundle.body));
    let name = ObjectName::AlertState(source.entity.clone());
    let stored = get(operator, &name).await?;
    let state = AlertState::read(stored.as_ref().map(|stored| &stored.body[..]));
    let from = stored.as_ref().and_then(|stored| stored.metadata.get(key::GENERATION).cloned());
    let standing = match rules {
        Some(None) => Standing::Wrong(format!("cannot be compared: {bundle} is no register")),
        rules => {
            let members = rules.flatten().unwrap_or_default();
            let (rules, _) = RuleSet::read(&members);
            let subject = Subject {
                entity: &source.entity,
                kind: &definition.entity,
                generation: source.generation,
                newest: source.newest.as_ref(),
                document: source.document.as_ref(),
                before: None,
                origin: None,
                now: operator.tools.clock.now(),
            };
            let transitions = decide(&state, subject, &rules);
            match (transitions.is_empty(), &from) {
                (false, _) => Standing::Wrong(format!(
                    "is out of date: {} rules hold and are not open, {} are open and hold no more",
                    transitions.opened.len(),
                    transitions.closed.len()
                )),
                (true, None) => Standing::Absent,
                (true, Some(from)) if *from == source.generation_text() => Standing::Current,
                (true, Some(_)) => Standing::Same,
            }
        }
    };
    let mut derived = vec![Derived::new(&name, from, standing)];
    for alert in state.open.iter().filter(|alert| alert.is_told()) {
        let name = alert.name(&source.entity);
        let there = get(operator, &name).await?.is_some();
        let standing = match there {
            true => Standing::Same,
            false => Standing::Wrong("is missing, and its rule is open".to_owned()),
        };
        let from = Some(alert.generation().to_owned());
        derived.push(Derived::new(&name, from, standing));
    }
    Ok(derived)
}
