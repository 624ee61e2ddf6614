//! The mistakes of an earlier platform, one by one: what holds each of them off.

use std::collections::BTreeSet;
use std::fs;

use super::policies::mistakes;
use super::workspace;

/// Those that no plan can show: what went wrong, and the test that would fail on it.
const IN_CODE: [(u8, &str, &str, &str); 17] = [
    (
        1,
        "a precondition on the metageneration, which does not see an overwrite",
        "shared/gcp/src/tests.rs",
        "a_write_without_a_precondition_cannot_be_said",
    ),
    (
        2,
        "an answer that is read wrongly after every write",
        "shared/gcp/tests/it/requests.rs",
        "a_write_carries_resource_content_and_precondition",
    ),
    (
        8,
        "an index that is listed for each event",
        "functions/index-writer/src/tests/operations.rs",
        "every_path_costs_what_its_budget_says_with_10_000_entities",
    ),
    (
        9,
        "a pointer that is deleted while somebody adds it again",
        "functions/index-writer/src/tests/interleavings.rs",
        "a_delete_and_a_pointer_that_is_left_alone_because_it_says_the_same_are_seen",
    ),
    (
        10,
        "a pointer that stays under the name that it had before",
        "functions/index-writer/src/tests/upgrades.rs",
        "a_pointer_whose_key_field_was_renamed_leaves_no_orphan",
    ),
    (
        11,
        "another alert for each delivery",
        "shared/rules/src/tests.rs",
        "an_alert_has_one_id_for_rule_entity_and_opening",
    ),
    (
        12,
        "every rule read for each event",
        "functions/rules-engine/src/tests/operations.rs",
        "every_path_costs_what_its_budget_says",
    ),
    (
        13,
        "an alert for each snapshot while a rule holds",
        "shared/rules/src/tests.rs",
        "an_alert_opens_once_and_closes_when_the_rule_stops_to_hold",
    ),
    (
        14,
        "an alert that is written and never sent",
        "functions/alert-dispatcher/src/tests/sending.rs",
        "a_crash_between_log_and_mark_has_the_alert_sent_again",
    ),
    (
        16,
        "records of equal time, of which the first to come wins",
        "shared/projection/src/tests/folding.rs",
        "equal_times_are_ordered_by_record_id_then_by_name",
    ),
    (
        17,
        "a record without a time, or with one of its own choice, which wins for ever",
        "functions/snapshot-builder/src/tests/refusals.rs",
        "a_record_from_the_future_is_rejected",
    ),
    (
        18,
        "one write for each event of a hot entity",
        "functions/snapshot-builder/src/tests/hot_entity.rs",
        "fifty_records_in_a_second_are_few_writes_of_one_instance",
    ),
    (
        25,
        "a compaction of what has changed that reads everything",
        "functions/manifest-compactor/src/tests/operations.rs",
        "a_hundred_thousand_manifests_take_what_the_formulas_say",
    ),
    (
        27,
        "values that become the same word in an index",
        "shared/projection/src/tests/indices.rs",
        "slugs_keep_values_apart_that_lose_characters",
    ),
    (
        28,
        "ids that are not looked at before they stand in a name",
        "shared/domain/src/tests/names.rs",
        "a_name_of_ours_with_a_hostile_part_is_refused_with_the_reason",
    ),
    (
        3,
        "an error that is acknowledged",
        "shared/cloud-run/src/tests/server.rs",
        "every_end_has_its_status",
    ),
    (
        15,
        "a failure that is taken for a missing object",
        "shared/gcp/tests/it/faults.rs",
        "every_status_has_its_kind_and_its_number_of_attempts",
    ),
];

/// Those that nothing here can make yet, and why.
const NOT_BUILT: [(u8, &str); 2] = [
    (23, "a remark about hot prefixes in a specification: no code"),
    (26, "readers of shards are not built"),
];

/// How many there were.
const ROWS: u8 = 32;

#[test]
fn every_mistake_of_the_earlier_platform_is_held_off_or_named() {
    let planted: BTreeSet<u8> = mistakes().iter().map(|it| it.row).filter(|row| *row > 0).collect();
    let in_code = IN_CODE.iter().map(|(row, ..)| *row);
    let not_built = NOT_BUILT.iter().map(|(row, _)| *row);
    let held: BTreeSet<u8> = planted.into_iter().chain(in_code).chain(not_built).collect();
    assert_eq!(held, (1..=ROWS).collect());
}

#[test]
fn the_tests_that_hold_mistakes_off_are_there() {
    let root = workspace().root;
    let absent = |(_, _, file, test): &&(u8, &str, &str, &str)| {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        !text.contains(&format!("fn {test}()"))
    };
    let absent: Vec<_> = IN_CODE.iter().filter(absent).collect();
    assert!(absent.is_empty(), "{absent:#?}");
}
