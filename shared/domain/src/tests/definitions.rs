//! Entity definitions, read from files.

use std::fs;
use std::path::Path;

use expect_test::{Expect, expect};

use crate::{Definitions, json};

fn from(entity: &str) -> Result<Definitions, crate::DefinitionError> {
    let files = [("idea/entity.json", entity), ("idea/v1.0.0.schema.json", "{}")];
    Definitions::from_files(files.map(|(path, text)| (path.to_owned(), text.to_owned())))
}

fn check(indices: &str, expect: Expect) {
    let entity = format!(
        r#"{{"entity":"idea","segment":"ideas","schema_versions":["1.0.0"],"manifest":{{}},"indices":[{indices}]}}"#
    );
    expect.assert_eq(&match from(&entity) {
        Ok(definitions) => {
            format!("{:?}", definitions.entities().next().unwrap().indices[0].kind())
        }
        Err(err) => err.to_string(),
    });
}

#[test]
fn the_embedded_definitions_are_those_of_the_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let mut files = Vec::new();
    for kind in folder.read_dir().unwrap().map(|kind| kind.unwrap().path()) {
        for file in kind.read_dir().into_iter().flatten().map(|file| file.unwrap().path()) {
            let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            if path.ends_with(".json") {
                files.push((path, fs::read_to_string(&file).unwrap()));
            }
        }
    }
    let (embedded, read) = (Definitions::embedded(), Definitions::from_files(files).unwrap());
    assert_eq!(embedded.digest(), read.digest());
    assert!(embedded.names().eq(read.names()));
    assert!(embedded.entities().eq(read.entities()));
    for kind in read.entities() {
        assert_eq!(embedded.entity_of_segment(&kind.segment), Some(kind));
        for version in &kind.schema_versions {
            let value = |definitions: &Definitions| {
                let text = definitions.schema_text(&kind.entity, version).unwrap();
                json::parse(text.as_bytes()).unwrap()
            };
            assert_eq!(value(&embedded), value(&read), "{} {version}", kind.entity);
        }
    }
}

