//! What holds of any entity definition, and of any document under it.

use std::sync::LazyLock;

use domain::definitions::{Index, IndexKind};
use domain::fuzzing::{Choices, assert_one_line};
use domain::json::{self, Object};
use domain::{
    Class, Definitions, EntityDefinition, EntityRef, Env, Generation, ObjectName, OrderKey,
    Version, volatile,
};
use serde_json::Value;

use crate::plan::{PLACES_MAX, Place, places};
use crate::source::Source;
use crate::{Write, manifest, pointer, register, upgrade};

/// The longest name of an object, in bytes. (Cloud Storage documentation, "Object name
/// requirements".)
const OBJECT_NAME_BYTES_MAX: usize = 1024;

/// The most changes to a definition that is sound.
const CHANGES_MAX: usize = 6;

/// The most documents under a definition.
const DOCUMENTS_MAX: usize = 3;

/// Words of definitions and of the documents under them.
const WORDS: [&str; 50] = [
    "entity",
    "thing",
    "segment",
    "things",
    "schema_versions",
    "1.0.0",
    "manifest",
    "indices",
    "name",
    "by-a",
    "version",
    "keys",
    "from",
    "each",
    "min",
    "max",
    "where",
    "transform",
    "slug",
    "verbatim",
    "day",
    "month",
    "bucket",
    "latest_by",
    "bundle",
    "show",
    "path",
    "in",
    "not_in",
    "exists",
    "a",
    "b",
    "/a",
    "/b",
    "/a/b",
    "/a/0",
    "",
    "id",
    "updated_at",
    "op",
    "1.1.0",
    "upgrades",
    "move",
    "default",
    "checks",
    "le",
    "unique",
    "sum",
    "/c",
    "/schema_version",
];

/// Ids that names have to carry.
const IDS: [&str; 6] = ["V1", "alerts", "%2F", "東京 1", "_bundle", "a.json"];

/// A definition with an index and a check of every sort, and an upgrade, to be changed.
const SOUND: &str = r#"{
  "entity": "thing", "segment": "things", "schema_versions": ["1.0.0", "1.1.0"],
  "upgrades": [{"from": "1.0.0", "to": "1.1.0", "steps": [{"move": "/c", "to": "/a/b"}, {"default": "/b", "value": ["x"]}]}],
  "manifest": {"a": ["/a", "/b"]},
  "checks": [
    {"le": ["/a", "/b"]}, {"each": "/b", "lt": ["/a", "/b"]},
    {"sum": "/b/*/a", "is": "/a", "within": 0.01}, {"unique": "/b", "by": ["/a"]},
    {"value": "/a", "in": "/b/*"}, {"keys": "/a", "in": "/b/*/a"}
  ],
  "indices": [
    {"name": "by-a", "version": 1, "keys": [{"from": ["/a"], "transform": "slug"}], "show": {"b": ["/b"]}},
    {"name": "by-b", "version": 2, "keys": [{"each": "/b", "from": ["", "/a"], "transform": "verbatim"}]},
    {"name": "by-c", "version": 1, "keys": [{"from": ["/a/b", "/a"], "transform": "bucket"}]},
    {"name": "by-d", "version": 1, "keys": [{"min": {"each": "/b", "where": [{"path": "/a", "not_in": [1.50]}], "from": ["/b"]}, "transform": "month"}]},
    {"name": "by-e", "version": 1, "where": [{"path": "/b", "exists": true}], "keys": [{"from": ["/a"], "transform": "verbatim"}, {"from": ["/b"], "transform": "day"}]},
    {"name": "latest", "version": 1, "keys": [{"from": ["/a"], "transform": "verbatim"}], "latest_by": ["/b"]},
    {"name": "all", "version": 1, "bundle": true, "show": {"a": ["/a"]}}
  ]
}"#;

/// Asserts that the bytes are a definition or an error, and so is one that is sound and then
/// changed; and that under whatever is accepted, and under what this repository has, every
/// document has places that are read again.
pub fn definitions(bytes: &[u8]) {
    static EMBEDDED: LazyLock<Definitions> = LazyLock::new(Definitions::embedded);
    let mut choices = Choices::new(bytes);
    read(String::from_utf8_lossy(bytes).into_owned(), choices.clone());
    let mut kinds = EMBEDDED.entities();
    let changes = choices.below(CHANGES_MAX + kinds.len());
    if let Some(kind) = changes.checked_sub(CHANGES_MAX).and_then(|kind| kinds.nth(kind)) {
        return accepted(&EMBEDDED, kind, choices);
    }
    let mut changed = json::parse(SOUND.as_bytes()).expect("the definition is JSON");
    (0..changes).for_each(|_| change(&mut changed, &mut choices));
    read(changed.to_string(), choices);
}

