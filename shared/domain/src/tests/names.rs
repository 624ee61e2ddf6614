//! Object names, built and read.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::{Class, Env, ObjectName, check_id};

fn check(name: &str, expect: Expect) {
    expect.assert_eq(&match ObjectName::parse(name) {
        Ok(parsed) => {
            assert_eq!(parsed.to_string(), name);
            format!("{:?} {}", parsed.class(), parsed.subject())
        }
        Err(err) => format!("{err:?}"),
    });
}

#[test]
fn every_class_is_read_as_it_is_built() {
    check(
        "env/prod/ideas/IDEA-001/history/2025/11/06/2025-11-06T10:18:22Z_01HFB9.json",
        expect!["History prod/ideas/IDEA-001"],
    );
    check("env/dev/reports/R1/history/2025/11/06/x.json.gz", expect!["History dev/reports/R1"]);
    check("env/prod/snapshots/ventures/V001.json", expect!["Snapshot prod/ventures/V001"]);
    check("env/prod/manifests/ventures/by-id/V001.json", expect!["Manifest prod/ventures/V001"]);
    check(
        "env/prod/manifests/ventures/changes/2025-11-06T10/V001.json",
        expect!["Journal prod/ventures/V001"],
    );
    check(
        "env/prod/manifests/ventures/_index_shard=0f.ndjson",
        expect!["Shard env/prod/manifests/ventures/_index_shard=0f.ndjson"],
    );
    check(
        "env/prod/manifests/ventures/_index.json",
        expect!["ShardIndex env/prod/manifests/ventures/_index.json"],
    );
    check(
        "env/prod/manifests/ventures/export/part-0f.ndjson",
        expect!["Export env/prod/manifests/ventures/export/part-0f.ndjson"],
    );
    check(
        "env/prod/indices/ventures/by-status/pilot/V001.json",
        expect!["Pointer prod/ventures/V001"],
    );
    check(
        "env/prod/indices/playbooks/by-stage-owner/seed/bob/P1.json",
        expect!["Pointer prod/playbooks/P1"],
    );
    check(
        "env/prod/indices/cap_tables/by-venture/V001.json",
        expect!["Register env/prod/indices/cap_tables/by-venture/V001.json"],
    );
    check(
        "env/prod/indices/rules/_bundle.json",
        expect!["Bundle env/prod/indices/rules/_bundle.json"],
    );
    check(
        "env/prod/indices/_repair/ventures/V001.json",
        expect!["RepairWanted prod/ventures/V001"],
    );
    check(
        "env/prod/indices/ventures/_claims/V001/01HFB9.json",
        expect!["Claim prod/ventures/V001"],
    );
    check(
        "env/prod/indices/alerts/_state/ventures/V001.json",
        expect!["AlertState prod/ventures/V001"],
    );
    check(
        "env/prod/reports/alerts/R1/V001/01HFB9.json",
        expect!["Alert env/prod/reports/alerts/R1/V001/01HFB9.json"],
    );
    check(
        "env/prod/indices/alerts/sent/R1/V001/01HFB9/log.json",
        expect!["AlertMark env/prod/indices/alerts/sent/R1/V001/01HFB9/log.json"],
    );
    check(
        "env/prod/reports/quarantine/snapshot-builder/ideas/I1/00ff.json",
        expect!["Quarantine env/prod/reports/quarantine/snapshot-builder/ideas/I1/00ff.json"],
    );
    check(
        "env/prod/schemas/idea/v1.0.0.schema.json",
        expect!["Schema env/prod/schemas/idea/v1.0.0.schema.json"],
    );
    check(
        "env/prod/schemas/idea/entity.json",
        expect!["Definition env/prod/schemas/idea/entity.json"],
    );
    check(
        "env/prod/manifests/_jobs/manifest-compactor/01HFB9.json",
        expect!["JobProgress env/prod/manifests/_jobs/manifest-compactor/01HFB9.json"],
    );
    check(
        "env/prod/logs/audit/2025/11/06/x/y.json",
        expect!["Audit env/prod/logs/audit/2025/11/06/x/y.json"],
    );
}

