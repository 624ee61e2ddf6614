//! The folders of `fixtures/`.

use emulator::file_name::file_name;
use std::collections::BTreeSet;

use expect_test::{Expect, expect};

use super::{files, workspace};
use crate::scenario::{self, Segments, Step};

#[test]
fn every_scenario_can_be_read() {
    let scenarios = scenario::select(&workspace().root, &[]).unwrap();
    assert!(scenarios.iter().any(|it| it.name == "specification"));
    for scenario in &scenarios {
        let uploads = scenario.when.iter().filter(|it| matches!(it, Step::Upload(_)));
        assert!(uploads.count() > 0, "{} uploads nothing", scenario.name);
    }
}

#[test]
fn every_scenario_says_what_must_be_there() {
    for scenario in scenario::select(&workspace().root, &[]).unwrap() {
        assert!(scenario.then().is_dir(), "{} has no then/", scenario.name);
    }
}

#[test]
fn every_record_of_a_scenario_is_used() {
    let root = workspace().root;
    let texts: Vec<String> = files(&root, "fixtures")
        .iter()
        .filter(|(name, _)| name.ends_with("/scenario.json"))
        .map(|(_, path)| std::fs::read_to_string(path).unwrap())
        .collect();
    for (name, _) in files(&root, "fixtures") {
        let parts: Vec<&str> = name.split('/').collect();
        if let ["fixtures", _, file] = parts.as_slice()
            && *file != "scenario.json"
        {
            assert!(texts.iter().any(|text| text.contains(file)), "{name} is in no scenario");
        }
    }
}

#[test]
fn names_of_fixtures_are_taken_by_every_system() {
    // Windows takes 260 characters for a whole path; this leaves room for where a clone lies.
    const NAME_BYTES_MAX: usize = 180;
    const PART_BYTES_MAX: usize = 100;
    let files = files(&workspace().root, "fixtures");
    let mut folded = BTreeSet::new();
    for (name, _) in &files {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.=@+~/".contains(c);
        assert!(name.chars().all(plain), "{name}");
        assert!(name.len() <= NAME_BYTES_MAX, "{name} is too long");
        for part in name.split('/') {
            assert!(part.len() <= PART_BYTES_MAX, "{name}: {part} is too long");
            let safe = part.replace('~', "-");
            assert_eq!(file_name(&safe), safe, "{name}");
        }
        assert!(folded.insert(name.to_lowercase()), "{name} differs from another in case only");
    }
}

#[test]
fn a_scenario_that_is_not_there_is_answered_with_near_names() {
    check_unknown(
        "venture-live",
        &expect![[
            r#"no scenario "venture-live"; did you mean venture-life or venture-archived or venture-deleted?"#
        ]],
    );
}

fn check_unknown(name: &str, expect: &Expect) {
    let err = scenario::select(&workspace().root, &[name.to_owned()]).unwrap_err();
    expect.assert_eq(&format!("{err:#}"));
}

#[test]
fn mistakes_in_a_scenario_are_explained() {
    check_step(
        r#"{"settle": false}"#,
        &expect![[r#"FIXTURES/s/scenario.json: step 1: "settle" is true or not there"#]],
    );
    check_step(
        r#"{"recrod": "a.json"}"#,
        &expect![[
            r#"FIXTURES/s/scenario.json: a step is one of {"record": file} (and perhaps "name": object name), {"deliver": object name}, {"expire": object name}, {"settle": true}, {"stop": [functions]}, {"start": [functions]} at line 1 column 59"#
        ]],
    );
    check_step(
        r#"{"record": "a.json", "nmae": "x"}"#,
        &expect![[
            r#"FIXTURES/s/scenario.json: a step is one of {"record": file} (and perhaps "name": object name), {"deliver": object name}, {"expire": object name}, {"settle": true}, {"stop": [functions]}, {"start": [functions]} at line 1 column 72"#
        ]],
    );
    check_step(
        r#"{"record": "absent.json"}"#,
        &expect![
            "FIXTURES/s/scenario.json: step 1: FIXTURES/s/absent.json: No such file or directory (os error 2)"
        ],
    );
    check_step(
        r#"{"record": "no-time.json"}"#,
        &expect![[
            r#"FIXTURES/s/scenario.json: step 1: no-time.json: no "updated_at"; give the step a "name""#
        ]],
    );
    check_step(
        r#"{"record": "no-kind.json"}"#,
        &expect![[
            r#"FIXTURES/s/scenario.json: step 1: no-kind.json: no entity "vulture" is defined in schemas/"#
        ]],
    );
}

fn check_step(step: &str, expect: &Expect) {
    let fixtures = tempfile::tempdir().unwrap();
    let folder = fixtures.path().join("s");
    std::fs::create_dir(&folder).unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
    write("scenario.json", &format!(r#"{{"about": "x", "env": "dev", "when": [{step}]}}"#));
    write("no-time.json", r#"{"id": "V1", "entity": "venture"}"#);
    write(
        "no-kind.json",
        r#"{"id": "V1", "entity": "vulture", "updated_at": "2025-10-01T10:00:00Z"}"#,
    );
    let segments = Segments::read(&workspace().root.join("schemas")).unwrap();
    let err = scenario::Scenario::read(fixtures.path(), "s", &segments).unwrap_err();
    let text = format!("{err:#}").replace(&fixtures.path().display().to_string(), "FIXTURES");
    expect.assert_eq(&text);
}

#[test]
fn a_record_is_filed_under_its_own_entity_id_and_time() {
    let segments = Segments::read(&workspace().root.join("schemas")).unwrap();
    let fixtures = workspace().root.join("fixtures");
    let scenario = scenario::Scenario::read(&fixtures, "specification", &segments).unwrap();
    let names: Vec<&str> = scenario
        .given
        .iter()
        .chain(&scenario.when)
        .filter_map(|step| match step {
            Step::Upload(upload) => Some(upload.name.as_str()),
            _ => None,
        })
        .collect();
    expect![[r#"
        env/prod/rules/low-mrr-in-pilot/history/2025/11/02/2025-11-02T08:00:00.000Z_01K91S93000000000000000001.json
        env/prod/ideas/IDEA-001/history/2025/11/06/2025-11-06T10:18:22Z_01K9C20PYG8M3X5V7T9R1N4B6D.json
        env/prod/ventures/V001/history/2025/11/06/2025-11-06T10:21:23.000Z_01K9CAYV5R0000000000000003.json
        env/prod/cap_tables/CT-V001/history/2025/11/06/2025-11-06T10:35:00.000Z_01K9CBQS100000000000000004.json
        env/prod/rounds/R001/history/2025/11/06/2025-11-06T10:30:00.000Z_01K9CBEM200000000000000005.json"#]].assert_eq(&names.join("\n"));
}
