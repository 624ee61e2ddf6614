//! A group register: several entities in one index object, each maintained by its own events.
//!
//! On top stands the winner in the shape of a pointer, below it all members with what decides
//! between them. A register is never removed. Nobody wins by writing last: whoever has read an
//! older version of the register fails its compare-and-swap and reads again, so every member is
//! as the acknowledged attempt of its entity's last event has left it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use domain::json::{self, Object};
use domain::scalar::order;
use domain::{EntityDefinition, ObjectName, Version, volatile};
use serde_json::Value;

use crate::Write;
use crate::plan::Place;
use crate::pointer::{pointer, tombstone};
use crate::source::{Source, key};

/// The most members of a register.
pub const MEMBERS_MAX: usize = 1000;

/// Fields of a member that are not shown by the winner on top.
const SORT: &str = "sort";
const ORDER: &str = "order";
const SOURCE: &str = "source";
const MEMBERS: &str = "members";

/// Why a register cannot take a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has [`MEMBERS_MAX`] live members already.
    Full,
    /// What is stored is no register: nobody knows the members that were in it.
    Unreadable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "has {MEMBERS_MAX} members already"),
            Self::Unreadable => f.write_str("is no register: it was not written by us"),
        }
    }
}

/// Decides what has to be written in place of the register `name` so that the member of
/// `source`, which was read after the register, agrees with it. `wanted` is its place in this
/// register; without one a member tombstone is written, as for a pointer. `Ok(None)` when the
/// member came from this very version, or says the same and came from the same projection run.
///
/// # Errors
///
/// [`Refusal`].
pub fn decide(
    name: &ObjectName,
    stored: Option<&[u8]>,
    wanted: Option<&Place>,
    source: &Source,
    definition: &EntityDefinition,
    version: &Version,
) -> Result<Option<Write>, Refusal> {
    let member = match wanted {
        Some(place) => live(place, source, &definition.entity),
        None => dead(source, &definition.entity),
    };
    let mut members = match stored {
        Some(stored) => read(stored).ok_or(Refusal::Unreadable)?,
        None => Vec::new(),
    };
    let id = source.entity.id.as_str();
    let place = members.iter().position(|member| id_of(member) == id);
    let before = place.map(|place| members.remove(place));
    if before.is_some_and(|before| agrees(&before, &member, source, version)) {
        return Ok(None);
    }
    members.push(signed(member, source, version));
    make_room(&mut members)?;
    let with_winner = !matches!(name, ObjectName::Bundle { .. });
    members.sort_by(|left, right| rank(left, right, with_winner));
    let body = json::to_line(&register(members, &definition.entity, with_winner));
    Ok(Some(Write { body, metadata: source.derived_metadata(version) }))
}

/// The live members of a register, without what only the register needs; `None` when the body is
/// no register.
pub fn members(body: &[u8]) -> Option<Vec<Object>> {
    let mut members = read(body)?;
    members.retain(|member| !volatile::is_tombstone(member));
    members.iter_mut().for_each(inner_fields_removed);
    Some(members)
}

/// The members of a register as they are stored; `None` when the body is no register.
pub fn stored_members(body: &[u8]) -> Option<Vec<Object>> {
    read(body)
}

/// Whether a register says of its members what they make it say: each is in it once, in order, and
/// on top stands who wins.
pub fn is_whole(name: &ObjectName, body: &[u8], kind: &str) -> bool {
    let Some(mut members) = read(body) else { return false };
    let with_winner = !matches!(name, ObjectName::Bundle { .. });
    let ids: BTreeSet<&str> = members.iter().map(id_of).collect();
    if ids.len() != members.len() || ids.contains("") {
        return false;
    }
    members.sort_by(|left, right| rank(left, right, with_winner));
    json::to_line(&register(members, kind, with_winner)) == body
}

/// A register without the tombstones among its members; `None` when there are none, or the body is
/// no register.
pub fn without_tombstones(name: &ObjectName, body: &[u8], kind: &str) -> Option<Vec<u8>> {
    let mut members = read(body)?;
    let all = members.len();
    members.retain(|member| !volatile::is_tombstone(member));
    let with_winner = !matches!(name, ObjectName::Bundle { .. });
    (members.len() < all).then(|| json::to_line(&register(members, kind, with_winner)))
}

/// A register without members.
pub fn empty(kind: &str) -> Vec<u8> {
    json::to_line(&register(Vec::new(), kind, false))
}

