//! A note in quarantine, and what is stored now that it speaks about.

use domain::{Generation, ObjectName, digest, json};
use projection::snapshot;
use serde_json::{Value, json};
use store::List;

use crate::quarantine::standing::{Evidence, Standing};
use crate::{Operator, Problem};

/// Hexadecimal digits of an id.
pub(crate) const ID_DIGITS: usize = 32;

/// A note, read.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// What people call it by: a digest of its name.
    pub(crate) id: String,
    /// The name of its object.
    pub(crate) name: String,
    /// The version of its object.
    pub(crate) generation: Generation,
    /// The function that wrote it.
    pub(crate) function: String,
    /// The segment of the entity.
    pub(crate) segment: String,
    /// The id of the entity.
    pub(crate) entity_id: String,
    /// The object that could not be handled; empty when the note cannot be read.
    pub(crate) object: String,
    /// The version of it, in decimal.
    pub(crate) object_generation: String,
    /// Why.
    pub(crate) reasons: Vec<String>,
    /// When, as the note has it.
    pub(crate) quarantined_at: String,
}

impl Note {
    /// `ventures/V1`.
    pub(crate) fn entity(&self) -> String {
        format!("{}/{}", self.segment, self.entity_id)
    }

    /// Everything, for a program.
    pub(crate) fn to_json(&self, standing: &Standing) -> Value {
        let (state, why) = standing.words();
        json!({
            "id": self.id, "state": state, "why": why, "function": self.function,
            "segment": self.segment, "entity_id": self.entity_id, "object": self.object,
            "generation": self.object_generation, "quarantined_at": self.quarantined_at,
            "reasons": self.reasons, "note": self.name,
        })
    }

    /// Reads a note. One whose body nobody of ours wrote says so.
    pub(crate) fn parse(name: &str, generation: Generation, body: &[u8]) -> Option<Self> {
        let Ok(ObjectName::Quarantine { function, segment, id: entity_id, .. }) =
            ObjectName::parse(name)
        else {
            return None;
        };
        let body = json::parse(body).unwrap_or_default();
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let reasons = body["reasons"].as_array().into_iter().flatten();
        let mut reasons: Vec<String> =
            reasons.filter_map(|reason| reason.as_str().map(str::to_owned)).collect();
        if reasons.is_empty() {
            reasons.push("the note says no reason: it was not written by us".to_owned());
        }
        Some(Self {
            id: id(name),
            name: name.to_owned(),
            generation,
            function,
            segment,
            entity_id,
            object: text("object"),
            object_generation: text("generation"),
            reasons,
            quarantined_at: text("quarantined_at"),
        })
    }
}

/// The id of the note `name`. Two functions name their notes about one version of an object alike,
/// but for the folder: the digest is of the whole name.
pub(crate) fn id(name: &str) -> String {
    digest::hex_of(name, ID_DIGITS)
}

/// The names of all notes, in order. One list page for each thousand.
pub(crate) async fn names(operator: &Operator<'_>) -> Result<Vec<String>, Problem> {
    let prefix = format!("env/{}/reports/quarantine/", operator.env);
    let mut list = List { prefix, ..List::default() };
    let mut names = Vec::new();
    loop {
        let page = operator.tools.store.list(&list).await?;
        let listed = page.items.into_iter().map(|item| item.name);
        let is_note =
            |name: &String| matches!(ObjectName::parse(name), Ok(ObjectName::Quarantine { .. }));
        names.extend(listed.filter(is_note));
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => return Ok(names),
        }
    }
}

/// The note `name`; `None` when it is gone. One read.
pub(crate) async fn read(operator: &Operator<'_>, name: &str) -> Result<Option<Note>, Problem> {
    let object = operator.tools.store.get(name, None).await?;
    Ok(object.and_then(|object| Note::parse(name, object.generation, &object.body)))
}

/// What is stored now that decides whether `note` is open. One read, two about a history record.
pub(crate) async fn evidence(operator: &Operator<'_>, note: &Note) -> Result<Evidence, Problem> {
    if note.object.is_empty() {
        return Ok(Evidence::Unnamed);
    }
    let object = match operator.tools.store.get(&note.object, None).await {
        // Content that cannot be read is there all the same.
        Err(err) if err.kind == store::ErrorKind::Unusable => return Ok(Evidence::Unreadable),
        read => read?,
    };
    let Some(object) = object else { return Ok(Evidence::Gone) };
    match ObjectName::parse(&note.object) {
        Ok(ObjectName::History(name)) => {
            let Ok(definition) = operator.tools.definition(&name.entity) else {
                return Ok(Evidence::Undeclared);
            };
            let snapshot = ObjectName::Snapshot(name.entity.clone()).to_string();
            let found = operator.tools.look(&snapshot).await?;
            let found = found.as_ref().map(store::Object::content);
            let stored = snapshot::read(found, definition);
            Ok(Evidence::Record { body: object.body, stored })
        }
        _ => Ok(Evidence::Version(object.generation)),
    }
}
