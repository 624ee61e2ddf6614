//! What lies in `schemas/` and what its documentation says.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use domain::Definitions;
use serde_json::Value;

use super::{CAP_TABLE, IDEA, ROUND, RULE, VENTURE, document, embedded, report, validate};
use crate::{Form, Validators};

const README: &str = include_str!("../../../../schemas/README.md");

#[test]
fn every_schema_fits_the_meta_schema() {
    assert_eq!(embedded().compile_all(), Ok(()));
    for kind in Definitions::embedded().entities() {
        for version in &kind.schema_versions {
            let definitions = Definitions::embedded();
            let schema = document(definitions.schema_text(&kind.entity, version).unwrap());
            let place = format!("{} {version}", kind.entity);
            let meta = jsonschema::draft202012::meta::validate(&schema);
            assert!(meta.is_ok(), "{place}: {meta:?}");
            assert_eq!(
                schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
                "{place}"
            );
        }
    }
}

#[test]
fn every_schema_requires_the_envelope_and_stays_open() {
    let definitions = Definitions::embedded();
    let envelope = ["id", "entity", "env", "schema_version", "created_at", "updated_at"];
    for kind in definitions.entities() {
        for version in &kind.schema_versions {
            let schema = document(definitions.schema_text(&kind.entity, version).unwrap());
            let required = schema["required"].as_array().unwrap();
            let missing: Vec<_> =
                envelope.iter().filter(|name| !required.contains(&Value::from(**name))).collect();
            assert!(missing.is_empty(), "{}: {missing:?}", kind.entity);
            assert_eq!(schema["properties"]["entity"]["const"], kind.entity.as_str());
            assert_eq!(schema["additionalProperties"], true, "{}", kind.entity);
            let versions = &schema["properties"]["schema_version"]["enum"];
            assert_eq!(*versions, Value::from(vec![version.clone(), format!("v{version}")]));
        }
    }
}

#[test]
fn the_examples_of_the_specification_are_valid() {
    let validators = embedded();
    for example in [IDEA, VENTURE, CAP_TABLE, ROUND, RULE] {
        let example = document(example);
        assert_eq!(report(validate(&validators, &example)), "valid\n", "{}", example["id"]);
    }
}

#[test]
fn a_score_is_an_object_or_a_number() {
    let validators = embedded();
    for score in ["8.1", "0", r#"{"overall":8.1}"#, "{}"] {
        let mut idea = document(IDEA);
        idea["score"] = document(score);
        assert_eq!(report(validate(&validators, &idea)), "valid\n", "{score}");
    }
}

#[test]
fn the_example_in_the_documentation_works() {
    let mut blocks = README.split("```json\n").skip(1);
    let mut block = || blocks.next().unwrap().split("```").next().unwrap().to_owned();
    let files = [("licence/entity.json", block()), ("licence/v1.0.0.schema.json", block())];
    let files = files.map(|(path, text)| (path.to_owned(), text));
    let validators = Validators::new(Arc::new(Definitions::from_files(files).unwrap()));
    let licence = document(&block());
    assert_eq!(report(validate(&validators, &licence)), "valid\n");
}

#[test]
fn a_schema_is_compiled_when_it_is_first_needed() {
    let validators = embedded();
    assert_eq!(validators.compiled(), 0);
    validators.validate("venture", "1.0.0", &document(VENTURE)).unwrap();
    validators.validate("venture", "v1.0.0", &document(VENTURE)).unwrap();
    assert_eq!(validators.compiled(), 1);
}

#[test]
fn threads_share_one_compiled_schema() {
    let validators = embedded();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(validate(&validators, &document(RULE)), Ok(())));
        }
    });
    assert_eq!(validators.compiled(), 1);
}

#[test]
fn both_spellings_of_a_version_name_one_schema() {
    let validators = embedded();
    for version in ["1.0.0", "v1.0.0"] {
        let mut venture = document(VENTURE);
        venture["schema_version"] = Value::from(version);
        assert_eq!(report(validate(&validators, &venture)), "valid\n", "{version}");
    }
}