/// Reads `text` as the definition of the kind that it says it is of.
fn read(text: String, mut choices: Choices<'_>) {
    let kind = entity_of(&text);
    let files = [
        (format!("{kind}/entity.json"), text),
        (format!("{kind}/v1.0.0.schema.json"), String::new()),
        (format!("{kind}/v1.1.0.schema.json"), String::new()),
        (choices.text(), String::new()),
    ];
    match Definitions::from_files(files) {
        Ok(definitions) => {
            let kinds = definitions.entities();
            kinds.for_each(|kind| accepted(&definitions, kind, choices.clone()));
        }
        Err(err) => assert!(!err.path.is_empty() && !err.reason.is_empty(), "{err}"),
    }
}

/// The kind that a definition says it is of, to put it into the folder of that kind.
fn entity_of(text: &str) -> String {
    let value = json::parse(text.as_bytes()).unwrap_or_default();
    value.get("entity").and_then(Value::as_str).unwrap_or("thing").to_owned()
}

/// Puts any value in the place of one that is found by walking in, or takes that away.
fn change(value: &mut Value, choices: &mut Choices<'_>) {
    let further = choices.below(5) > 0;
    match value {
        Value::Object(fields) if further && !fields.is_empty() => {
            let at = choices.below(fields.len());
            let name = fields.keys().nth(at).cloned().unwrap_or_default();
            match choices.below(16) {
                0 => drop(fields.shift_remove(&name)),
                1 => drop(fields.insert(choices.word(&WORDS), choices.value(&WORDS))),
                _ => change(fields.entry(name).or_insert(Value::Null), choices),
            }
        }
        Value::Array(elements) if further && !elements.is_empty() => {
            let at = choices.below(elements.len());
            match choices.below(8) {
                0 => drop(elements.remove(at)),
                1 => elements.push(elements[at].clone()),
                _ => change(&mut elements[at], choices),
            }
        }
        _ => *value = choices.value(&WORDS),
    }
}

fn accepted(definitions: &Definitions, kind: &EntityDefinition, mut choices: Choices<'_>) {
    assert_eq!(definitions.entity_of_segment(&kind.segment), Some(kind));
    assert_eq!(definitions.entity(&kind.entity), Some(kind));
    for _ in 0..=choices.below(DOCUMENTS_MAX) {
        let id = choices.word(&IDS);
        if let Ok(entity) = EntityRef::new(Env::Stg, &kind.segment, &id) {
            let document = document(kind, &mut choices);
            let document = upgraded(kind, document, &mut choices);
            placed(kind, &entity, Value::Object(document));
        }
    }
}

/// The document, or what it becomes when it is of one of the schema versions: one of the newest,
/// with which there is nothing more to do.
fn upgraded(
    definition: &EntityDefinition,
    mut document: Object,
    choices: &mut Choices<'_>,
) -> Object {
    let versions = &definition.schema_versions;
    let Some(version) = versions.get(choices.below(versions.len() + 1)) else { return document };
    document.insert("schema_version".to_owned(), Value::from(version.as_str()));
    let full = upgrade::full(document, definition).expect("the version is known");
    assert_eq!(
        full.get("schema_version").and_then(Value::as_str),
        versions.last().map(String::as_str)
    );
    assert!(!upgrade::is_due(&full, definition));
    assert_eq!(upgrade::full(full.clone(), definition).as_ref(), Ok(&full));
    full
}

/// A document in which the pointers of the definition often find something.
fn document(definition: &EntityDefinition, choices: &mut Choices<'_>) -> Object {
    let mut document = choices.object(&WORDS);
    let fields = definition.manifest.0.iter();
    let shown = definition.indices.iter().flat_map(|index| &index.show.0);
    for (_, alternatives) in fields.chain(shown) {
        for pointer in &alternatives.0 {
            let name = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
            if choices.flag() {
                document.insert(name.to_owned(), choices.value(&WORDS));
            }
        }
    }
    document
}

