//! What holds of any object name.

use crate::id::{is_segment, is_word};
use crate::{
    Class, Day, EntityRef, Env, HISTORY_FILE_BYTES_MAX, HistoryName, Instant, NameError,
    ObjectName, OrderKey, PointerName, ShardName, ascii, check_id, volatile,
};

use super::{Choices, REASON_BYTES_MAX};

/// Parts of names, ours and hostile ones.
const PARTS: [&str; 42] = [
    "history",
    "snapshots",
    "manifests",
    "indices",
    "reports",
    "schemas",
    "logs",
    "audit",
    "alerts",
    "quarantine",
    "tmp",
    "ventures",
    "by-id",
    "changes",
    "export",
    "_index.json",
    "_bundle.json",
    "_index_shard=0f.ndjson",
    "part-0f.ndjson",
    "_repair",
    "_claims",
    "_state",
    "_jobs",
    "claim",
    "sent",
    "mute",
    "by-status",
    "entity.json",
    "v1.0.0.schema.json",
    "2025",
    "11",
    "06",
    "31",
    "2025-11-06T10",
    "2025-11-06T10:18:22.000Z_01HFB9.json",
    "V1",
    "V1.json",
    ".json",
    "a_.json.gz",
    "",
    ".",
    "..",
];

/// Ids, segments and words, the second half of which are refused somewhere.
const IDS: [&str; 10] =
    ["V1", "ventures", "by-status", "東京", "%2F", "..", "a#1", "e\u{301}", "A*", "2025-11-06T+9"];

/// Shapes of names, with `*` for any part: ours, and some that are nearly ours.
const SHAPES: [&str; 24] = [
    "*/*/history/2025/11/06/*",
    "*/*/history/*/*/*/*.json",
    "*/*/history/2025/11/06/*.json.gz",
    "snapshots/*/*.json",
    "manifests/*/by-id/*.json",
    "manifests/*/changes/*/*.json",
    "manifests/*/*",
    "manifests/*/export/*",
    "manifests/_jobs/*/*.json",
    "indices/*/*/*.json",
    "indices/*/*/*/*.json",
    "indices/*/*/*/*/*.json",
    "indices/*/*",
    "indices/_repair/*/*.json",
    "indices/*/_claims/*/*.json",
    "indices/alerts/_state/*/*.json",
    "indices/alerts/*/*/*.json",
    "reports/alerts/*/*/*.json",
    "reports/quarantine/*/*/*/*.json",
    "schemas/*/*",
    "logs/audit/*/*/*/*",
    "reports/*/history/2025/11/06/*.json",
    "snapshots/*/history/2025/11/06/*.json",
    "alerts/*/history/2025/11/06/*.json",
];

/// Classes under the prefixes that the snapshot-builder's filter leaves out. All others reach it.
const DERIVED: [Class; 16] = [
    Class::Snapshot,
    Class::Manifest,
    Class::Journal,
    Class::Shard,
    Class::ShardIndex,
    Class::Export,
    Class::Pointer,
    Class::Register,
    Class::Bundle,
    Class::RepairWanted,
    Class::Claim,
    Class::AlertState,
    Class::Alert,
    Class::AlertMark,
    Class::AlertSilence,
    Class::JobProgress,
];

/// Asserts what holds of names: of the bytes as a name, of a name put together of parts, and of
/// names made of values.
pub fn object_name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    read(&text);
    encoded(&text);
    let mut choices = Choices::new(bytes);
    let env = choices.one_of(&Env::ALL.each_ref());
    let parts: Vec<String> = match choices.flag() {
        true => (0..choices.below(9)).map(|_| choices.word(&PARTS)).collect(),
        false => vec![shaped(&mut choices)],
    };
    read(&format!("env/{env}/{}", parts.join("/")));
    made(*env, &mut choices);
}

/// A name of one of the shapes, with any part in each place that is open.
fn shaped(choices: &mut Choices<'_>) -> String {
    let mut pieces = choices.one_of(&SHAPES).split('*');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |name, piece| {
        let part =
            if choices.flag() { choices.one_of(&IDS).to_owned() } else { choices.word(&PARTS) };
        format!("{name}{part}{piece}")
    })
}

/// A name is read as what it spells, or refused with a short reason.
fn read(name: &str) {
    match ObjectName::parse(name) {
        Ok(parsed) => accepted(name, &parsed),
        Err(NameError::Foreign) => (),
        Err(NameError::Refused(reason)) => {
            assert!(!reason.is_empty() && reason.len() <= REASON_BYTES_MAX, "{reason}");
        }
    }
}

