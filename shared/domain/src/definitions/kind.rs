//! Kinds as a program holds them: those it was built with are read when they are first met.

use std::sync::OnceLock;

use super::EntityDefinition;

include!(concat!(env!("OUT_DIR"), "/definitions.rs"));

/// A kind that the program was built with.
#[derive(Debug)]
pub(super) struct Embedded {
    entity: &'static str,
    segment: &'static str,
    /// Its `entity.json`.
    text: &'static str,
}

/// One kind. A function meets few of those that it was built with before it has answered, and most
/// of the time until it listens would go into reading the others.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Embedded(&'static Embedded, OnceLock<Box<EntityDefinition>>),
    Given(Box<EntityDefinition>),
}

impl Kind {
    pub(super) fn embedded() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|embedded| Self::Embedded(embedded, OnceLock::new()))
    }

    pub(super) fn entity(&self) -> &str {
        match self {
            Self::Embedded(embedded, _) => embedded.entity,
            Self::Given(definition) => &definition.entity,
        }
    }

    pub(super) fn segment(&self) -> &str {
        match self {
            Self::Embedded(embedded, _) => embedded.segment,
            Self::Given(definition) => &definition.segment,
        }
    }

    pub(super) fn definition(&self) -> &EntityDefinition {
        match self {
            Self::Embedded(embedded, read) => read.get_or_init(|| {
                let definition = EntityDefinition::parse(embedded.entity, embedded.text);
                Box::new(definition.expect("a test reads the embedded definitions"))
            }),
            Self::Given(definition) => definition,
        }
    }
}

/// The schema of `entity` at `version` that the program was built with. A program that never asks
/// has none of them in it.
pub(super) fn embedded_schema(entity: &str, version: &str) -> Option<&'static str> {
    SCHEMAS.iter().find(|it| (it.0, it.1) == (entity, version)).map(|it| it.2)
}

/// What [`super::Definitions::digest`] is of the files that the program was built with.
pub(super) const fn embedded_digest() -> &'static str {
    DIGEST
}
