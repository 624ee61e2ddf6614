//! Records and documents of older schema versions.

use std::sync::LazyLock;

use domain::{
    Change, Definitions, EntityDefinition, Generation, HistoryName, Instant, ObjectName, Record,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::Value;

use super::{document, entity, object};
use crate::Metadata;
use crate::fold::{Folded, State, merge};
use crate::plan::places;
use crate::snapshot::{self, Decision, Stored};
use crate::source::Source;
use crate::upgrade;

const ENTITY: &str = r#"{
  "entity": "venture", "segment": "ventures", "schema_versions": ["1.0.0", "1.1.0", "2.0.0"],
  "upgrades": [
    {"from": "1.0.0", "to": "1.1.0", "steps": [
      {"move": "/owner", "to": "/ownerId"},
      {"default": "/status", "value": "Draft"},
      {"default": "/budget/currency", "value": "USD"}
    ]},
    {"from": "1.1.0", "to": "2.0.0", "steps": [
      {"move": "/ownerId", "to": "/team/leadId"},
      {"move": "/budget/spent", "to": "/spentUSD"}
    ]}
  ],
  "manifest": {},
  "indices": [
    {"name": "by-lead", "version": 1, "keys": [{"from": ["/team/leadId"], "transform": "slug"}]}
  ]
}"#;

/// The versions that a revision knew when there were so many of them.
fn revision(versions: usize) -> Definitions {
    let mut definition = document(ENTITY);
    for (field, kept) in [("schema_versions", versions), ("upgrades", versions - 1)] {
        definition[field].as_array_mut().unwrap().truncate(kept);
    }
    let schemas = ["1.0.0", "1.1.0", "2.0.0"]
        .map(|version| (format!("venture/v{version}.schema.json"), "{}".to_owned()));
    let entity = ("venture/entity.json".to_owned(), definition.to_string());
    Definitions::from_files(schemas.into_iter().chain([entity])).unwrap()
}

fn definition() -> &'static EntityDefinition {
    static NEWEST: LazyLock<Definitions> = LazyLock::new(|| revision(3));
    NEWEST.entity("venture").unwrap()
}

fn older_definition() -> &'static EntityDefinition {
    static OLDER: LazyLock<Definitions> = LazyLock::new(|| revision(2));
    OLDER.entity("venture").unwrap()
}

/// A record of V1, as it was written.
fn written(file: &str, body: &str) -> Record {
    let name = format!("{}2025/11/06/{file}.json", ObjectName::history_prefix(&entity("V1")));
    let Ok(ObjectName::History(name)) = ObjectName::parse(&name) else { panic!("{name}") };
    let name: HistoryName = name;
    let created_at = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    Record::read(&name, body.as_bytes(), created_at, definition()).unwrap()
}

/// What documents become, without the time of the record.
fn check(change: fn(domain::json::Object) -> Change, texts: &[&str], expect: Expect) {
    let upgraded = |text: &&str| {
        let record = Record { change: change(object(text)), ..written("x", AT) };
        match upgrade::record(record, definition()) {
            Ok(Record { change: Change::Full(object) | Change::Merge(object), .. }) => {
                format!("{text}\n  {}\n", Value::Object(object))
            }
            Ok(Record { change: Change::Delete, .. }) => "deleted\n".to_owned(),
            Err(unknown) => format!("{text}\n  {unknown}\n"),
        }
    };
    expect.assert_eq(&texts.iter().map(upgraded).collect::<String>());
}

const AT: &str = r#"{"op":"delete","updated_at":"2025-11-06T10:00:00Z"}"#;