fn accepted(name: &str, parsed: &ObjectName) {
    assert_eq!(parsed.to_string(), name, "a name is spelled as it was read");
    assert!(name.starts_with(&format!("env/{}/", parsed.env())));
    let class = parsed.class();
    let derived = |env| ObjectName::derived_prefixes(env).into_iter();
    let filtered = Env::ALL.into_iter().flat_map(derived).any(|prefix| name.starts_with(&prefix));
    assert_eq!(filtered, DERIVED.contains(&class), "{name} is {class:?}");
    assert_eq!(
        volatile::comparable(parsed, b"{"),
        (!volatile::CLASSES.contains(&class)).then(|| "{".to_owned())
    );
    match parsed.entity() {
        Some(entity) => {
            assert_eq!(EntityRef::new(entity.env, &entity.segment, &entity.id), Ok(entity.clone()));
            assert_eq!((entity.env, parsed.subject()), (parsed.env(), entity.to_string()));
        }
        None => assert_eq!(parsed.subject(), name),
    }
    match parsed {
        ObjectName::History(history) => record_name(name, history),
        ObjectName::Alert { rule_id, entity_id, alert_id, .. } => {
            [rule_id, entity_id, alert_id].into_iter().for_each(is_id);
        }
        ObjectName::Quarantine { function, segment, id, digest, .. } => {
            assert!(is_word(function) && is_word(segment));
            [id, digest].into_iter().for_each(is_id);
        }
        ObjectName::Journal { hour, .. } => {
            let digits = hour.bytes().filter(u8::is_ascii_digit).count();
            assert!(hour.len() == "yyyy-mm-ddThh".len() && digits == 10, "{hour}");
        }
        ObjectName::Claim { parent, .. } => is_id(parent),
        ObjectName::JobProgress { run, .. } => is_id(run),
        ObjectName::Register { segment, index, .. } => {
            assert!(is_segment(segment) && is_word(index));
        }
        ObjectName::Pointer(PointerName { index, keys, .. }) => {
            assert!(is_word(index) && !keys.is_empty());
        }
        _ => (),
    }
}

fn is_id(id: &String) {
    assert_eq!(check_id(id), Ok(()), "{id:?}");
    assert!(!id.contains('/'), "{id:?}");
}

/// The name of a record is found by listing, and says its place in the order.
fn record_name(name: &str, history: &HistoryName) {
    assert!(name.starts_with(&ObjectName::history_prefix(&history.entity)));
    assert!(name.starts_with(&ObjectName::history_offset(&history.entity, history.day)));
    let before = ObjectName::history_offset(&history.entity, history.day.before());
    assert!(history.day.before() == history.day || *name > *before, "{name} is before {before}");
    assert!(!history.stem().is_empty() && history.stem().contains(history.record_id()));
    let now = Instant::from_unix_millis(0);
    let key = OrderKey::new(now, history);
    assert_eq!(OrderKey::parse(&now.to_string(), &history.relative()), Some(key));
}

/// Text in metadata is read as it was written, and nothing else is read.
fn encoded(text: &str) {
    let ascii = ascii::encode(text);
    assert!(ascii.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{ascii}");
    assert_eq!(ascii::decode(&ascii).as_deref(), Some(text));
    if let Some(decoded) = ascii::decode(text) {
        assert_eq!(ascii::encode(&decoded), text, "nobody has written that");
    }
}

/// Names made of values that are fine each are read as what they were made of.
fn made(env: Env, choices: &mut Choices<'_>) {
    let (segment, id) = (choices.word(&["ventures", "reports"]), choices.word(&["V1", "alerts"]));
    let Ok(entity) = EntityRef::new(env, &segment, &id) else { return };
    let (other, index) = (choices.word(&["R1", "01HFB9"]), choices.word(&["by-status", "all-v2"]));
    let day = Day::parse(&choices.word(&["2025-11-06", "0000-01-01", "9999-12-31"]));
    let file = format!("{}.json", choices.word(&["2025-11-06T10:18:22Z_01HFB9", "_"]));
    let hex = format!("{:02x}", choices.byte());
    let mut names = vec![
        ObjectName::Snapshot(entity.clone()),
        ObjectName::Manifest(entity.clone()),
        ObjectName::RepairWanted(entity.clone()),
        ObjectName::AlertState(entity.clone()),
        ObjectName::Shard(ShardName { env, segment: segment.clone(), hex: hex.clone() }),
        ObjectName::Export(ShardName { env, segment: segment.clone(), hex }),
        ObjectName::ShardIndex { env, segment: segment.clone() },
        ObjectName::Bundle { env, segment: segment.clone() },
    ];
    if let Some(day) = day {
        let hour = format!("{day}T{:02}", choices.below(24));
        names.push(ObjectName::Journal { entity: entity.clone(), hour });
        let long = file.len() > HISTORY_FILE_BYTES_MAX;
        if !long && file != ".json" && !file.contains('/') && !file.chars().any(char::is_control) {
            names.push(ObjectName::History(HistoryName { entity: entity.clone(), day, file }));
        }
    }
    if check_id(&other).is_ok() {
        let (parent, rule_id, alert_id) = (other.clone(), other.clone(), other.clone());
        names.push(ObjectName::Claim { entity: entity.clone(), parent });
        names.push(ObjectName::Alert { env, rule_id, entity_id: id, alert_id });
    }
    if is_word(&index) && check_id(&other).is_ok() {
        let keys = vec![other.clone(); choices.below(4) + 1];
        names.push(ObjectName::Pointer(PointerName { entity, index: index.clone(), keys }));
        names.push(ObjectName::Register { env, segment, index, key: other });
    }
    for name in names {
        assert_eq!(ObjectName::parse(&name.to_string()), Ok(name.clone()), "{name}");
        accepted(&name.to_string(), &name);
    }
}
