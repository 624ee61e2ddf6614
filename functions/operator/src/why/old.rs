//! Places in indices that an entity had before.

use std::collections::BTreeSet;

use domain::{EntityDefinition, ObjectName};
use projection::fold::{Folded, State};
use projection::plan::places;
use projection::source::Source;
use serde_json::Value;
use store::Object;

use crate::records::Records;
use crate::{Operator, Problem};

/// The newest versions of a snapshot that are looked at.
const VERSIONS_MAX: usize = 20;

/// Where an entity had places, by the versions that still exist and the states, each of which may
/// have been a snapshot, that the kept records lead through.
pub(super) async fn look(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    source: &Source,
    records: &Records,
) -> Result<BTreeSet<ObjectName>, Problem> {
    let entity = &source.entity;
    let names = |document: Option<&Value>| {
        places(definition, entity, document).unwrap_or_default().into_keys()
    };
    let mut old = BTreeSet::new();
    let snapshot = ObjectName::Snapshot(entity.clone()).to_string();
    let versions = operator.tools.store.versions(&snapshot).await?;
    for version in versions.iter().rev().take(VERSIONS_MAX) {
        let read = operator.tools.store.get(&snapshot, Some(version.generation)).await;
        // One that has expired meanwhile, or cannot be read, says nothing.
        let Ok(Some(object)) = read else { continue };
        let parts = Some(Object::parts(&object));
        let document = Source::read(entity, definition, parts).ok().and_then(|it| it.document);
        old.extend(names(document.as_ref()));
    }
    let mut state: Option<Folded> = None;
    for record in &records.kept {
        state = match state {
            None => Folded::of(vec![record.clone()]),
            Some(state) => Some(state.with(record.clone())),
        };
        if let Some(Folded { state: State::Live(document), .. }) = &state {
            old.extend(names(Some(&Value::Object(document.clone()))));
        }
    }
    Ok(old)
}
