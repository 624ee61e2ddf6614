//! Whom a command is about: a kind and an id, as a person says them.

use domain::{EntityDefinition, EntityRef};

use crate::{Operator, Problem};

/// The definition of `kind`.
pub(crate) fn definition<'a>(
    operator: &'a Operator<'_>,
    kind: &str,
) -> Result<&'a EntityDefinition, Problem> {
    let definitions = &operator.tools.definitions;
    definitions.entity(kind).ok_or_else(|| {
        let known: Vec<&str> = definitions.names().collect();
        Problem::new(format!("no kind {kind:?}; there are {}", known.join(", ")))
    })
}

/// The definition of the kind that is stored under `segment`.
pub(crate) fn segment<'a>(
    operator: &'a Operator<'_>,
    segment: &str,
) -> Result<&'a EntityDefinition, Problem> {
    let definitions = &operator.tools.definitions;
    definitions.entity_of_segment(segment).ok_or_else(|| {
        let known: Vec<&str> = definitions.entities().map(|it| it.segment.as_str()).collect();
        Problem::new(format!("no kind is stored under {segment}; there are: {}", known.join(", ")))
    })
}

/// The definitions of the kinds that are stored under `named`; all when it names none.
pub(crate) fn segments<'a>(
    operator: &'a Operator<'_>,
    named: &[String],
) -> Result<Vec<&'a EntityDefinition>, Problem> {
    named.iter().try_for_each(|name| segment(operator, name).map(drop))?;
    let all = operator.tools.definitions.entities();
    Ok(all.filter(|it| named.is_empty() || named.contains(&it.segment)).collect())
}

/// The entity with this id, of the kind that `definition` defines.
pub(crate) fn entity(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    id: &str,
) -> Result<EntityRef, Problem> {
    EntityRef::new(operator.env, &definition.segment, id)
        .map_err(|err| Problem::new(format!("{id:?} is no id: {err}")))
}