#[test]
fn full_documents_take_every_step_from_their_version_on() {
    check(
        Change::Full,
        &[
            r#"{"schema_version":"1.0.0","owner":"a","x":1}"#,
            r#"{"schema_version":"v1.0.0","x":1,"status":"Done","owner":"a","budget":{"spent":0.60,"y":2}}"#,
            r#"{"schema_version":"1.1.0","owner":"a","ownerId":"b"}"#,
            r#"{"schema_version":"v2.0.0","owner":"a","ownerId":"b"}"#,
            r#"{"schema_version":"1.0.0","owner":"a","ownerId":"b"}"#,
            r#"{"schema_version":"1.0.0","owner":null,"status":null,"budget":{"currency":"EUR"}}"#,
            r#"{"schema_version":"1.0.0","owner":"a","team":"x"}"#,
            r#"{"schema_version":"1.0.0","owner":"a","team":null}"#,
            r#"{"schema_version":"1.0.0","owner":"a","team":{"size":3}}"#,
            r#"{"schema_version":"1.0.0","budget":7}"#,
            r#"{"schema_version":"3.0.0"}"#,
            r#"{"schema_version":"vv1.0.0"}"#,
            r#"{}"#,
        ],
        expect![[r#"
            {"schema_version":"1.0.0","owner":"a","x":1}
              {"schema_version":"2.0.0","x":1,"status":"Draft","team":{"leadId":"a"}}
            {"schema_version":"v1.0.0","x":1,"status":"Done","owner":"a","budget":{"spent":0.60,"y":2}}
              {"schema_version":"v2.0.0","x":1,"status":"Done","budget":{"y":2,"currency":"USD"},"team":{"leadId":"a"},"spentUSD":0.60}
            {"schema_version":"1.1.0","owner":"a","ownerId":"b"}
              {"schema_version":"2.0.0","owner":"a","team":{"leadId":"b"}}
            {"schema_version":"v2.0.0","owner":"a","ownerId":"b"}
              {"schema_version":"v2.0.0","owner":"a","ownerId":"b"}
            {"schema_version":"1.0.0","owner":"a","ownerId":"b"}
              {"schema_version":"2.0.0","status":"Draft","team":{"leadId":"b"}}
            {"schema_version":"1.0.0","owner":null,"status":null,"budget":{"currency":"EUR"}}
              {"schema_version":"2.0.0","status":"Draft","budget":{"currency":"EUR"}}
            {"schema_version":"1.0.0","owner":"a","team":"x"}
              {"schema_version":"2.0.0","ownerId":"a","team":"x","status":"Draft"}
            {"schema_version":"1.0.0","owner":"a","team":null}
              {"schema_version":"2.0.0","team":{"leadId":"a"},"status":"Draft"}
            {"schema_version":"1.0.0","owner":"a","team":{"size":3}}
              {"schema_version":"2.0.0","team":{"size":3,"leadId":"a"},"status":"Draft"}
            {"schema_version":"1.0.0","budget":7}
              {"schema_version":"2.0.0","budget":7,"status":"Draft"}
            {"schema_version":"3.0.0"}
              /schema_version: expected one of 1.0.0, 1.1.0, 2.0.0: deploy a release that knows this one, and retry
            {"schema_version":"vv1.0.0"}
              /schema_version: expected one of 1.0.0, 1.1.0, 2.0.0: deploy a release that knows this one, and retry
            {}
              /schema_version: expected one of 1.0.0, 1.1.0, 2.0.0: deploy a release that knows this one, and retry
        "#]],
    );
}

#[test]
fn merges_follow_what_moves_and_nothing_else() {
    check(
        Change::Merge,
        &[
            r#"{"schema_version":"1.0.0","owner":"a","x":1}"#,
            r#"{"schema_version":"1.0.0","owner":null}"#,
            r#"{"schema_version":"v1.1.0","ownerId":"a","owner":"b"}"#,
            r#"{"owner":"a"}"#,
            r#"{"ownerId":"a"}"#,
            r#"{"team":{"leadId":"a"}}"#,
            r#"{"owner":null,"team":{"leadId":"a"}}"#,
            r#"{"owner":"a","team":null}"#,
            r#"{"owner":null,"team":null}"#,
            r#"{"owner":"a","team":["x"]}"#,
            r#"{"owner":{"name":null}}"#,
            r#"{"budget":{"spent":null,"planned":1}}"#,
            r#"{"budget":null}"#,
            r#"{"budget":7,"spentUSD":1}"#,
            r#"{"status":null}"#,
            r#"{"schema_version":"3.0.0"}"#,
        ],
        expect![[r#"
            {"schema_version":"1.0.0","owner":"a","x":1}
              {"schema_version":"2.0.0","x":1,"team":{"leadId":"a"}}
            {"schema_version":"1.0.0","owner":null}
              {"schema_version":"2.0.0","team":{"leadId":null}}
            {"schema_version":"v1.1.0","ownerId":"a","owner":"b"}
              {"schema_version":"v2.0.0","owner":"b","team":{"leadId":"a"}}
            {"owner":"a"}
              {"team":{"leadId":"a"}}
            {"ownerId":"a"}
              {"team":{"leadId":"a"}}
            {"team":{"leadId":"a"}}
              {"team":{"leadId":"a"}}
            {"owner":null,"team":{"leadId":"a"}}
              {"team":{"leadId":"a"}}
            {"owner":"a","team":null}
              {"team":{"leadId":"a"}}
            {"owner":null,"team":null}
              {"team":null}
            {"owner":"a","team":["x"]}
              {"ownerId":"a","team":["x"]}
            {"owner":{"name":null}}
              {"team":{"leadId":{"name":null}}}
            {"budget":{"spent":null,"planned":1}}
              {"budget":{"planned":1},"spentUSD":null}
            {"budget":null}
              {"budget":null,"spentUSD":null}
            {"budget":7,"spentUSD":1}
              {"budget":7,"spentUSD":1}
            {"status":null}
              {"status":null}
            {"schema_version":"3.0.0"}
              /schema_version: expected one of 1.0.0, 1.1.0, 2.0.0: deploy a release that knows this one, and retry
        "#]],
    );
}

#[test]
fn a_move_within_an_object_that_a_merge_removes_leaves_it_removed() {
    let entity = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0","1.1.0"],"manifest":{},
      "upgrades":[{"from":"1.0.0","to":"1.1.0","steps":[{"move":"/a/b","to":"/a/c"}]}]}"#;
    let files = [
        ("venture/entity.json", entity),
        ("venture/v1.0.0.schema.json", "{}"),
        ("venture/v1.1.0.schema.json", "{}"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let definitions = Definitions::from_files(files).unwrap();
    for (patch, expected) in [
        (r#"{"a":null}"#, r#"{"a":null}"#),
        (r#"{"a":{"b":null}}"#, r#"{"a":{"c":null}}"#),
        (r#"{"a":{"x":1,"b":2,"y":3}}"#, r#"{"a":{"x":1,"c":2,"y":3}}"#),
        (r#"{"a":[1]}"#, r#"{"a":[1]}"#),
    ] {
        let change = Change::Merge(object(patch));
        let record = Record { change, ..written("x", AT) };
        let upgraded = upgrade::record(record, definitions.entity("venture").unwrap()).unwrap();
        let Change::Merge(upgraded) = upgraded.change else { panic!("{patch}") };
        assert_eq!(Value::Object(upgraded).to_string(), expected);
    }
}

#[test]
fn an_old_snapshot_has_the_places_of_its_upgraded_document() {
    let folded = Folded::of(vec![written(
        "x",
        r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z","owner":"Bob"}"#,
    )]);
    let folded = folded.unwrap();
    let body = snapshot::body(&folded, &entity("V1"), "venture");
    let metadata = snapshot::metadata(&folded, "run", &[]);
    let object = Some((Generation(1), &body[..], &metadata));
    let source = Source::read(&entity("V1"), definition(), object).unwrap();
    let places = places(definition(), &entity("V1"), source.document.as_ref()).unwrap();
    let names: Vec<String> = places.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["env/dev/indices/ventures/by-lead/bob/V1.json"]);
}

/// A fold, stored by a revision and read by another.
fn stored(folded: &Folded, by: &EntityDefinition, read_by: &EntityDefinition) -> Stored {
    let body = snapshot::body(folded, &entity("V1"), "venture");
    let mut metadata: Metadata = snapshot::metadata(folded, "run", &[]);
    metadata.insert(snapshot::SCHEMA_VERSION.to_owned(), by.newest_version().to_owned());
    snapshot::read(Some((&body, &metadata)), read_by)
}

/// The records as the revision folds them, without those that it does not know.
fn upgraded(records: &[Record], definition: &EntityDefinition) -> Vec<Record> {
    let upgrade = |record: &Record| upgrade::record(record.clone(), definition).ok();
    records.iter().filter_map(upgrade).collect()
}

#[test]
fn a_default_that_a_merge_has_removed_does_not_come_back() {
    let base = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z","status":"A"}"#;
    let removed = r#"{"op":"merge","updated_at":"2025-11-06T10:00:01Z","status":null}"#;
    let later = r#"{"op":"merge","updated_at":"2025-11-06T10:00:02Z","x":1}"#;
    let history = [written("1", base), written("2", removed), written("3", later)];
    let old = Folded::of(history[..2].to_vec()).unwrap();
    let State::Live(document) = &old.state else { panic!("{old:?}") };
    let wrong = upgrade::full(document.clone(), definition()).unwrap();
    assert_eq!(wrong["status"], "Draft", "the upgrade of the fold gives it back");
    let stored = stored(&old, older_definition(), definition());
    assert!(matches!(stored, Stored::Outdated(_)));
    let late = upgraded(&history[2..], definition());
    let Decision::Refold(from) = snapshot::decide(&stored, late) else { panic!("patched") };
    let history = upgraded(&history, definition());
    let Decision::Put(folded) = snapshot::decide_refolded(&stored, from, history) else { panic!() };
    let State::Live(document) = folded.state else { panic!() };
    expect![[r#"{"id":"V1","entity":"venture","env":"dev","schema_version":"2.0.0","updated_at":"2025-11-06T10:00:02Z","x":1}"#]].assert_eq(&Value::Object(document).to_string());
}

#[test]
fn what_a_newer_revision_wrote_is_left_to_it() {
    let bodies = [
        r#"{"schema_version":"2.0.0","updated_at":"2025-11-06T10:00:00Z"}"#,
        r#"{"op":"merge","updated_at":"2025-11-06T10:00:00Z"}"#,
        AT,
    ];
    for body in bodies {
        let folded = Folded::of(vec![written("1", body)]).unwrap();
        let stored = stored(&folded, definition(), older_definition());
        assert_eq!(stored, Stored::Unknown);
        let next = r#"{"schema_version":"1.1.0","updated_at":"2025-11-06T10:00:01Z"}"#;
        assert_eq!(snapshot::decide(&stored, vec![written("2", next)]), Decision::Retry);
        assert_eq!(snapshot::refold(&stored, &[]), Decision::Retry);
        assert_eq!(snapshot::decide_refolded(&stored, None, Vec::new()), Decision::Retry);
    }
}

#[test]
fn a_base_that_counts_no_more_makes_an_earlier_one_the_base() {
    let early = written("1", r#"{"schema_version":"2.0.0","updated_at":"2025-11-01T10:00:00Z"}"#);
    let base = written("2", r#"{"schema_version":"2.0.0","updated_at":"2025-11-06T10:00:00Z"}"#);
    let stored = stored(&Folded::of(vec![base]).unwrap(), definition(), definition());
    let late = written("3", r#"{"op":"merge","updated_at":"2025-11-06T10:00:01Z","x":1}"#);
    let Decision::Refold(from) = snapshot::refold(&stored, std::slice::from_ref(&late)) else {
        panic!()
    };
    assert!(from.is_some());
    // From that day on nothing is left but the merge.
    let decision = snapshot::decide_refolded(&stored, from, vec![late.clone()]);
    assert_eq!(decision, Decision::Refold(None));
    let decision = snapshot::decide_refolded(&stored, None, vec![early, late]);
    let Decision::Put(folded) = decision else { panic!("{decision:?}") };
    assert!(matches!(folded.state, State::Live(_)));
}

/// Records of all versions, and merges that declare none, with many ties.
fn any_record() -> impl Strategy<Value = (String, String)> {
    (0u32..4, 1u32..4, 0u32..3, 0u8..8, 0usize..3).prop_map(|(second, day, id, what, version)| {
        let version = format!(r#","schema_version":"{}""#, ["1.0.0", "v1.1.0", "2.0.0"][version]);
        let lead =
            [r#""owner""#, r#""ownerId""#, r#""team""#][(second as usize + day as usize) % 3];
        let rest = match what {
            0 | 1 => format!(r#"{version},{lead}:{{"leadId":"a{id}"}},"budget":{{"spent":{day}}}"#),
            2 => r#","op":"delete""#.to_owned(),
            3 => format!(r#"{version},"op":"merge","status":null,"budget":null"#),
            4 => format!(r#","op":"merge",{lead}:null,"x{id}":{day}"#),
            5 => format!(r#"{version},"op":"merge","budget":{{"spent":{id},"y{day}":1}}"#),
            _ => format!(r#","op":"merge",{lead}:{{"leadId":"b{day}"}}"#),
        };
        let body = format!(r#"{{"updated_at":"2025-11-06T10:00:0{second}Z"{rest}}}"#);
        (format!("n{what}_{id}_{day}"), body)
    })
}

/// A history has one record for each name.
fn any_history() -> impl Strategy<Value = Vec<Record>> {
    proptest::collection::vec(any_record(), 1..9).prop_map(|records| {
        let records: std::collections::BTreeMap<String, String> = records.into_iter().collect();
        records.iter().map(|(file, body)| written(file, body)).collect()
    })
}

/// The fold as the design states it: upgrade each record, then the base and the merges after it.
fn naive(mut records: Vec<Record>) -> State {
    records.sort_by(|left, right| left.key.cmp(&right.key));
    let mut state = State::Pending;
    for record in records {
        state = match (upgrade::record(record, definition()).unwrap().change, state) {
            (Change::Full(document), _) => State::Live(document),
            (Change::Delete, _) => State::Deleted,
            (Change::Merge(patch), State::Live(mut document)) => {
                merge(&mut document, patch);
                State::Live(document)
            }
            (Change::Merge(_), state) => state,
        };
    }
    state
}

/// Hands records over one by one to the handlers of two revisions: the older one first, then the
/// newer one, to which what the older one left comes again.
fn deploy(arrivals: &[Record], history: &[Record], before: usize) -> State {
    let mut object: Option<(Vec<u8>, Metadata)> = None;
    let (older, newer) = arrivals.split_at(before);
    let by_older = older.iter().map(|record| (record, older_definition()));
    let again = older.iter().chain(newer).map(|record| (record, definition()));
    // An instance of the older revision is still there when the newer one has written.
    let draining = older.iter().map(|record| (record, older_definition()));
    for (record, revision) in by_older.chain(again).chain(draining) {
        let read = object.as_ref().map(|(body, metadata)| (&body[..], metadata));
        let stored = snapshot::read(read, revision);
        let arrived = upgraded(std::slice::from_ref(record), revision);
        if arrived.is_empty() {
            continue;
        }
        let mut decision = snapshot::decide(&stored, arrived);
        while let Decision::Refold(from) = decision {
            let seen = |other: &&Record| from.is_none_or(|from| other.key.day >= from);
            let listed: Vec<Record> = history.iter().filter(seen).cloned().collect();
            decision = snapshot::decide_refolded(&stored, from, upgraded(&listed, revision));
        }
        if let Decision::Put(folded) = decision {
            let body = snapshot::body(&folded, &entity("V1"), "venture");
            let mut metadata = snapshot::metadata(&folded, "run", &[]);
            let version = revision.newest_version().to_owned();
            metadata.insert(snapshot::SCHEMA_VERSION.to_owned(), version);
            object = Some((body, metadata));
        }
    }
    let (body, metadata) = object.unwrap();
    match snapshot::read(Some((&body, &metadata)), definition()) {
        Stored::Snapshot(folded) => folded.state,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn any_order_and_repetition_fold_to_one_state(
        history in any_history(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let records = upgraded(&history, definition());
        let expected = Folded::of(records.clone()).unwrap();
        prop_assert_eq!(&expected.state, &naive(history));
        let repeated = order.iter().map(|index| index.get(&records).clone());
        let again: Vec<Record> = repeated.chain(records.iter().rev().cloned()).collect();
        prop_assert_eq!(Folded::of(again).unwrap(), expected);
    }

    #[test]
    fn any_prefix_is_a_checkpoint(history in any_history(), cut in any::<prop::sample::Index>()) {
        let mut records = upgraded(&history, definition());
        records.sort_by(|left, right| left.key.cmp(&right.key));
        let cut = 1 + cut.index(records.len());
        let checkpoint = Folded::of(records[..cut].to_vec()).unwrap();
        let resumed = records[cut..].iter().cloned().fold(checkpoint, Folded::with);
        prop_assert_eq!(resumed, Folded::of(records).unwrap());
    }

    #[test]
    fn a_release_between_any_two_deliveries_ends_in_the_fold(
        history in any_history(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        before in any::<prop::sample::Index>(),
    ) {
        let mut arrivals: Vec<Record> =
            order.iter().map(|index| index.get(&history).clone()).collect();
        arrivals.extend(history.iter().rev().cloned());
        let before = before.index(arrivals.len() + 1);
        prop_assert_eq!(deploy(&arrivals, &history, before), naive(history));
    }
}