/// Every place of a document has a name that is read again, and what is written there is right
/// the next time.
fn placed(definition: &EntityDefinition, entity: &EntityRef, document: Value) {
    let Ok(found) = places(definition, entity, Some(&document)) else { return };
    assert!(found.len() <= PLACES_MAX);
    let source = Source {
        entity: entity.clone(),
        generation: Some(Generation(7)),
        document: Some(document),
        run: "run".to_owned(),
        definitions: "d".to_owned(),
        newest: OrderKey::parse("2025-11-06T10:00:00Z", "2025/11/06/x_1.json"),
    };
    for (name, place) in &found {
        let spelled = name.to_string();
        assert_eq!(ObjectName::parse(&spelled).as_ref(), Ok(name), "{spelled}");
        assert!(spelled.len() <= OBJECT_NAME_BYTES_MAX, "{spelled}");
        let kinds = definition.indices.iter().filter(|index| lies_in(index, name)).map(Index::kind);
        let class = match kinds.collect::<Vec<_>>()[..] {
            [IndexKind::Pointers] => Class::Pointer,
            [IndexKind::LatestBy] => Class::Register,
            [IndexKind::Bundle] => Class::Bundle,
            ref other => panic!("{spelled} is of {other:?}"),
        };
        assert_eq!(name.class(), class, "{spelled}");
        match class {
            Class::Pointer => a_pointer(name, place, &source, definition),
            _ => a_register(name, place, &source, definition),
        }
    }
    let written = manifest::decide(None, &source, definition, &version());
    let written = written.expect("there is no manifest yet");
    let fields = stored(&ObjectName::Manifest(entity.clone()), &written);
    assert_eq!(fields.get("id").and_then(Value::as_str), Some(entity.id.as_str()));
    let again = manifest::decide(Some(&written.metadata), &source, definition, &version());
    assert_eq!(again, None, "the manifest is right");
}

/// Whether `index` writes objects of that name.
fn lies_in(index: &Index, name: &ObjectName) -> bool {
    match name {
        ObjectName::Pointer(name) => index.folder() == name.index,
        ObjectName::Register { index: folder, .. } => index.folder() == *folder,
        ObjectName::Bundle { .. } => index.kind() == IndexKind::Bundle,
        _ => false,
    }
}

fn a_pointer(name: &ObjectName, place: &Place, source: &Source, definition: &EntityDefinition) {
    for wanted in [Some(place), None] {
        let written = pointer::decide(None, wanted, source, definition, &version());
        let written = written.expect("there is no pointer yet");
        let fields = stored(name, &written);
        assert_eq!(volatile::is_tombstone(&fields), wanted.is_none());
        let kept = Some((written.body.as_slice(), &written.metadata));
        for source in [source, &next(source)] {
            let again = pointer::decide(kept, wanted, source, definition, &version());
            assert_eq!(again, None, "the pointer is right");
        }
    }
}

fn a_register(name: &ObjectName, place: &Place, source: &Source, definition: &EntityDefinition) {
    for wanted in [Some(place), None] {
        let written = register::decide(name, None, wanted, source, definition, &version());
        let written = written.expect("it is not full").expect("there is no register yet");
        let fields = stored(name, &written);
        assert_eq!(volatile::is_tombstone(&fields), wanted.is_none());
        let members = register::members(&written.body).expect("it is a register");
        assert_eq!(members.len(), usize::from(wanted.is_some()));
        let kept = Some(written.body.as_slice());
        for source in [source, &next(source)] {
            let again = register::decide(name, kept, wanted, source, definition, &version());
            assert_eq!(again, Ok(None), "the register is right");
        }
    }
}

/// A later version of a snapshot that says the same.
fn next(source: &Source) -> Source {
    Source { generation: Some(Generation(8)), ..source.clone() }
}

/// The object that is stored: one line, which equality reads.
fn stored(name: &ObjectName, written: &Write) -> Object {
    let Ok(Value::Object(fields)) = json::parse(&written.body) else {
        panic!("no object: {:?}", String::from_utf8_lossy(&written.body))
    };
    assert_one_line(&Value::Object(fields.clone()));
    let absent = volatile::comparable(name, &written.body).is_none();
    assert_eq!(absent, volatile::is_tombstone(&fields), "{name}");
    fields
}

fn version() -> Version {
    Version { definitions: "d".to_owned(), software: "s".to_owned() }
}
