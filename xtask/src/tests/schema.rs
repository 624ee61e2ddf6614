//! What `cargo xtask schema check` finds, and that it finds nothing here.

use std::collections::BTreeMap;
use std::fs;

use expect_test::expect;
use tempfile::TempDir;

use super::workspace;
use crate::dev::touch::SCHEMAS;
use crate::schema::published::compare;
use crate::schema::{Checked, examples, published};

/// A folder with the one kind `thing`.
fn folder(entity: &str, schema: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(SCHEMAS);
    fs::create_dir_all(folder.join("thing")).unwrap();
    fs::write(folder.join("thing/entity.json"), entity).unwrap();
    fs::write(folder.join("thing/v1.0.0.schema.json"), schema).unwrap();
    root
}

fn problems(entity: &str, schema: &str) -> Vec<String> {
    problems_in(&folder(entity, schema))
}

fn problems_in(root: &TempDir) -> Vec<String> {
    let checked = Checked::read(root.path()).unwrap();
    let mut problems = checked.problems.clone();
    if let Some(definitions) = &checked.definitions {
        let examples = examples::read(root.path(), definitions).unwrap();
        problems.extend(examples::check(&examples, definitions));
    }
    problems
}

#[test]
fn everything_here_is_as_it_should_be() {
    let root = workspace().root;
    let checked = Checked::read(&root).unwrap();
    assert_eq!(checked.problems, [""; 0]);
    let definitions = checked.definitions.unwrap();
    let examples = examples::read(&root, &definitions).unwrap();
    assert_eq!(examples::check(&examples, &definitions), [""; 0]);
    let changed = published::check(&root, &definitions, &checked.files, false).unwrap();
    assert_eq!(changed, [""; 0]);
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let plain = r#"{"type": "object"}"#;
    let thing = |more: &str| {
        format!(
            r#"{{"entity": "thing", "segment": "things", "schema_versions": ["1.0.0"], "manifest": {{}}{more}}}"#
        )
    };
    let mut found = String::new();
    for (entity, schema) in [
        (thing(r#", "indexes": []"#), plain),
        (thing(r#", "indices": [{"name": "by-x", "version": 0, "keys": []}]"#), plain),
        (thing(""), r#"{"type": "objekt"}"#),
        (thing(""), r#"{"$ref": "https://example.com/other.json"}"#),
        ("{".to_owned(), plain),
    ] {
        for problem in problems(&entity, schema) {
            found += &format!("{problem}\n");
        }
        found += "\n";
    }
    expect![[r#"
        schemas/thing/entity.json: /indexes: expected no such field
        schemas/thing/entity.json: unknown field `indexes`, expected one of `entity`, `segment`, `schema_versions`, `upgrades`, `manifest`, `checks`, `indices`

        schemas/thing/entity.json: /indices/0/version: expected at least 1
        schemas/thing/entity.json: /indices/0/keys: expected at least 1 item
        schemas/thing/entity.json: index "by-x": name is no plain word or version is 0

        schema of thing 1.0.0: /type: "objekt" is not valid under any of the schemas listed in the 'anyOf' keyword
        fixtures/entities/thing: no valid example of version 1.0.0
        fixtures/entities/thing: 0 valid and 0 invalid examples; a kind has at least 2 and 5

        schema of thing 1.0.0: Resource 'https://example.com/other.json' is not present in a registry and retrieving it failed: Retrieval is disabled, cannot fetch https://example.com/other.…
        fixtures/entities/thing: no valid example of version 1.0.0
        fixtures/entities/thing: 0 valid and 0 invalid examples; a kind has at least 2 and 5

        schemas/thing/entity.json: not JSON: EOF while parsing an object at line 1 column 1
        schemas/thing/entity.json: not JSON: EOF while parsing an object at line 1 column 1

    "#]].assert_eq(&found);
}

#[test]
fn an_upgrade_is_checked_with_the_examples_of_the_version_before() {
    let entity = r#"{"entity": "thing", "segment": "things", "schema_versions": ["1.0.0", "2.0.0"],
        "upgrades": [{"from": "1.0.0", "to": "2.0.0", "steps": [{"move": "/a", "to": "/b"}]}],
        "manifest": {}}"#;
    let root = folder(entity, r#"{"required": ["a"]}"#);
    let schema = root.path().join("schemas/thing/v2.0.0.schema.json");
    fs::write(schema, r#"{"properties": {"b": {"type": "string"}}}"#).unwrap();
    let examples = root.path().join("fixtures/entities/thing");
    fs::create_dir_all(&examples).unwrap();
    let mut found = String::new();
    for (name, version, rest) in [
        ("moved", "1.0.0", r#""a": "x""#),
        ("new", "2.0.0", r#""b": "y""#),
        ("number", "v1.0.0", r#""a": 1"#),
    ] {
        let example = format!(r#"{{"schema_version": "{version}", {rest}}}"#);
        fs::write(examples.join(format!("valid-{name}.json")), example).unwrap();
        found += &format!("with {name}: {}\n", problems_in(&root).join("; "));
    }
    expect![[r#"
        with moved: fixtures/entities/thing: no valid example of version 2.0.0; fixtures/entities/thing: 1 valid and 0 invalid examples; a kind has at least 2 and 5
        with new: fixtures/entities/thing: 2 valid and 0 invalid examples; a kind has at least 2 and 5
        with number: fixtures/entities/thing/valid-number.json: upgraded to 2.0.0: /b: expected a text, not a number; fixtures/entities/thing: 3 valid and 0 invalid examples; a kind has at least 2 and 5
    "#]].assert_eq(&found);
}

#[test]
fn what_was_published_is_held_to_what_it_was() {
    let declared = BTreeMap::from(
        [("a", "1"), ("b", "2"), ("c", "3")].map(|(name, it)| (name.to_owned(), it.to_owned())),
    );
    assert_eq!(
        compare("1 a\n9 b\n4 d\n", &declared),
        [
            "b has changed since it was published: give it a new version",
            "c is new: `cargo xtask schema check --update` notes it",
            "d was published and is gone: `cargo xtask index drop`, then --update",
        ]
    );
}
