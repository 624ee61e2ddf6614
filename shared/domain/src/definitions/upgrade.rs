//! The declaration of an upgrade: how a document of one schema version becomes one of the next.

use serde::Deserialize;
use serde_json::Value;

use crate::record::RESERVED_FIELDS;

/// How documents of one schema version become documents of the next.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// The version of the documents, without a leading `v`.
    pub from: String,
    /// The version that they become, the next one.
    pub to: String,
    /// What is done to them, in this order.
    pub steps: Vec<Step>,
}

/// One step of an upgrade.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "StepText")]
pub enum Step {
    /// A full document that has no value there gets this one, unless the object is missing in
    /// which it would stand. Merges are left alone.
    Default {
        /// Where.
        at: Place,
        /// The value, never `null`.
        value: Value,
    },
    /// The value moves, in full documents and in merges. What has a value there already keeps it.
    Move {
        /// From here.
        from: Place,
        /// To here.
        to: Place,
    },
}

/// The names of the fields on the way to a value, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub Vec<String>);

/// The deepest place that a step can name: documents become deeper by no more.
const NAMES_MAX: usize = 8;

/// What the platform itself reads and writes.
const ENVELOPE: [&str; 6] = ["id", "entity", "env", "schema_version", "created_at", "updated_at"];

impl Place {
    fn parse(pointer: &str) -> Result<Self, String> {
        let Some(names) = pointer.strip_prefix('/') else {
            return Err(format!("{pointer:?} is no JSON pointer to a field"));
        };
        // RFC 6901, section 4: first ~1, then ~0.
        let unescaped = |name: &str| name.replace("~1", "/").replace("~0", "~");
        let names: Vec<String> = names.split('/').map(unescaped).collect();
        let top = names[0].as_str();
        if ENVELOPE.contains(&top) || RESERVED_FIELDS.contains(&top) {
            return Err(format!("{pointer:?} is a field that no upgrade changes"));
        }
        if names.len() > NAMES_MAX {
            return Err(format!("{pointer:?} has more than {NAMES_MAX} names"));
        }
        Ok(Self(names))
    }
}

/// A step as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepText {
    default: Option<String>,
    value: Option<Value>,
    #[serde(rename = "move")]
    from: Option<String>,
    to: Option<String>,
}

impl TryFrom<StepText> for Step {
    type Error = String;

    fn try_from(text: StepText) -> Result<Self, Self::Error> {
        match (text.default, text.value, text.from, text.to) {
            (Some(at), Some(value), None, None) => {
                Ok(Self::Default { at: Place::parse(&at)?, value })
            }
            (None, None, Some(from), Some(to)) => {
                let (from_place, to_place) = (Place::parse(&from)?, Place::parse(&to)?);
                // A merge that is written in the new form already would be moved once more.
                let inside =
                    from_place.0.starts_with(&to_place.0) || to_place.0.starts_with(&from_place.0);
                match inside {
                    true => Err(format!("{from:?} cannot move to {to:?}: one is inside the other")),
                    false => Ok(Self::Move { from: from_place, to: to_place }),
                }
            }
            _ => Err("a step is one of: default and value, not null; move and to".to_owned()),
        }
    }
}

/// Why `upgrades` do not lead from each of the versions to the next.
pub(super) fn check(versions: &[String], upgrades: &[Upgrade]) -> Result<(), String> {
    if let Some(twice) = (1..versions.len()).find(|at| versions[..*at].contains(&versions[*at])) {
        return Err(format!("schema version {:?} stands twice", versions[twice]));
    }
    let wanted: Vec<(&str, &str)> =
        versions.windows(2).map(|pair| (&*pair[0], &*pair[1])).collect();
    let found: Vec<(&str, &str)> = upgrades.iter().map(|it| (&*it.from, &*it.to)).collect();
    if wanted == found {
        return Ok(());
    }
    let say = |pairs: &[(&str, &str)]| match pairs {
        [] => "none".to_owned(),
        pairs => {
            let pairs = pairs.iter().map(|(from, to)| format!("{from} to {to}"));
            pairs.collect::<Vec<_>>().join(", ")
        }
    };
    Err(format!("upgrades lead from {}, not from {}", say(&found), say(&wanted)))
}