#[test]
fn an_index_says_what_it_writes() {
    let key = r#"{"from":["/a"],"transform":"slug"}"#;
    check(
        &format!(r#"{{"name":"by-a","version":1,"keys":[{key}],"show":{{"a":["/a"]}}}}"#),
        expect!["Pointers"],
    );
    check(
        &format!(r#"{{"name":"by-a","version":1,"keys":[{key}],"latest_by":["/b"]}}"#),
        expect!["LatestBy"],
    );
    check(
        r#"{"name":"all","version":1,"bundle":true,"where":[{"path":"/a","exists":true}]}"#,
        expect!["Bundle"],
    );
    check(
        r#"{"name":"by-due","version":2,"keys":[{"min":{"each":"/m","where":[{"path":"/s","not_in":["Done",1.50]}],"from":["/d"]},"transform":"month"}]}"#,
        expect!["Pointers"],
    );
}

#[test]
fn a_mistake_is_named_with_its_file() {
    check(
        r#"{"name":"by a","version":1,"keys":[]}"#,
        expect![[r#"idea/entity.json: index "by a": name is no plain word or version is 0"#]],
    );
    check(
        r#"{"name":"by-a","version":1}"#,
        expect![[r#"idea/entity.json: index "by-a": keys is empty"#]],
    );
    check(
        r#"{"name":"by-a","version":1,"keys":[{"from":["/a"],"min":{"each":"/m","from":[""]},"transform":"slug"}]}"#,
        expect!["idea/entity.json: a key has one of: from; each and from; min; max"],
    );
    check(
        r#"{"name":"by-a","version":1,"keys":[{"from":["/a"],"transform":"upper"}]}"#,
        expect![
            "idea/entity.json: unknown variant `upper`, expected one of `slug`, `month`, `day`, `bucket`, `verbatim`"
        ],
    );
    check(
        r#"{"name":"by-a","version":1,"keys":[{"from":["/a"],"transform":"slug"}],"shows":{}}"#,
        expect![
            "idea/entity.json: unknown field `shows`, expected one of `name`, `version`, `keys`, `where`, `latest_by`, `bundle`, `show`"
        ],
    );
    check(
        r#"{"name":"by-a","version":1,"keys":[{"from":["/a"],"transform":"slug"}],"show":{"op":["/a"]}}"#,
        expect![[
            r#"idea/entity.json: index "by-a": show has a field that every pointer has, or a reserved one"#
        ]],
    );
    let err =
        from(r#"{"entity":"venture","segment":"ventures","schema_versions":[],"manifest":{}}"#)
            .unwrap_err();
    expect![[r#"idea/entity.json: entity is "venture", the folder is "idea""#]]
        .assert_eq(&err.to_string());
    let err =
        from(r#"{"entity":"idea","segment":"tmp","schema_versions":["1.0.0"],"manifest":{}}"#)
            .unwrap_err();
    expect![[r#"idea/entity.json: segment "tmp" is no word or reserved"#]]
        .assert_eq(&err.to_string());
    let err =
        from(r#"{"entity":"idea","segment":"ideas","schema_versions":["2.0.0"],"manifest":{}}"#)
            .unwrap_err();
    expect!["idea/entity.json: there is no v2.0.0.schema.json"].assert_eq(&err.to_string());
}

#[test]
fn a_definition_that_would_write_what_nobody_reads_is_refused() {
    let key = r#"{"from":["/a"],"transform":"slug"}"#;
    check(
        r#"{"name":"a","version":1,"bundle":true},{"name":"b","version":1,"bundle":true}"#,
        expect!["idea/entity.json: more than one bundle"],
    );
    check(
        r#"{"name":"a","version":2,"bundle":true}"#,
        expect![[r#"idea/entity.json: index "a": a bundle has version 1"#]],
    );
    check(
        &format!(r#"{{"name":"{}","version":2,"keys":[{key}]}}"#, "a".repeat(62)),
        expect![[
            r#"idea/entity.json: index "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": name and version are longer than 64 bytes"#
        ]],
    );
    check(
        &format!(r#"{{"name":"a","version":1,"keys":[{key},{key},{key},{key},{key}]}}"#),
        expect![[r#"idea/entity.json: index "a": more than 4 keys"#]],
    );
    check(
        r#"{"name":"a","version":1,"keys":[{"each":"m","from":[""],"transform":"slug"}]}"#,
        expect![[r#"idea/entity.json: index "a": "m" is no JSON pointer, which begins with '/'"#]],
    );
    let manifest = |fields: &str| {
        let entity = format!(
            r#"{{"entity":"idea","segment":"ideas","schema_versions":["1.0.0"],"manifest":{fields}}}"#
        );
        from(&entity).unwrap_err().to_string()
    };
    expect![[r#"idea/entity.json: manifest field "op" is one that every manifest has"#]]
        .assert_eq(&manifest(r#"{"op":["/status"]}"#));
    expect![[r#"idea/entity.json: "status" is no JSON pointer, which begins with '/'"#]]
        .assert_eq(&manifest(r#"{"a":["status"]}"#));
}

/// What the checks of a kind are refused with.
fn check_checks(checks: &str, expect: Expect) {
    let entity = format!(
        r#"{{"entity":"idea","segment":"ideas","schema_versions":["1.0.0"],"manifest":{{}},"checks":[{checks}]}}"#
    );
    expect.assert_eq(&match from(&entity) {
        Ok(definitions) => {
            format!("{} checks", definitions.entities().next().unwrap().checks.len())
        }
        Err(err) => err.to_string(),
    });
}

#[test]
fn a_check_has_one_form() {
    check_checks(
        r#"{"le":["/a","/b"]},{"each":"/c","lt":["/a",""]},{"eq":["/a","/b"]},{"sum":"/l/*/a","is":"/b"},{"sum":"/l/*","is":1.0,"within":1E-6},{"unique":"/l","by":["/a"]},{"value":"/a","in":"/l/*"},{"keys":"/o","in":"/l/*/a"}"#,
        expect!["8 checks"],
    );
    for wrong in [
        r#"{}"#,
        r#"{"le":["/a","/b"],"lt":["/a","/b"]}"#,
        r#"{"each":"/a"}"#,
        r#"{"each":"/l","sum":"/l/*","is":1}"#,
        r#"{"sum":"/l/*"}"#,
        r#"{"within":1}"#,
        r#"{"unique":"/l"}"#,
        r#"{"value":"/a","keys":"/b","in":"/l/*"}"#,
        r#"{"in":"/l/*"}"#,
    ] {
        check_checks(
            wrong,
            expect![
                "idea/entity.json: a check is one of: le, lt or eq, with or without each; sum and is, with or without within; unique and by; value and in; keys and in"
            ],
        );
    }
    check_checks(
        r#"{"le":["/a"]}"#,
        expect!["idea/entity.json: invalid length 1, expected an array of length 2"],
    );
    check_checks(
        r#"{"ge":["/a","/b"]}"#,
        expect![
            "idea/entity.json: unknown field `ge`, expected one of `each`, `le`, `lt`, `eq`, `sum`, `is`, `within`, `unique`, `by`, `value`, `keys`, `in`"
        ],
    );
    check_checks(
        r#"{"le":["/a","b"]}"#,
        expect![[r#"idea/entity.json: "b" is no JSON pointer, which begins with '/'"#]],
    );
    check_checks(
        r#"{"le":["/a","/l/*/b"]}"#,
        expect![[r#"idea/entity.json: "/l/*/b" has a '*' that does not stand for the elements"#]],
    );
    check_checks(
        r#"{"sum":"/l/*/m/*","is":1}"#,
        expect![[r#"idea/entity.json: "/m/*" has a '*' that does not stand for the elements"#]],
    );
    check_checks(
        r#"{"sum":"/a","is":1}"#,
        expect![[r#"idea/entity.json: "/a" has no '*' for the elements of an array"#]],
    );
    check_checks(
        r#"{"sum":"/l/*","is":true}"#,
        expect!["idea/entity.json: sum /l/*: is has to be a number or a JSON pointer"],
    );
    check_checks(
        r#"{"sum":"/l/*","is":1,"within":-1}"#,
        expect!["idea/entity.json: sum /l/*: within is below 0"],
    );
    check_checks(r#"{"unique":"/l","by":[]}"#, expect!["idea/entity.json: unique /l: by is empty"]);
    check_checks(
        r#"{"value":"/a","in":"/l"}"#,
        expect![[r#"idea/entity.json: "/l" has no '*' for the elements of an array"#]],
    );
}

/// What the upgrades of a kind with these schema versions are refused with.
fn check_upgrades(versions: &str, upgrades: &str, expect: Expect) {
    let entity = format!(
        r#"{{"entity":"idea","segment":"ideas","schema_versions":[{versions}],"manifest":{{}},"upgrades":[{upgrades}]}}"#
    );
    let schemas = ["1.0.0", "1.1.0", "2.0.0"]
        .map(|version| (format!("idea/v{version}.schema.json"), "{}".to_owned()));
    let files = [("idea/entity.json".to_owned(), entity)].into_iter().chain(schemas);
    expect.assert_eq(&match Definitions::from_files(files) {
        Ok(definitions) => {
            format!("{} upgrades", definitions.entities().next().unwrap().upgrades.len())
        }
        Err(err) => err.to_string(),
    });
}

#[test]
fn upgrades_lead_from_each_version_to_the_next() {
    let versions = r#""1.0.0","1.1.0","2.0.0""#;
    let first = r#"{"from":"1.0.0","to":"1.1.0","steps":[]}"#;
    let second = r#"{"from":"1.1.0","to":"2.0.0","steps":[]}"#;
    check_upgrades(versions, &format!("{first},{second}"), expect!["2 upgrades"]);
    check_upgrades(
        versions,
        "",
        expect![
            "idea/entity.json: upgrades lead from none, not from 1.0.0 to 1.1.0, 1.1.0 to 2.0.0"
        ],
    );
    check_upgrades(
        versions,
        first,
        expect![
            "idea/entity.json: upgrades lead from 1.0.0 to 1.1.0, not from 1.0.0 to 1.1.0, 1.1.0 to 2.0.0"
        ],
    );
    check_upgrades(
        versions,
        &format!("{second},{first}"),
        expect![
            "idea/entity.json: upgrades lead from 1.1.0 to 2.0.0, 1.0.0 to 1.1.0, not from 1.0.0 to 1.1.0, 1.1.0 to 2.0.0"
        ],
    );
    check_upgrades(
        r#""1.0.0""#,
        first,
        expect!["idea/entity.json: upgrades lead from 1.0.0 to 1.1.0, not from none"],
    );
    check_upgrades(
        r#""1.0.0","1.0.0""#,
        "",
        expect![[r#"idea/entity.json: schema version "1.0.0" stands twice"#]],
    );
}

#[test]
fn a_step_is_a_default_or_a_move() {
    let check = |steps: &str, expect: Expect| {
        let upgrade = format!(r#"{{"from":"1.0.0","to":"1.1.0","steps":[{steps}]}}"#);
        check_upgrades(r#""1.0.0","1.1.0""#, &upgrade, expect);
    };
    check(
        r#"{"default":"/a/b","value":[1]},{"move":"/a/b","to":"/a~1b"},{"move":"/team/lead","to":"/team/leadId"}"#,
        expect!["1 upgrades"],
    );
    check(
        r#"{"default":"/a"}"#,
        expect!["idea/entity.json: a step is one of: default and value, not null; move and to"],
    );
    check(
        r#"{"default":"/a","value":null}"#,
        expect!["idea/entity.json: a step is one of: default and value, not null; move and to"],
    );
    check(
        r#"{"default":"/a","value":1,"to":"/b"}"#,
        expect!["idea/entity.json: a step is one of: default and value, not null; move and to"],
    );
    check(
        r#"{"rename":"/a","to":"/b"}"#,
        expect![
            "idea/entity.json: unknown field `rename`, expected one of `default`, `value`, `move`, `to`"
        ],
    );
    check(
        r#"{"move":"a","to":"/b"}"#,
        expect![[r#"idea/entity.json: "a" is no JSON pointer to a field"#]],
    );
    check(
        r#"{"move":"","to":"/b"}"#,
        expect![[r#"idea/entity.json: "" is no JSON pointer to a field"#]],
    );
    check(
        r#"{"move":"/a","to":"/updated_at"}"#,
        expect![[r#"idea/entity.json: "/updated_at" is a field that no upgrade changes"#]],
    );
    check(
        r#"{"default":"/op/a","value":1}"#,
        expect![[r#"idea/entity.json: "/op/a" is a field that no upgrade changes"#]],
    );
    check(
        r#"{"move":"/a","to":"/a/b"}"#,
        expect![[r#"idea/entity.json: "/a" cannot move to "/a/b": one is inside the other"#]],
    );
    check(
        r#"{"move":"/a/b","to":"/a/b"}"#,
        expect![[r#"idea/entity.json: "/a/b" cannot move to "/a/b": one is inside the other"#]],
    );
    check(
        r#"{"default":"/1/2/3/4/5/6/7/8/9","value":1}"#,
        expect![[r#"idea/entity.json: "/1/2/3/4/5/6/7/8/9" has more than 8 names"#]],
    );
}
