//! What holds of any history record.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Choices, REASON_BYTES_MAX, assert_one_line};
use crate::{
    AHEAD_MAX, Change, Definitions, EntityDefinition, EntityRef, Env, HistoryName, Instant,
    ObjectName, OrderKey, RESERVED_FIELDS, Record, ascii, json,
};

/// The most records that one input is made into.
const RECORDS_MAX: usize = 8;

/// Fields of records and what stands in them.
const WORDS: [&str; 22] = [
    "op",
    "merge",
    "delete",
    "updated_at",
    "created_at",
    "schema_version",
    "1.0.0",
    "id",
    "V1",
    "entity",
    "thing",
    "env",
    "dev",
    "origin",
    "actor",
    "reason",
    "status",
    "a",
    "b",
    "2025-11-06T10:18:22.000Z",
    "2025-11-06T10:18:22.001Z",
    "2025-11-09T00:00:00Z",
];

/// When records say they were made: some at one time, the last too far ahead.
const TIMES: [&str; 6] = [
    "2025-11-06T10:18:22.000Z",
    "2025-11-06T12:18:22+02:00",
    "2025-11-06T10:18:22.001Z",
    "2025-11-07T00:00:00Z",
    "2025-11-08T12:00:00Z",
    "2025-11-08T12:00:00.001Z",
];

/// Where records lie, in folders that agree with their time and in folders that do not.
const PLACES: [&str; 8] = [
    "2025/11/06/2025-11-06T10:18:22.000Z_01A.json",
    "2025/11/06/2025-11-06T10:18:22.000Z_01B.json",
    "2025/11/06/2025-11-06T09:00:00Z_01A.json",
    "2025/11/05/2025-11-06T10:18:22.000Z_01A.json",
    "2025/11/07/2025-11-07T00:00:00Z_01C.json.gz",
    "2024/02/29/2025-11-06T12:18:22+02:00_01D.json",
    "0000/01/01/0000-01-01T00:00:00Z_0.json",
    "9999/12/31/without.json",
];

/// The kind of entity whose records these are.
///
/// # Panics
///
/// Never: the definition is a constant.
pub fn kind() -> &'static EntityDefinition {
    static KIND: LazyLock<Definitions> = LazyLock::new(|| {
        let text =
            r#"{"entity":"thing","segment":"things","schema_versions":["1.0.0"],"manifest":{}}"#;
        let files = [("thing/entity.json", text), ("thing/v1.0.0.schema.json", "{}")];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Definitions::from_files(files).expect("the definition of things is sound")
    });
    KIND.entity("thing").expect("there are things")
}

/// Asserts what holds of records: of the bytes as the body of one, and of a history made of
/// choices. Returns those that count, all of one entity, in the order in which they came.
pub fn records(bytes: &[u8]) -> Vec<Record> {
    let entity = EntityRef::new(Env::Dev, "things", "V1").expect("V1 is an entity");
    let created_at = Instant::parse("2025-11-07T12:00:00Z").expect("a constant");
    let mut choices = Choices::new(bytes);
    let mut records: Vec<Record> =
        read(&name(&entity, PLACES[0]), bytes, created_at).into_iter().collect();
    for _ in 0..choices.below(RECORDS_MAX) {
        let place = place(&mut choices);
        let body = json::to_line(&Value::Object(body(&mut choices)));
        let Ok(ObjectName::History(name)) = ObjectName::parse(&spelled(&entity, &place)) else {
            continue;
        };
        // Records are create-only: no two have one name.
        let taken = records.iter().any(|record| record.key.relative() == name.relative());
        records.extend(read(&name, &body, created_at).filter(|_| !taken));
    }
    records
}

/// The body of a record: of each sort as often as the others, or any object.
fn body(choices: &mut Choices<'_>) -> json::Object {
    let op = choices.one_of(&["", "merge", "delete", "full"]);
    let mut body = choices.object(&WORDS);
    if op == "full" {
        body.shift_remove("op");
    } else if !op.is_empty() {
        body.insert("op".to_owned(), Value::from(op));
    }
    if choices.flag() {
        body.insert("updated_at".to_owned(), Value::from(choices.one_of(&TIMES)));
    }
    body
}

/// A place of our own, or one that nobody has foreseen.
fn place(choices: &mut Choices<'_>) -> String {
    match choices.below(4) {
        0 => format!("2025/11/{:02}/{}.json", choices.byte() % 32, choices.text()),
        _ => choices.one_of(&PLACES).to_owned(),
    }
}

fn spelled(entity: &EntityRef, place: &str) -> String {
    format!("{}{place}", ObjectName::history_prefix(entity))
}

fn name(entity: &EntityRef, place: &str) -> HistoryName {
    match ObjectName::parse(&spelled(entity, place)) {
        Ok(ObjectName::History(name)) => name,
        other => panic!("{place} is the place of a record, not {other:?}"),
    }
}

fn read(name: &HistoryName, body: &[u8], created_at: Instant) -> Option<Record> {
    let read = Record::read(name, body, created_at, kind());
    assert_eq!(read, Record::read(name, body, created_at, kind()), "it is read the same again");
    match read {
        Ok(record) => {
            accepted(&record, name, created_at);
            Some(record)
        }
        Err(reasons) => {
            let fine = |reason: &String| !reason.is_empty() && reason.len() <= REASON_BYTES_MAX;
            assert!(!reasons.is_empty() && reasons.iter().all(fine), "{reasons:?}");
            None
        }
    }
}

fn accepted(record: &Record, name: &HistoryName, created_at: Instant) {
    let key = &record.key;
    assert!(key.updated_at <= created_at.after(AHEAD_MAX), "{key:?}");
    assert_eq!(*key, OrderKey::new(key.updated_at, name));
    // As the snapshot keeps it in its metadata.
    let relative = ascii::decode(&ascii::encode(&key.relative())).expect("we have encoded it");
    assert_eq!(OrderKey::parse(&key.updated_at.to_string(), &relative).as_ref(), Some(key));
    let (object, absent): (_, &[&str]) = match &record.change {
        Change::Full(document) => {
            let text = |field: &str| document.get(field).and_then(Value::as_str);
            let EntityRef { env, id, .. } = &name.entity;
            assert_eq!(text("id"), Some(id.as_str()));
            assert_eq!(text("entity"), Some(kind().entity.as_str()));
            assert_eq!(text("env"), Some(env.as_str()));
            (document, &[])
        }
        Change::Merge(patch) => (patch, &["id", "entity", "env", "created_at"]),
        Change::Delete => return,
    };
    let gone = RESERVED_FIELDS.iter().chain(absent);
    gone.for_each(|field| assert!(!object.contains_key(*field), "{field} is in {object:?}"));
    let updated_at = object.get("updated_at").and_then(Value::as_str).and_then(Instant::parse);
    assert_eq!(updated_at, Some(key.updated_at));
    assert_one_line(&Value::Object(object.clone()));
}