#[test]
fn what_is_not_ours_is_foreign() {
    for name in [
        "",
        "env",
        "env/",
        "env/qa/snapshots/ventures/V1.json",
        "snapshots/ventures/V1.json",
        "env/prod/snapshots/V1.json",
        "env/prod/snapshots/ventures/V1.txt",
        "/env/prod/tmp/x",
        "env/prod/tmp/x.json",
        "env/prod/snapshots/V1/history/2025/11/06/x.json",
        "env/prod/Ideas/I1/history/2025/11/06/x.json",
        "env/prod/ideas/I1/history/2025/11/06/x.csv",
        "env/prod/ideas/I1/attachments/x.json",
        "env/prod/manifests/ventures/_index_shard=G.ndjson",
        "env/prod/manifests/ventures/changes/2025-11-06T24/V1.json",
        "env/prod/indices/alerts/unknown/x.json",
        "env/prod/schemas/idea/v1.schema.json",
        "env/prod/ideas/a/b/history/2025/11/06/x.json",
    ] {
        assert_eq!(ObjectName::parse(name), Err(crate::NameError::Foreign), "{name}");
    }
}

#[test]
fn a_name_of_ours_with_a_hostile_part_is_refused_with_the_reason() {
    check(
        "env/prod/ideas/../history/2025/11/06/x.json",
        expect![[r#"Refused("id is empty, '.' or '..'")"#]],
    );
    check(
        "env/prod/ideas/a#1/history/2025/11/06/x.json",
        expect![[r#"Refused("id contains '/', '#', '[', ']', '*', '?' or a control character")"#]],
    );
    check(
        "env/prod/ideas/e\u{301}/history/2025/11/06/x.json",
        expect![[r#"Refused("id is not in Unicode normalization form C")"#]],
    );
    check(
        "env/prod/ideas/I1/history/2025/13/06/x.json",
        expect![[r#"Refused("the folders of a history record are not a day")"#]],
    );
    check(
        "env/prod/ideas/I1/history/2025/11/06/.json",
        expect![[r#"Refused("file name of a history record is empty or has control characters")"#]],
    );
    check(
        "env/prod/reports/alerts/history/2025/11/06/x.json",
        expect![[r#"Refused("id is reserved")"#]],
    );
    check("env/prod/snapshots/reports/alerts.json", expect![[r#"Refused("id is reserved")"#]]);
    check(
        &format!("env/prod/snapshots/ideas/{}.json", "x".repeat(129)),
        expect![[r#"Refused("id is longer than 128 bytes of UTF-8")"#]],
    );
}

#[test]
fn classes_have_words_that_read_back() {
    assert!(Class::NAMES.iter().all(|(class, word)| Class::parse(word) == Some(*class)));
}

#[test]
fn the_snapshot_builders_filter_fits() {
    let clauses = ObjectName::derived_prefixes(Env::Prod)
        .map(|prefix| format!("NOT hasPrefix(attributes.objectId,\"{prefix}\")"));
    assert!(clauses.join(" AND ").len() <= 256);
}

proptest! {
    #[test]
    fn any_accepted_id_makes_a_round_trip(id in "\\PC{1,20}") {
        prop_assume!(check_id(&id).is_ok());
        for name in [
            format!("env/dev/ideas/{id}/history/2025/11/06/2025-11-06T10:18:22.000Z_{id}.json"),
            format!("env/dev/snapshots/ideas/{id}.json"),
            format!("env/dev/indices/ideas/by-owner/x/{id}.json"),
        ] {
            let parsed = ObjectName::parse(&name).unwrap();
            prop_assert_eq!(&parsed.entity().unwrap().id, &id);
            prop_assert_eq!(parsed.to_string(), name);
        }
    }

    #[test]
    fn any_text_is_a_name_or_an_error(name in "(env/(dev|prod)/)?[a-z_/.=0-9{}T:é-]{0,60}") {
        if let Ok(parsed) = ObjectName::parse(&name) {
            prop_assert_eq!(parsed.to_string(), name);
        }
    }
}
