//! What a history says, computed naively from what the writers meant: the fold and the places in
//! indices.
//!
//! Shares nothing with `projection` and `rules`, and knows the simulation's own definitions by
//! heart. Slow and plain on purpose: it is what everything else is judged by.

use std::collections::BTreeMap;

use domain::json::Object;
use serde_json::{Value, json};

use crate::plan::{Planned, Said, Says};
use crate::timeline::instant;

/// What must be in the bucket, by object name: the text that is compared.
pub(crate) type Expected = BTreeMap<String, String>;

/// One entity, folded.
pub(crate) struct Entity<'a> {
    pub(crate) segment: &'static str,
    pub(crate) id: &'a str,
    pub(crate) kind: &'static str,
    /// The document while it is live; else the `op` that its snapshot has, and since when.
    pub(crate) document: Result<Object, (&'static str, String)>,
    /// Time, record id, and name below `history/` of its newest record.
    newest: (i64, &'a str, &'a str),
}

/// Folds these records.
pub(crate) fn fold<'a>(records: impl IntoIterator<Item = &'a Planned>) -> Vec<Entity<'a>> {
    let mut histories: BTreeMap<(&'static str, &str), Vec<(&Says, &str)>> = BTreeMap::new();
    for record in records {
        let Some(says) = &record.says else { continue };
        let key = (says.entity.0, says.entity.1.as_str());
        histories.entry(key).or_default().push((says, &record.name));
    }
    histories.into_iter().map(|((segment, id), history)| entity(segment, id, history)).collect()
}

fn entity<'a>(
    segment: &'static str,
    id: &'a str,
    mut history: Vec<(&'a Says, &'a str)>,
) -> Entity<'a> {
    history.sort_by_key(|(says, name)| (says.at_ms, &says.record_id, *name));
    let kind = if segment == "rules" { "rule" } else { "venture" };
    let mut document: Result<Object, (&str, String)> = Err(("merge", String::new()));
    let mut newest = (0, "", "");
    for (says, name) in history {
        let relative = name.split("/history/").last().unwrap_or_default();
        newest = (says.at_ms, says.record_id.as_str(), relative);
        let at = instant(says.at_ms).to_string();
        match &says.change {
            Said::Full(fields) => document = Ok(fields.clone()),
            Said::Delete => document = Err(("delete", at)),
            Said::Merge(fields) => match &mut document {
                Ok(document) => {
                    patch(document, fields);
                    document.insert("updated_at".to_owned(), json!(says.at));
                }
                Err(("merge", since)) => *since = at,
                Err(_) => (),
            },
        }
    }
    Entity { segment, id, kind, document, newest }
}

/// RFC 7396.
fn patch(target: &mut Object, fields: &Object) {
    for (field, value) in fields {
        match value {
            Value::Null => drop(target.shift_remove(field)),
            Value::Object(inner) => {
                let mut object = target.get(field).and_then(Value::as_object).cloned();
                patch(object.get_or_insert_default(), inner);
                target.insert(field.clone(), Value::Object(object.unwrap_or_default()));
            }
            value => drop(target.insert(field.clone(), value.clone())),
        }
    }
}