#[test]
fn every_definition_fits_the_schema_of_definitions() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let form = form();
    for kind in Definitions::embedded().entities() {
        let path = schemas.join(&kind.entity).join("entity.json");
        let definition = document(&fs::read_to_string(path).unwrap());
        assert_eq!(form.check(&definition), Ok(()), "{}", kind.entity);
    }
}

fn form() -> Form {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let schema = fs::read_to_string(schemas.join("entity.schema.json")).unwrap();
    Form::new(&document(&schema)).unwrap()
}

/// Whether a definition with these fields besides the required ones is one, by the schema and by
/// the parser.
fn accepted(fields: &str) -> (bool, bool) {
    let entity = format!(r#"{{"entity":"thing","segment":"things","manifest":{{}},{fields}}}"#);
    let by_schema = form().check(&document(&entity)).is_ok();
    let schemas = ["1.0.0", "1.1.0"]
        .map(|version| (format!("thing/v{version}.schema.json"), "{}".to_owned()));
    let files = [("thing/entity.json".to_owned(), entity)].into_iter().chain(schemas);
    (by_schema, Definitions::from_files(files).is_ok())
}

#[test]
fn the_schema_of_definitions_and_the_parser_agree_on_checks() {
    let check =
        |check: &str| accepted(&format!(r#""schema_versions":["1.0.0"],"checks":[{check}]"#));
    for sound in [
        r#"{"le":["/a","/b"]}"#,
        r#"{"each":"/l","eq":["","/b"]}"#,
        r#"{"sum":"/l/*","is":1,"within":0}"#,
        r#"{"sum":"/l/*/a","is":"/b"}"#,
        r#"{"unique":"/l","by":["/a","/b"]}"#,
        r#"{"value":"/l/*/a","in":"/m/*/b"}"#,
        r#"{"keys":"/o","in":"/l/*"}"#,
    ] {
        assert_eq!(check(sound), (true, true), "{sound}");
    }
    for wrong in [
        "{}",
        r#"{"each":"/l"}"#,
        r#"{"le":["/a","/b"],"lt":["/a","/b"]}"#,
        r#"{"le":["/a","/l/*"]}"#,
        r#"{"le":["/a","b"]}"#,
        r#"{"le":["/a","/b"],"within":1}"#,
        r#"{"le":["/a","/b"],"in":"/l/*"}"#,
        r#"{"sum":"/l","is":1}"#,
        r#"{"sum":"/l/*/m/*","is":1}"#,
        r#"{"sum":"/l/*"}"#,
        r#"{"sum":"/l/*","is":1,"within":-1}"#,
        r#"{"sum":"/l/*","is":true}"#,
        r#"{"unique":"/l","by":[]}"#,
        r#"{"unique":"/l/*","by":["/a"]}"#,
        r#"{"value":"/a","in":"/l"}"#,
        r#"{"value":"/a","keys":"/o","in":"/l/*"}"#,
        r#"{"value":"/a","in":"/l/*","by":["/a"]}"#,
    ] {
        assert_eq!(check(wrong), (false, false), "{wrong}");
    }
}

#[test]
fn the_schema_of_definitions_and_the_parser_agree_on_upgrades() {
    let step = |step: &str| {
        accepted(&format!(
            r#""schema_versions":["1.0.0","1.1.0"],"upgrades":[{{"from":"1.0.0","to":"1.1.0","steps":[{step}]}}]"#
        ))
    };
    for sound in [
        "",
        r#"{"default":"/a/b","value":{}}"#,
        r#"{"move":"/a/b","to":"/idea"}"#,
        r#"{"move":"/1/2/3/4/5/6/7/8","to":"/a~1b"}"#,
    ] {
        assert_eq!(step(sound), (true, true), "{sound}");
    }
    for wrong in [
        "{}",
        r#"{"default":"/a"}"#,
        r#"{"default":"/a","value":null}"#,
        r#"{"default":"/a","value":1,"to":"/b"}"#,
        r#"{"move":"","to":"/b"}"#,
        r#"{"move":"/id","to":"/b"}"#,
        r#"{"move":"/a","to":"/op/b"}"#,
        r#"{"move":"/1/2/3/4/5/6/7/8/9","to":"/b"}"#,
        r#"{"rename":"/a","to":"/b"}"#,
    ] {
        assert_eq!(step(wrong), (false, false), "{wrong}");
    }
}