fn read(body: &[u8]) -> Option<Vec<Object>> {
    let Ok(Value::Object(mut register)) = json::parse(body) else { return None };
    let Some(Value::Array(members)) = register.shift_remove(MEMBERS) else { return None };
    let object = |member: Value| match member {
        Value::Object(member) if member.contains_key("id") => Some(member),
        _ => None,
    };
    members.into_iter().map(object).collect()
}

fn live(place: &Place, source: &Source, kind: &str) -> Object {
    let mut member = object(pointer(place, source, kind));
    if let Some(sort) = &place.sort {
        member.insert(SORT.to_owned(), sort.clone());
    }
    if let Some(newest) = &source.newest {
        let order = [newest.updated_at.to_string(), newest.relative()];
        member.insert(ORDER.to_owned(), Value::from(order.to_vec()));
    }
    member
}

fn dead(source: &Source, kind: &str) -> Object {
    object(tombstone(source, kind))
}

fn signed(mut member: Object, source: &Source, version: &Version) -> Object {
    let signature = [
        (key::GENERATION, source.generation_text()),
        (key::RUN, source.run.clone()),
        (Version::DEFINITIONS, version.definitions.clone()),
    ];
    let signature = signature.map(|(name, value)| (name.to_owned(), Value::String(value)));
    member.insert(SOURCE.to_owned(), Value::Object(signature.into_iter().collect()));
    member
}

/// Whether the member `before` needs no write.
fn agrees(before: &Object, member: &Object, source: &Source, version: &Version) -> bool {
    let Some(Value::Object(signature)) = before.get(SOURCE) else { return false };
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let signature = signature.iter().filter_map(text).collect();
    let comparable = |member: &Object| {
        let mut member = member.clone();
        volatile::FIELDS.iter().for_each(|field| drop(member.shift_remove(*field)));
        member
    };
    source.wrote(&signature)
        || (source.shares_run(&signature, version)
            && json::same_text(&comparable(before), &comparable(member)))
}

/// Tombstones make room: they only spare a write when a delivery comes again.
fn make_room(members: &mut Vec<Object>) -> Result<(), Refusal> {
    let mut removable = members.len().saturating_sub(MEMBERS_MAX);
    members.retain(|member| {
        let goes = removable > 0 && volatile::is_tombstone(member);
        removable -= usize::from(goes);
        !goes
    });
    if removable > 0 { Err(Refusal::Full) } else { Ok(()) }
}

/// Live members first. With a winner: by sort value, order key and id, greatest first; otherwise
/// by id.
fn rank(left: &Object, right: &Object, with_winner: bool) -> Ordering {
    let dead = volatile::is_tombstone;
    let by_id = || id_of(left).cmp(id_of(right));
    if dead(left) || dead(right) || !with_winner {
        return dead(left).cmp(&dead(right)).then_with(by_id);
    }
    let sort = |member: &Object| member.get(SORT).cloned().unwrap_or(Value::Null);
    let key = |member: &Object| {
        let [at, relative] = [0, 1].map(|part| member.get(ORDER)?.get(part)?.as_str());
        domain::OrderKey::parse(at?, relative?)
    };
    let rising =
        order(&sort(left), &sort(right)).then_with(|| key(left).cmp(&key(right))).then_with(by_id);
    rising.reverse()
}

fn register(members: Vec<Object>, kind: &str, with_winner: bool) -> Value {
    let winner = members.first().filter(|member| !volatile::is_tombstone(member));
    let mut register = match winner {
        Some(winner) if with_winner => {
            let mut top = winner.clone();
            inner_fields_removed(&mut top);
            top
        }
        Some(_) => Object::from_iter([("entity".to_owned(), Value::from(kind))]),
        None => {
            let (op, delete) = volatile::TOMBSTONE;
            Object::from_iter([(op.to_owned(), Value::from(delete))])
        }
    };
    let members = members.into_iter().map(Value::Object).collect();
    register.insert(MEMBERS.to_owned(), Value::Array(members));
    Value::Object(register)
}

fn inner_fields_removed(member: &mut Object) {
    [SORT, ORDER, SOURCE].iter().for_each(|field| drop(member.shift_remove(*field)));
}

fn id_of(member: &Object) -> &str {
    member.get("id").and_then(Value::as_str).unwrap_or_default()
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