impl Entity<'_> {
    /// Whether this is a rule that is enabled.
    pub(crate) fn is_rule_in_force(&self) -> bool {
        self.kind == "rule" && self.field("enabled") == Some(&json!(true))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.document.as_ref().ok()?.get(name)
    }

    /// The fields that exist, under their names.
    fn shown(&self, fields: &[&str]) -> Object {
        let found = fields.iter().filter_map(|field| Some((*field, self.field(field)?.clone())));
        found.map(|(field, value)| (field.to_owned(), value)).collect()
    }

    fn pointer(&self, fields: &[&str]) -> Object {
        let ptr = format!("env/dev/snapshots/{}/{}.json", self.segment, self.id);
        let head = [("ptr", json!(ptr)), ("id", json!(self.id)), ("entity", json!(self.kind))];
        let head = head.map(|(field, value)| (field.to_owned(), value));
        head.into_iter().chain(self.shown(fields)).collect()
    }

    fn member(&self, fields: &[&str], sort: Option<&Value>) -> Object {
        let mut member = self.pointer(fields);
        member.extend(sort.map(|sort| ("sort".to_owned(), sort.clone())));
        member
            .insert("order".to_owned(), json!([instant(self.newest.0).to_string(), self.newest.2]));
        member
    }

    /// Snapshot, manifest record and pointers.
    pub(crate) fn objects(&self) -> Expected {
        let (segment, id) = (self.segment, self.id);
        let mut objects = Expected::new();
        let snapshot = match &self.document {
            Ok(document) => json!(document).to_string(),
            Err((op, since)) => json!({ "id": id, "entity": self.kind, "env": "dev",
                "updated_at": since, "op": op })
            .to_string(),
        };
        objects.insert(format!("env/dev/snapshots/{segment}/{id}.json"), format!("{snapshot}\n"));
        if self.document.is_err() {
            return objects;
        }
        let mut manifest = Object::new();
        manifest.insert("id".to_owned(), json!(id));
        manifest.insert("entity".to_owned(), json!(self.kind));
        match self.kind {
            "rule" => {
                manifest.extend(self.field("name").map(|name| ("title".to_owned(), name.clone())));
                manifest.extend(self.shown(&["updated_at"]));
            }
            _ => manifest.extend(self.shown(&["title", "status", "updated_at"])),
        }
        let manifest = format!("{}\n", json!(manifest));
        objects.insert(format!("env/dev/manifests/{segment}/by-id/{id}.json"), manifest);
        if self.kind == "venture" {
            for (place, fields) in self.places() {
                let name = format!("env/dev/indices/ventures/{place}/{id}.json");
                objects.insert(name, json!(self.pointer(fields)).to_string());
            }
        }
        objects
    }

    fn places(&self) -> Vec<(String, &'static [&'static str])> {
        let mut places: Vec<(String, &'static [&'static str])> = Vec::new();
        let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        if let Some(status) = self.field("status") {
            places.push((format!("by-status/{}", text(status)), &["title", "status"]));
        }
        for tag in self.field("tags").and_then(Value::as_array).into_iter().flatten() {
            places.push((format!("by-tag/{}", text(tag)), &["title"]));
        }
        let milestones = self.field("milestones").and_then(Value::as_array);
        let due = milestones.into_iter().flatten().filter_map(|it| it["due"].as_str()).min();
        if let (Some(owner), Some(due)) = (self.field("ownerId"), due)
            && self.field("status") != Some(&json!("done"))
        {
            places.push((format!("by-owner-due-v2/{}/{}", text(owner), &due[..7]), &[]));
        }
        places
    }
}

/// The registers: for each group the latest on top and everybody below it, and all rules.
pub(crate) fn registers(entities: &[Entity<'_>]) -> Expected {
    let mut registers = Expected::new();
    let mut groups: BTreeMap<String, Vec<&Entity<'_>>> = BTreeMap::new();
    for entity in entities.iter().filter(|entity| entity.kind == "venture") {
        let group = entity.field("group").and_then(Value::as_str);
        groups.entry(group.unwrap_or_default().to_owned()).or_default().push(entity);
    }
    groups.remove("");
    for (group, mut members) in groups {
        let as_of = |entity: &Entity<'_>| entity.field("as_of").map(Value::to_string);
        members.sort_by_cached_key(|it| (as_of(it), it.newest, it.id));
        members.reverse();
        let mut top = members[0].pointer(&["as_of"]);
        let members = members.iter().map(|it| json!(it.member(&["as_of"], it.field("as_of"))));
        top.insert("members".to_owned(), members.collect());
        let name = format!("env/dev/indices/ventures/latest/{group}.json");
        registers.insert(name, json!(top).to_string());
    }
    let shown = ["name", "applies_to", "condition", "fires", "severity", "channels"];
    let rules = entities.iter().filter(|entity| entity.is_rule_in_force());
    let members: Vec<Value> = rules.map(|rule| json!(rule.member(&shown, None))).collect();
    if !members.is_empty() {
        let bundle = json!({ "entity": "rule", "members": members }).to_string();
        registers.insert("env/dev/indices/rules/_bundle.json".to_owned(), bundle);
    }
    registers
}
